"""Messages on their way to one client, in order, written by one task.

Strategy: `put` never waits, so that a permission or an error can be said from anywhere.
What makes volume, the events of a turn, asks for `room` first and so waits in the turn's
own buffer, where consecutive deltas are joined: a slow client costs its text and a
constant. Who makes the server talk without listening is cut off.

This module does not know what the messages mean, nor how they are written.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import attrs
import trio

from ._messages import ServerMessage

ROOM = 16
"""Messages that may wait before the events of a turn do."""


class Sink(Protocol):
    """Takes the messages of a conversation."""

    def put(self, message: ServerMessage) -> None:
        """Add a message. Does not wait."""
        ...

    async def room(self) -> None:
        """Wait until a message of a turn may be put. `Cancelled` changes nothing."""
        ...


@attrs.define(eq=False)
class Outbox:
    """What waits to be written to one client."""

    _limit: int
    """Messages that may wait at all."""
    _messages: deque[ServerMessage] = attrs.field(
        factory=deque[ServerMessage], init=False
    )
    _changes: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _closed: bool = attrs.field(default=False, init=False)
    overflowed: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when more waited than may, and what did was dropped."""
    written: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when it was closed and all has been taken, or can no longer be."""

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: ServerMessage) -> None:
        """Add a message, unless this is closed. Does not wait."""
        if self._closed:
            return
        self._messages.append(message)
        self._changes.unpark_all()
        if len(self._messages) > self._limit:
            self.overflowed.set()
            self.drop()

    async def room(self) -> None:
        """Wait until a message of a turn may be put. `Cancelled` changes nothing."""
        await trio.lowlevel.checkpoint()
        while len(self._messages) >= ROOM and not self._closed:
            await self._changes.park()

    async def take(self) -> ServerMessage:
        """Return the next message. `Cancelled` takes none.

        Raises:
          trio.EndOfChannel: this is closed, and was taken empty.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._messages:
            if self._closed:
                self.written.set()
                raise trio.EndOfChannel
            await self._changes.park()
        message = self._messages.popleft()
        self._changes.unpark_all()
        return message

    def close(self) -> None:
        """Accept no more; what waits can be taken."""
        self._closed = True
        self._changes.unpark_all()

    def drop(self) -> None:
        """Accept no more and forget what waits: nobody will read it."""
        self._messages.clear()
        self.close()
        self.written.set()
