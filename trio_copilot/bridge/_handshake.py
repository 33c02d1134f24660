"""From the first byte to the right first message: who is not let in gets no further.

Strategy: what can be seen in the HTTP request is refused there, with a status; the token
is in the first message, because what is in a URL ends up in logs and histories. All of
it has one deadline. The reader that is started here lives until the socket's block is
left, so that the last word can be said through it.

This module does not know what a peer does once it is in.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import attrs
import trio
from trio_websocket import (
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)
from wsproto.utilities import ProtocolError

from .._blocks import as_block
from .._scopes import catching, open_block, open_service
from ._access import Access
from ._closing import Close, CloseCode, say_goodbye
from ._messages import BadMessageError, Hello, decode

logger = logging.getLogger("trio_copilot.bridge")

FORBIDDEN = 403
NOT_FOUND = 404
MISDIRECTED = 421


@as_block
async def open_handshake(
    stream: trio.abc.Stream, *, message_size: int, deadline: float
) -> AsyncGenerator[WebSocketRequest | None, None]:
    """Read the request for a WebSocket, and go on reading until the block is left.

    Gives `None` if there is none by the deadline, or if the peer is gone before.
    Whatever a peer sends can only end its own connection.
    """
    requests: list[WebSocketRequest] = []
    arrived = trio.Event()
    heard = _Heard(stream, arrived.set)

    def refuse(error: Exception) -> None:
        logger.info("No WebSocket any more: %s", type(error).__name__)
        arrived.set()

    async def attend() -> None:
        # trio-websocket lets some of them through: a header `Host` that is no name.
        with catching((UnicodeError, ProtocolError), refuse):
            async with open_block() as nursery:
                request = await wrap_server_stream(
                    nursery, heard, max_message_size=message_size
                )
                requests.append(request)
                arrived.set()

    async with open_service(attend):
        with trio.move_on_at(deadline):
            await arrived.wait()
        yield requests[0] if requests else None


@attrs.define(eq=False)
class _Heard(trio.abc.Stream):
    """A stream that tells when no more comes from its peer.

    trio-websocket would wait for the request of a peer that is gone.
    """

    _stream: trio.abc.Stream
    _tell: Callable[[], None]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        chunk: bytes | bytearray = b""
        try:
            chunk = await self._stream.receive_some(max_bytes)
        finally:
            if not chunk:
                self._tell()
        return chunk

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def admit(
    request: WebSocketRequest, access: Access, *, deadline: float
) -> WebSocketConnection | None:
    """Let a peer in, or tell it why not.

    Args:
      request: what it asked for.
      access: what it takes.
      deadline: when its first message must have come, on Trio's clock.

    Raises:
      ConnectionClosed: it has left.
    """
    ws: WebSocketConnection | None = None
    close: Close | None = Close(CloseCode.POLICY, "there was no hello in time")
    with trio.move_on_at(deadline):
        ws = await _accepted(request, access)
        if ws is not None:
            close = await _hear_hello(ws, access)
    if ws is not None and close is not None:
        logger.warning("A peer is not let in: %s", close.reason)
        await say_goodbye(ws, close)
        return None
    return ws


async def _accepted(
    request: WebSocketRequest, access: Access
) -> WebSocketConnection | None:
    status = _refusal(request, access)
    if status is None:
        return await request.accept()
    logger.warning("A peer is not let in: HTTP status %d", status)
    await request.reject(status)
    return None


def _refusal(request: WebSocketRequest, access: Access) -> int | None:
    """Return the HTTP status that a request is refused with, if it is."""
    origins = [value for name, value in request.headers if name == b"origin"]
    origin = origins[0].decode("latin-1") if origins else None
    if len(origins) > 1 or not access.admits_origin(origin):
        return FORBIDDEN
    # Of all headers this one is not in `headers`, and nothing public has it.
    if not access.admits_host(request._event.host):
        return MISDIRECTED
    return None if request.path == "/" else NOT_FOUND


async def _hear_hello(ws: WebSocketConnection, access: Access) -> Close | None:
    """Return `None` if the first message is the right one."""
    message = None
    with suppress(BadMessageError):
        message = decode(await ws.get_message())
    if not isinstance(message, Hello):
        return Close(CloseCode.POLICY, "the first message is hello")
    if not access.has_token(message.token):
        return Close(CloseCode.BAD_TOKEN, "this is not the access token")
    return None
