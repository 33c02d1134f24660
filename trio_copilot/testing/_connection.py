"""The scripted CLI's end of the connection to one client.

Everything that leaves goes through `post`, which never waits: one task writes, as many
messages at once as there are. Another task reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import trio
import trio.testing

from .._errors import ProtocolError
from .._wire.codes import INVALID_REQUEST, PARSE_ERROR
from .._wire.encoding import check_size
from .._wire.framing import FrameDecoder, encode_frame
from .._wire.messages import (
    ErrorResponse,
    Message,
    Notification,
    decode_message,
    encode_message,
)
from ._callbacks import Callbacks
from ._changes import Changes

MemoryStream: TypeAlias = trio.StapledStream[
    trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream
]


class ClientConnection:
    """Frames from and to one client.

    Attributes:
      callbacks: the requests that the client has not answered yet.
      received: every message of the client so far, in order.
      torn: whether the client's stream ended within a frame.
      gone: whether the CLI has closed its end.
    """

    def __init__(self, stream: MemoryStream, changes: Changes) -> None:
        self.callbacks: Callbacks = Callbacks(self.post)
        self.received: list[Message] = []
        self.torn: bool = False
        self.gone: bool = False
        self._stream = stream
        self._changes = changes
        self._outgoing, self._outbox = trio.open_memory_channel[bytes](math.inf)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.post(Notification(method, params))

    def post(self, message: Message) -> None:
        """Send a message."""
        self.post_bytes(encode_frame(encode_message(message, as_cli=True)))

    def post_bytes(self, data: bytes) -> None:
        """Send any bytes; once the connection is closing they are dropped."""
        try:
            self._outgoing.send_nowait(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return

    def close(self) -> None:
        """Accept no more messages; those that were posted are still sent."""
        self._outgoing.close()

    def hang_up(self) -> None:
        """Close the streams at once."""
        self.gone = True
        self._stream.send_stream.close()
        self._stream.receive_stream.close()
        self._changes.happened()

    async def write(self) -> None:
        """Write what is posted, until `close` or until the client no longer reads."""
        async for data in self._outbox:
            # In one write, as the CLI does: clients must cut several frames from it.
            burst = bytearray(data)
            while self._outbox.statistics().current_buffer_used:
                burst += self._outbox.receive_nowait()
            try:
                await self._stream.send_all(burst)
            except trio.BrokenResourceError:
                return

    async def read(self, take: Callable[[Message], None]) -> None:
        """Call `take` with each message, until the client closes its end."""
        decoder = FrameDecoder()
        try:
            while data := await self._stream.receive_some():
                decoder.feed(bytes(data))
                while (frame := decoder.next_frame()) is not None:
                    self._take_frame(frame, take)
            decoder.feed(b"")
            decoder.next_frame()  # raises if the stream ended within a frame
        except ProtocolError:
            self.torn = True
        self.close()
        self._changes.happened()

    def _take_frame(self, frame: bytes, take: Callable[[Message], None]) -> None:
        code = PARSE_ERROR
        try:
            # As strict as the CLI, which rejects halves of UTF-16 pairs; our own
            # decoder forgives them, because the CLI sends them.
            msgspec.json.decode(frame)
            check_size(frame)
            code = INVALID_REQUEST
            message = decode_message(frame)
        except (ValueError, RecursionError, ProtocolError) as error:
            self.post(ErrorResponse(None, code, str(error)))
            return
        self.received.append(message)
        self._changes.happened()
        take(message)
