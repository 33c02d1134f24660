"""From the first byte to the right first message.

Strategy: the HTTP request is refused with a status for everything that is visible in it.
The token is in the first message instead, because URLs end up in logs and histories. One
deadline covers all of it. The reader started here lives until the socket's block is left,
so that the last word can be sent through it.

This module does not know what a peer does once it is in.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from http import HTTPStatus

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


@as_block
async def open_handshake(
    stream: trio.abc.Stream, *, message_size: int, deadline: float
) -> AsyncGenerator[WebSocketRequest | None, None]:
    """Read the request for a WebSocket, and keep reading until the block is left.

    Yields `None` if there is none by the deadline, or if the peer leaves before. Whatever
    a peer sends can only end its own connection.
    """
    requests: list[WebSocketRequest] = []  # one at most
    arrived = trio.Event()

    def give_up(error: Exception) -> None:
        logger.info("Not a WebSocket any more: %s", type(error).__name__)
        arrived.set()

    async def read() -> None:
        # trio-websocket does not catch these; a malformed `Host` causes one, for example.
        with catching((UnicodeError, ProtocolError), give_up):
            async with open_block() as nursery:
                # Otherwise it would wait for ever for the request of a peer that has left.
                watched = _WatchedStream(stream, arrived.set)
                request = await wrap_server_stream(
                    nursery, watched, max_message_size=message_size
                )
                requests.append(request)
                arrived.set()

    async with open_service(read):
        with trio.move_on_at(deadline):
            await arrived.wait()
        yield requests[0] if requests else None


@attrs.define(eq=False)
class _WatchedStream(trio.abc.Stream):
    """A stream that reports the end of what it receives."""

    _stream: trio.abc.Stream
    _on_end: Callable[[], None]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        chunk: bytes | bytearray = b""
        try:
            chunk = await self._stream.receive_some(max_bytes)
        finally:
            if not chunk:
                self._on_end()
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
    """Let a peer in; otherwise tell it why not, and return `None`.

    Args:
      request: the request for a WebSocket.
      access: the rules.
      deadline: when the first message is due, on Trio's clock.

    Raises:
      ConnectionClosed: the peer has left.
    """
    ws: WebSocketConnection | None = None
    close = Close(CloseCode.POLICY, "no hello came in time")
    with trio.move_on_at(deadline):
        if (status := _refusal(request, access)) is not None:
            logger.warning("Refused a peer: HTTP status %d", status)
            await request.reject(status)
            return None
        ws = await request.accept()
        message = None
        with suppress(BadMessageError):
            message = decode(await ws.get_message())
        if not isinstance(message, Hello):
            close = Close(CloseCode.POLICY, "the first message must be hello")
        elif not access.has_token(message.token):
            close = Close(CloseCode.BAD_TOKEN, "this is not the access token")
        else:
            return ws
    if ws is not None:
        logger.warning("Refused a peer: %s", close.reason)
        await say_goodbye(ws, close)
    return None


def _refusal(request: WebSocketRequest, access: Access) -> HTTPStatus | None:
    host = request._event.host  # noqa: SLF001  # `request.headers` omits it
    origins = [
        value.decode("latin-1") for name, value in request.headers if name == b"origin"
    ]
    status = access.refusal(host, origins)
    if status is None and request.path != "/":
        return HTTPStatus.NOT_FOUND
    return status
