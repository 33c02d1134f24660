"""Connects to a CLI that somebody else started and that outlives us."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from .._errors import ConnectError
from .._scopes import last_words
from .connections import Tcp

CONNECT_TIMEOUT = 10.0
"""Seconds for name resolution and all addresses; on one machine it takes milliseconds.

Trio tries the next address after 0.25 s, so a single dead one does not use this up.
"""

CLOSE_TIMEOUT = 1.0
"""Seconds for closing a socket; closing does not wait for the peer."""


@asynccontextmanager
async def open_tcp(tcp: Tcp) -> AsyncGenerator[trio.abc.Stream, None]:
    """Hold a connection to `tcp` open for as long as the block lasts.

    The token is not sent here: the handshake does that. `Cancelled` leaves no socket
    behind.

    Raises:
      ConnectError: nobody answers there within `CONNECT_TIMEOUT`.
    """
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            stream = await trio.open_tcp_stream(tcp.host, tcp.port)
    except trio.TooSlowError:
        raise _refusal(tcp, f"no answer within {CONNECT_TIMEOUT:g} s") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: not the name of a host
        raise _refusal(tcp, str(error)) from error
    try:
        yield stream
    finally:
        with last_words(CLOSE_TIMEOUT):
            await stream.aclose()


def _refusal(tcp: Tcp, reason: str) -> ConnectError:
    return ConnectError(
        f"No Copilot CLI at {tcp.host}, port {tcp.port}: {reason}. "
        f"Is one running there? Start it with `copilot --headless --port {tcp.port}`."
    )
