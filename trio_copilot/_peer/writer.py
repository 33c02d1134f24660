"""The only one who writes to the peer: a frame goes out whole or not at all.

A cancelled `send_all` leaves half a frame in the pipe, and the connection is lost. So
no caller ever waits in one: a frame is handed over, which is atomic under cancellation.
The first frame after something was heard has gone then, as far as the pipe takes it: a
turn of the scheduler costs more than the write. The rest is for one task, which writes
everything that has been handed over since its last write at once: a hundred calls that
the same answers have set going are two writes.
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
not make us collect without bound, and no caller should notice the limit otherwise."""


@attrs.define(eq=False)
class Writer:
    """Frames on their way out."""

    _stream: trio.abc.SendStream
    _frames: deque[bytes] = attrs.field(factory=deque[bytes], init=False)
    _backlog: int = attrs.field(default=0, init=False)
    _work: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _progress: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _closed: bool = attrs.field(default=False, init=False)
    _send_nowait: Callable[[bytes], int] | None = attrs.field(init=False)
    """Writes what can be written without waiting, if the stream can do that."""
    heard: bool = attrs.field(default=True, init=False)
    """Whether the peer has said something since a frame went out at once."""
    bytes_written: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._send_nowait = getattr(self._stream, "send_nowait", None)

    async def put(self, make_frame: Callable[[], bytes]) -> None:
        """Hand a frame over, once there is room for it.

        `Cancelled` means that nothing was handed over; when this returns the frame will
        be written. Does nothing once the writer is closed: whoever waits for an answer
        is told by the peer.

        Args:
          make_frame: called at the moment of handing over, so that an id is spent only
            on what is sent.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._backlog >= MAX_BACKLOG and not self._closed:
            await self._progress.park()
        self.put_nowait(make_frame())

    def put_nowait(self, frame: bytes) -> None:
        """Hand a frame over whatever the backlog: for answers the peer waits for."""
        if self._closed:
            return
        if self._send_nowait is not None and self.heard and not self._backlog:
            self.heard = False
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
        """Write until cancelled. Trio's stream errors go through to the caller."""
        while True:
            while not self._frames:
                await self._work.park()
            data = b"".join(self._frames)
            self._frames.clear()
            await self._stream.send_all(data)
            self.bytes_written += len(data)
            self._backlog -= len(data)
            self._progress.unpark_all()

    def close(self) -> None:
        """Refuse what comes and wake everyone who waits for room."""
        self._closed = True
        self._progress.unpark_all()
