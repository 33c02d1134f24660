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
"""Seconds that a peer gets to read its last messages and to close its side."""

LINGER = 1.0
"""Seconds to keep reading after the last word. If a socket is closed over unread data, as
after a message that is too big, TCP resets it and the peer loses that word."""


class CloseCode(IntEnum):
    """Why a socket was closed."""

    NORMAL = 1000
    GOING_AWAY = 1001
    """The server ends."""
    POLICY = 1008
    """The first message was wrong or late, or the peer does not read."""
    TOO_BIG = 1009
    """A message was too big."""
    INTERNAL = 1011
    """The CLI or the session is lost."""
    TRY_LATER = 1013
    """The limit of connections is reached."""
    BAD_TOKEN = 4401


@attrs.frozen
class Close:
    """How to close a socket."""

    code: CloseCode
    reason: str = ""
    """Sent to the peer: at most 123 bytes."""


def close_of(closed: ConnectionClosed) -> Close:
    """Return how a connection was closed, from the error that its use raises."""
    if closed.reason is not None and closed.reason.code == CloseCode.TOO_BIG:
        return Close(CloseCode.TOO_BIG)
    return Close(CloseCode.NORMAL)  # the peer has left, whatever its code


async def say_goodbye(
    ws: WebSocketConnection, close: Close, *, after: trio.Event | None = None
) -> None:
    """Close a WebSocket. Shielded, since it is the last word, and bounded.

    Args:
      ws: may be closed already.
      close: how.
      after: wait for this first.
    """
    with last_words(GOODBYE):
        if after is not None:
            await after.wait()
        await ws.aclose(close.code, close.reason)


async def linger(stream: trio.abc.Stream) -> None:
    """Read and discard until the peer has closed its side, or has had time to."""
    gone = (trio.BrokenResourceError, trio.ClosedResourceError)
    with trio.move_on_after(LINGER), suppress(*gone):
        while await stream.receive_some():
            pass
