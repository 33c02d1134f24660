"""The client's end of the connection to a scripted CLI.

A memory stream, but with the manners of a pipe: a long write that is cancelled has been
written in part, and writing to a peer that is gone breaks.
"""

from __future__ import annotations

import trio
import trio.testing

PIPE_SIZE = 64 * 1024
"""Bytes that are written at once, as many as a pipe of Linux holds."""


class ClientEnd(trio.abc.HalfCloseableStream):
    """A stream to a scripted CLI."""

    def __init__(
        self,
        stream: trio.StapledStream[
            trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream
        ],
    ) -> None:
        self._stream = stream
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write; `Cancelled` leaves an unknown part of `data` written."""
        for start in range(0, len(data), PIPE_SIZE):
            try:
                await self._stream.send_all(data[start : start + PIPE_SIZE])
            except trio.ClosedResourceError:
                if self._closed:
                    raise
                raise trio.BrokenResourceError("The scripted CLI is gone") from None

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: there is always room."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read what there is; `Cancelled` loses nothing."""
        return await self._stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Close the CLI's stdin, so to speak: it ends."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close both directions."""
        self._closed = True
        await self._stream.aclose()
