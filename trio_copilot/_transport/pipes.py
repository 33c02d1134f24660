"""The two pipes of a process as one stream, on which small writes need not wait."""

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
"""Bytes that the CLI may be ahead of us. With the usual 64 KiB a CLI and a client that
are both busy wake each other for every few events; with much more, an answer in a flood
of events waits for more than ten milliseconds."""


def descriptor(pipe: trio.abc.ReceiveStream) -> int | None:
    """Return the file descriptor of a pipe, -1 once it is closed.

    `None`: it has none, as on Windows; only its `receive_some` can be used.
    """
    if sys.platform == "win32" or not isinstance(pipe, trio.lowlevel.FdStream):
        return None
    return pipe.fileno()


def widen(pipe: trio.abc.ReceiveStream) -> None:
    """Let a pipe hold more, where that can be said; it works as well if it does not."""
    fd = descriptor(pipe)
    if sys.platform == "linux" and fd is not None:
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def unread(pipe: trio.abc.ReceiveStream) -> int | None:
    """Return how many bytes can be read without waiting; `None` if that cannot be told."""
    fd = descriptor(pipe)
    if sys.platform == "win32" or fd is None or fd < 0:
        return None
    count = array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


class ReadingInterrupted(Exception):  # noqa: N818  # it is no error
    """`interrupt_reading` was called; nothing was read."""


async def read_some(pipe: trio.abc.ReceiveStream, max_bytes: int | None) -> bytes:
    """Return what there is, once there is something; `b""` at the end.

    As `receive_some` of the pipe, but it waits first and reads then: a reader that has
    emptied a pipe gains a turn of the scheduler and an attempt in vain.

    Raises:
      ReadingInterrupted: see there.
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
        except BlockingIOError:  # there was nothing after all
            continue
        except trio.ClosedResourceError:
            if descriptor(pipe) == fd:  # it is still open
                raise ReadingInterrupted from None
            raise
        except OSError as error:
            raise trio.BrokenResourceError(f"reading failed: {error}") from error


def interrupt_reading(pipe: trio.abc.ReceiveStream) -> None:
    """Let `read_some` that is waiting now end without having read, if it can."""
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
