"""The two pipes of a process as one stream, on which small writes need not wait."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import trio

if sys.platform == "linux":
    import fcntl


PIPE_SIZE = 256 * 1024
"""Bytes that the CLI may be ahead of us. With the usual 64 KiB a CLI and a client that
are both busy wake each other for every few events; with a MiB, an answer in a flood of
events waits for more than ten milliseconds."""


def widen(pipe: trio.abc.ReceiveStream) -> None:
    """Let a pipe hold more, where that can be said; it works as well if it does not."""
    if sys.platform == "linux" and isinstance(pipe, trio.lowlevel.FdStream):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def as_stream(
    stdin: trio.abc.SendStream, stdout: trio.abc.ReceiveStream
) -> trio.abc.Stream:
    """Return the pipes of a process as one stream."""
    if sys.platform != "win32" and isinstance(stdin, trio.lowlevel.FdStream):
        return PipeStream(stdin, stdout)
    return trio.StapledStream(stdin, stdout)


if sys.platform != "win32":

    class PipeStream(trio.abc.Stream):
        """Two pipes; what goes out can also be written without a turn of the scheduler."""

        def __init__(
            self, stdin: trio.lowlevel.FdStream, stdout: trio.abc.ReceiveStream
        ) -> None:
            self._stdin = stdin
            self._both = trio.StapledStream(stdin, stdout)

        def send_nowait(self, data: bytes) -> int:
            """Write what goes at once, and return how many bytes that were.

            Nobody may be within `send_all` meanwhile. A broken pipe takes none:
            `send_all` tells what is wrong with it.
            """
            try:
                return os.write(self._stdin.fileno(), data)
            except OSError:
                return 0

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await self._both.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await self._both.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self._both.receive_stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self._both.aclose()
