"""Messages on their way to one peer, in order, written by one task.

Strategy: `put` never waits, so that a permission or an error can be sent from anywhere.
The events of a turn, which make up the volume, wait for `room` first. So they stay in the
turn's own buffer, where consecutive deltas are joined, and a slow peer costs little more
than its text. A peer that makes the server talk without reading is cut off.

This module does not know what the messages mean, nor how they are written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from ._messages import ServerMessage

ROOM = 16
"""Messages that may wait before the events of a turn have to."""


class Sink(Protocol):
    """Takes the messages of a conversation."""

    def put(self, message: ServerMessage) -> None:
        """Add a message. Does not wait."""
        ...

    async def room(self) -> None:
        """Wait for room for an event of a turn. `Cancelled` changes nothing."""
        ...


@attrs.define(eq=False)
class Outbox:
    """Messages that wait to be written to one peer."""

    _limit: int
    """Messages that may wait at all; when there are more, all are dropped."""
    _on_overflow: Callable[[], object]
    _messages: deque[ServerMessage] = attrs.field(
        factory=deque[ServerMessage], init=False
    )
    _changes: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _closed: bool = attrs.field(default=False, init=False)
    written: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when it is closed and nothing waits any more."""

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: ServerMessage) -> None:
        """Add a message, unless this is closed. Does not wait."""
        if self._closed:
            return
        self._messages.append(message)
        self._changes.unpark_all()
        if len(self._messages) > self._limit:
            self.drop()
            self._on_overflow()

    async def room(self) -> None:
        """Wait for room for an event of a turn. `Cancelled` changes nothing."""
        await trio.lowlevel.checkpoint()
        while len(self._messages) >= ROOM and not self._closed:
            await self._changes.park()

    async def take(self) -> ServerMessage:
        """Return the next message. `Cancelled` takes none.

        Raises:
          trio.EndOfChannel: this is closed and empty.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._messages:
            if self._closed:
                # Not earlier: the writer is back, so it has written the last message.
                self.written.set()
                raise trio.EndOfChannel
            await self._changes.park()
        message = self._messages.popleft()
        self._changes.unpark_all()
        return message

    def close(self) -> None:
        """Accept no more; messages that wait can still be taken."""
        self._closed = True
        self._changes.unpark_all()

    def drop(self) -> None:
        """Accept no more, and discard the messages that wait: nobody will read them."""
        self._messages.clear()
        self.close()
        self.written.set()
