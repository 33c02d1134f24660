"""The only writer to the peer: a frame is written whole or not at all.

A cancelled `send_all` leaves half a frame in the pipe, and the connection is lost. So no
caller ever waits in one: it hands its frame over, which is atomic under cancellation. The
first frame after the peer spoke is written immediately, as much as the pipe accepts,
because a task switch costs more than the write. One task writes the rest, everything that
was handed over since its last write at once: a hundred calls that the same answers have
set going are two writes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs
import trio

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BACKLOG = 1024 * 1024
"""Bytes that may wait to be written before `put` waits: a peer that does not read must
not make us collect without bound, and no other caller should notice the limit."""


@attrs.define(eq=False)
class Writer:
    """Frames on their way out."""

    _stream: trio.abc.SendStream
    _frames: deque[bytes] = attrs.field(factory=deque[bytes], init=False)
    _backlog: int = attrs.field(default=0, init=False)
    """Bytes that are not written yet."""
    _work: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _progress: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _closed: bool = attrs.field(default=False, init=False)
    _send_nowait: Callable[[bytes], int] | None = attrs.field(init=False)
    """Writes what the stream accepts without waiting, if it can do that."""
    _may_write_now: bool = attrs.field(default=True, init=False)
    bytes_written: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._send_nowait = getattr(self._stream, "send_nowait", None)

    def peer_spoke(self) -> None:
        """Let the next frame be written immediately: it may be what the peer waits for."""
        self._may_write_now = True

    async def put(self, make_frame: Callable[[], bytes]) -> None:
        """Hand a frame over, once there is room for it.

        `Cancelled` means that nothing was handed over; after this returns the frame will
        be written. Does nothing once the writer is closed: the peer fails the call.

        Args:
          make_frame: called at the moment of handing over, so that only what is sent
            takes an id.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._backlog >= MAX_BACKLOG and not self._closed:
            await self._progress.park()
        self.put_nowait(make_frame())

    def put_nowait(self, frame: bytes) -> None:
        """Hand a frame over whatever the backlog: for answers that the peer waits for."""
        if self._closed:
            return
        # Once per input only: a caller that sends many frames in a row would make one
        # system call for each, and `run` writes them all with one. With a backlog the
        # frame would overtake the frames before it.
        if self._send_nowait is not None and self._may_write_now and not self._backlog:
            self._may_write_now = False
            sent = self._send_nowait(frame)
            self.bytes_written += sent
            if sent == len(frame):
                return
            frame = frame[sent:]
        self._frames.append(frame)
        self._backlog += len(frame)
        self._work.unpark()

    async def flush(self) -> None:
        """Wait until everything handed over is written, or the writer is closed."""
        while self._backlog and not self._closed:
            await self._progress.park()

    async def run(self) -> None:
        """Write until cancelled. Trio's stream errors reach the caller."""
        while True:
            while not self._frames:
                await self._work.park()
            data = b"".join(self._frames)
            self._frames.clear()
            await self._stream.send_all(data)
            self.bytes_written += len(data)
            # Only now: while it is written, no frame may overtake it.
            self._backlog -= len(data)
            self._progress.unpark_all()

    def close(self) -> None:
        """Drop further frames and wake every caller that waits for room."""
        self._closed = True
        self._progress.unpark_all()
