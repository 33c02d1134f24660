"""The client's end of the connection to a scripted CLI.

A memory stream that is written as a pipe is: a long write that is cancelled has been
written in part. So a client that tears its frames is caught.
"""

from __future__ import annotations

from typing import TypeAlias

import trio
import trio.testing

PIPE_SIZE = 64 * 1024
"""Bytes that are written at once, as many as a Linux pipe holds."""


class Pipe(trio.abc.SendStream):
    """Writes to a memory stream in pieces."""

    def __init__(self, stream: trio.testing.MemorySendStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write; `Cancelled` leaves an unknown part of `data` written."""
        for start in range(0, len(data), PIPE_SIZE):
            await self._stream.send_all(data[start : start + PIPE_SIZE])

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: a memory stream always has room."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close what would be the CLI's stdin."""
        await self._stream.aclose()


ClientStream: TypeAlias = trio.StapledStream[Pipe, trio.testing.MemoryReceiveStream]
