"""The pipes of a process as one stream, with small writes that need not wait."""

from __future__ import annotations

import os
import sys
from array import array
from contextlib import suppress

import trio

if sys.platform != "win32":
    import fcntl
    import termios


PIPE_SIZE = 128 * 1024
"""Bytes that the CLI may be ahead of us. With the usual 64 KiB a busy CLI and a busy client
wake each other every few events; with much more, an answer within a flood of events waits
longer than ten milliseconds."""


def descriptor(pipe: trio.abc.ReceiveStream) -> int | None:
    """Return the file descriptor of a pipe, -1 once it is closed.

    `None`: it has none, as on Windows; use its `receive_some`.
    """
    if sys.platform == "win32" or not isinstance(pipe, trio.lowlevel.FdStream):
        return None
    return pipe.fileno()


def widen(pipe: trio.abc.ReceiveStream) -> None:
    """Let a pipe hold more, where the system allows it; it also works otherwise."""
    fd = descriptor(pipe)
    if sys.platform == "linux" and fd is not None:
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def unread(pipe: trio.abc.ReceiveStream) -> int | None:
    """Return how many bytes can be read without waiting; `None` if nobody knows."""
    fd = descriptor(pipe)
    if sys.platform == "win32" or fd is None or fd < 0:
        return None
    count = array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


class ReadingInterrupted(Exception):  # noqa: N818  # it is not an error
    """`interrupt_reading` was called; nothing was read."""


async def read_some(pipe: trio.abc.ReceiveStream, max_bytes: int | None) -> bytes:
    """Wait until there is something to read, and return it; `b""` at the end.

    Unlike the pipe's `receive_some`, which tries first, it waits before it reads: after
    a pipe was emptied, that saves a task switch and a failed read.

    Raises:
      ReadingInterrupted: by `interrupt_reading`.
    """
    fd = descriptor(pipe)
    if fd is None:
        return bytes(await pipe.receive_some(max_bytes))
    if fd < 0:
        raise trio.ClosedResourceError("this pipe was closed")
    while True:
        try:
            await trio.lowlevel.wait_readable(fd)
            return os.read(fd, max_bytes or PIPE_SIZE)
        except BlockingIOError:  # a spurious wake-up
            continue
        except trio.ClosedResourceError:
            if descriptor(pipe) == fd:  # still open: `interrupt_reading` woke us
                raise ReadingInterrupted from None
            raise
        except OSError as error:
            raise trio.BrokenResourceError(f"reading failed: {error}") from error


def interrupt_reading(pipe: trio.abc.ReceiveStream) -> None:
    """End a `read_some` that is waiting now, if that is possible."""
    fd = descriptor(pipe)
    if fd is not None and fd >= 0:
        trio.lowlevel.notify_closing(fd)


def as_stream(
    stdin: trio.abc.SendStream, stdout: trio.abc.ReceiveStream
) -> trio.abc.Stream:
    """Return the pipes of a process as one stream."""
    if sys.platform != "win32" and isinstance(stdin, trio.lowlevel.FdStream):
        return PipeStream(stdin, stdout)
    return trio.StapledStream(stdin, stdout)


if sys.platform != "win32":

    class PipeStream(trio.abc.Stream):
        """Two pipes; small writes can be done without a task switch."""

        def __init__(
            self, stdin: trio.lowlevel.FdStream, stdout: trio.abc.ReceiveStream
        ) -> None:
            self._stdin = stdin
            self._both = trio.StapledStream(stdin, stdout)

        def send_nowait(self, data: bytes) -> int:
            """Write what the pipe accepts now; return the number of bytes written.

            No task may be in `send_all` meanwhile. A broken pipe accepts none: `send_all`
            raises the error.
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
