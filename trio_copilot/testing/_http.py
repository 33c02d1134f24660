"""One HTTP/1.1 connection of a server: h11 parses, Trio moves the bytes.

Strategy: requests come one after the other, and while one is answered another task may
read ahead to notice that the client has gone. After an answer that was not ended there
cannot be another: `next_request` returns `None`, and the connection can only be closed.

This module does not know what it serves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from .._extras import complaint

try:
    import h11
except ImportError as error:  # pragma: no cover - the tests have the extra
    raise ImportError(complaint("A scripted model", "testing", ["h11"])) from error

RECEIVE_SIZE = 64 * 1024
"""Bytes per read: the CLI's requests are about 40 KB, mostly the system prompt."""

MAX_HEADER_SIZE = 64 * 1024
"""Bytes of headers; the CLI sends one or two KB, and h11 needs a bound."""


@attrs.frozen
class HttpRequest:
    """A request that has arrived completely."""

    method: str
    path: str
    body: bytes


class HttpConnection:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._state = h11.Connection(
            h11.SERVER, max_incomplete_event_size=MAX_HEADER_SIZE
        )

    async def next_request(self) -> HttpRequest | None:
        """Return the next request, or `None` if there can be no more.

        Raises:
          trio.BrokenResourceError: the connection broke.
          h11.RemoteProtocolError: the client does not speak HTTP.
        """
        if self._state.states == {h11.SERVER: h11.DONE, h11.CLIENT: h11.DONE}:
            self._state.start_next_cycle()
        if self._state.our_state is not h11.IDLE:
            return None
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._state.next_event()
            match event:
                case h11.Request():
                    head = event
                case h11.Data():
                    body += event.data
                case h11.EndOfMessage() if head is not None:
                    path = head.target.decode("ascii").partition("?")[0]
                    return HttpRequest(head.method.decode("ascii"), path, bytes(body))
                case h11.NEED_DATA:
                    self._state.receive_data(await self._receive())
                case _:
                    return None

    async def wait_closed(self) -> None:
        """Return when the client has closed the connection, or it broke.

        Cancelled: what was read is kept for `next_request`.
        """
        while data := await self._receive():
            self._state.receive_data(data)

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(RECEIVE_SIZE))
        except trio.BrokenResourceError:
            return b""

    @property
    def answered(self) -> bool:
        """Whether the answer to the last request has been sent completely."""
        return self._state.our_state is h11.DONE

    async def answer(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer with a JSON body."""
        content = json.dumps(body).encode("ascii")
        fields = {"content-length": str(len(content)), **(headers or {})}
        head = _head(status, "application/json", fields)
        await self._send(head, h11.Data(content), h11.EndOfMessage())

    async def start_events(self) -> None:
        """Send the head of an answer that is a stream of events."""
        await self._send(_head(200, "text/event-stream", {}))

    async def send_event(self, data: str) -> None:
        """Send one event."""
        await self._send(_event(data))

    async def end_events(self, data: str) -> None:
        """Send the last event, and with it the end of the answer."""
        await self._send(_event(data), h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        """Send events in one write: a client that has the last one has them all."""
        data = [self._state.send(event) or b"" for event in events]
        await self._stream.send_all(b"".join(data))


def _head(status: int, content_type: str, headers: Mapping[str, str]) -> h11.Response:
    fields = [("content-type", content_type), *headers.items()]
    return h11.Response(status_code=status, headers=fields)


def _event(data: str) -> h11.Data:
    return h11.Data(f"data: {data}\n\n".encode("ascii"))
