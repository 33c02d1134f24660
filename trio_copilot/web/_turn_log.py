"""The messages of one turn, for listeners that come, go and come back.

Strategy: one list for all. A listener is a place in it, and that place is the id of the
event: a listener that returns with the last id continues behind it. Pieces of one text are
joined as they arrive, and a place inside a text counts its characters. So a slow listener
gets more at once and costs nothing, and nothing is queued for anybody.

This module knows neither HTTP nor sessions.
"""

from __future__ import annotations

import re
from typing import TypeAlias, TypeGuard

import attrs
import trio

from ..bridge._messages import (
    Delta,
    End,
    Reasoning,
    ServerMessage,
    ToolProgressed,
    encode,
)

JOINED = 4096
"""Characters in a joined text, after which a new one begins: joining copies it."""

_ID = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)

Piece: TypeAlias = Delta | Reasoning | ToolProgressed


@attrs.frozen
class Place:
    """How far a listener has come."""

    entry: int = 0
    """The first entry that it does not know, or not all of."""
    known: int = 0
    """Characters of that entry that it knows."""

    @classmethod
    def of(cls, event_id: str) -> Place:
        """Return the place behind the event with this id.

        Raises:
          ValueError: no event has such an id.
        """
        match = _ID.fullmatch(event_id)
        if match is None:
            raise ValueError("this is not the id of an event")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.entry}.{self.known}"


@attrs.define(eq=False)
class TurnLog:
    """The messages of one turn, up to its `End`."""

    _entries: list[ServerMessage] = attrs.field(factory=list[ServerMessage], init=False)
    _changes: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    size: int = attrs.field(default=0, init=False)
    """Characters of all messages."""
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the `End` is in it."""

    def put(self, message: ServerMessage) -> None:
        """Add a message, unless the `End` is there. Does not wait."""
        if self.ended.is_set():
            return
        self.size += len(message.text if _is_piece(message) else encode(message))
        last = self._entries[-1] if self._entries else None
        if _is_piece(message) and _is_piece(last) and _continues(message, last):
            self._entries[-1] = attrs.evolve(last, text=last.text + message.text)
        else:
            self._entries.append(message)
        if isinstance(message, End):
            self.ended.set()
        self._changes.unpark_all()

    def after(self, place: Place) -> tuple[Place, ServerMessage] | None:
        """Return the next message behind a place, and the place behind that one."""
        entry, known = place.entry, place.known
        while entry < len(self._entries):
            message = self._entries[entry]
            if not _is_piece(message):
                return Place(entry + 1), message
            if known < len(message.text):
                behind = Place(entry, len(message.text))
                if known and isinstance(message, Delta):
                    # The part that the listener knows began with it.
                    message = attrs.evolve(message, separator=None)
                return behind, attrs.evolve(message, text=message.text[known:])
            entry, known = entry + 1, 0
        return None

    async def more(self) -> None:
        """Wait until something is added. `Cancelled` changes nothing."""
        await self._changes.park()


def _is_piece(message: ServerMessage | None) -> TypeGuard[Piece]:
    return isinstance(message, Delta | Reasoning | ToolProgressed)


def _continues(message: Piece, last: Piece) -> bool:
    if len(last.text) >= JOINED or type(message) is not type(last):
        return False
    return attrs.evolve(message, text="") == attrs.evolve(last, text="")
