"""How a socket ends: the codes, and the last word.

This module does not know why a socket ends.
"""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from .._scopes import last_words

GOODBYE = 2.0
"""Seconds that a peer gets to read what waits for it and to close its side."""

LINGER = 1.0
"""Seconds to read on after the last word: to close a socket over what nobody has read,
as after a message that is too big, would make the peer lose that word."""


class CloseCode(IntEnum):
    """Why a socket was closed."""

    NORMAL = 1000
    GOING_AWAY = 1001
    """The server ends."""
    POLICY = 1008
    """No right first message in time, or the peer does not listen."""
    TOO_BIG = 1009
    """A message was too big."""
    INTERNAL = 1011
    """The CLI or the session is lost."""
    TRY_LATER = 1013
    """There are as many connections as may be."""
    BAD_TOKEN = 4401


@attrs.frozen
class Close:
    """How a socket is to be closed."""

    code: CloseCode
    reason: str = ""
    """What the peer is told: 123 bytes at the most."""


def close_of(closed: ConnectionClosed) -> Close:
    """Return how a connection was closed that cannot be used any more."""
    if closed.reason is not None and closed.reason.code == CloseCode.TOO_BIG:
        return Close(CloseCode.TOO_BIG)
    return Close(CloseCode.NORMAL)  # the peer has left, with whatever code


async def say_goodbye(
    ws: WebSocketConnection, close: Close, *, after: trio.Event | None = None
) -> None:
    """Close a WebSocket. Shielded, since it is the last word, and bounded.

    Args:
      ws: may be closed already.
      close: how.
      after: what to wait for first.
    """
    with last_words(GOODBYE):
        if after is not None:
            await after.wait()
        await ws.aclose(close.code, close.reason)


async def linger(stream: trio.abc.Stream) -> None:
    """Read what comes, until the peer has closed its side or had time to."""
    gone = (trio.BrokenResourceError, trio.ClosedResourceError)
    with trio.move_on_after(LINGER), suppress(*gone):
        while await stream.receive_some():
            pass
