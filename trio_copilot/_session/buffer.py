"""A buffer between the reader of the connection and one slow consumer.

Strategy: `put` is synchronous, so that the reader waits for nobody. Until half of the
capacity is used, items are simply kept. Beyond that the buffer is congested and joins what
it can: a delta is added to the newest entry if both belong to the same text, and progress
replaces its predecessor. Each takes O(1), so a sleeping consumer costs the memory of its
text and no more. Whatever still does not fit falls under the overflow rule.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Hashable
from enum import StrEnum
from typing import Any, Generic, Self, TypeVar

import attrs
import trio

from .._errors import CopilotError, SubscriberLaggedError
from .._peer import FAIRNESS
from .coalesce import Coalescer

T = TypeVar("T")


class Overflow(StrEnum):
    """What happens when a subscriber's buffer is full."""

    COALESCE = "coalesce"
    """Join deltas and replace progress; if that is not enough, as `error`."""
    DROP_OLDEST = "drop_oldest"
    """Drop the oldest, and put a `Lagged` item with their number in their place."""
    ERROR = "error"
    """The subscriber gets `SubscriberLaggedError` at once."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        rules = ", ".join(repr(rule.value) for rule in cls)
        raise ValueError(f"No overflow rule is called {value!r}: use {rules}")


@attrs.frozen
class Lagged:
    """Takes the place of the events that a `drop_oldest` subscriber missed."""

    missed: int
    """Their number."""


@attrs.define(eq=False)
class _Entry:
    """Takes the place of an item in a congested buffer."""

    item: Any
    delta_key: Hashable | None = None
    progress_key: Hashable | None = None
    joined: io.StringIO | None = None
    """The text of all deltas that were joined, `item` the last; `None` for one alone."""


@attrs.define(eq=False)
class Buffer(Generic[T]):
    """Items on their way to one consumer."""

    _coalescer: Coalescer[T]
    _capacity: int
    _overflow: Overflow | None
    """`None` is never full: a turn's own buffer must not lose anything."""
    _entries: deque[T | _Entry] = attrs.field(factory=deque["T | _Entry"], init=False)
    _progress: dict[Hashable, _Entry] = attrs.field(
        factory=dict[Hashable, "_Entry"], init=False
    )
    _newest: _Entry | None = attrs.field(default=None, init=False)
    """The last entry, if it may take another delta; `None` once it was taken."""
    _missed: int = attrs.field(default=0, init=False)
    _end: CopilotError | trio.EndOfChannel | None = attrs.field(
        default=None, init=False
    )
    _consumer: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _waiting: bool = attrs.field(default=False, init=False)
    _taken: int = attrs.field(default=0, init=False)
    high_water: int = attrs.field(default=0, init=False)
    """The largest number of entries that ever waited at once."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def capacity(self) -> int:
        """How many entries may wait."""
        return self._capacity

    def put(self, item: T) -> None:
        """Add an item. Neither blocks nor fails, whatever the consumer does."""
        if self._end is not None:
            return
        waiting = len(self._entries)
        # Half of the capacity stays free for what cannot be joined.
        if waiting * 2 < self._capacity:
            self._entries.append(item)
            self._newest = None
            if waiting >= self.high_water:
                self.high_water = waiting + 1
            if self._waiting:
                self._wake()
        else:
            self._put_congested(item)

    def close(self, end: CopilotError | None = None) -> None:
        """Take no more items. The consumer gets those that wait, then `end` if given."""
        if self._end is None:
            self._end = end or trio.EndOfChannel()
        self._wake()

    async def take(self) -> T | Lagged:
        """Return the next item; a full checkpoint. `Cancelled` takes nothing.

        Raises:
          trio.EndOfChannel: the buffer was closed without an error.
          CopilotError: the buffer was closed with this error.
        """
        if self._entries or self._missed or self._end is not None:
            await trio.lowlevel.checkpoint()  # otherwise parking is one
        while not self._entries and not self._missed:
            if isinstance(self._end, CopilotError):
                raise self._end.renewed()
            if self._end is not None:
                raise trio.EndOfChannel
            self._waiting = True
            await self._consumer.park()
        if self._missed:
            missed, self._missed = self._missed, 0
            return Lagged(missed)
        entry = self._entries.popleft()
        return self._item_of(entry) if isinstance(entry, _Entry) else entry

    def take_nowait(self) -> T | None:
        """Return the next item without a full checkpoint.

        `None` means: call `take`. There is no item, or some were missed, or it is time for
        a full checkpoint.
        """
        self._taken += 1
        if self._entries and not self._missed and self._taken % FAIRNESS:
            entry = self._entries.popleft()
            return self._item_of(entry) if isinstance(entry, _Entry) else entry
        return None

    def _item_of(self, entry: _Entry) -> T:
        if entry is self._newest:
            self._newest = None
        if entry.progress_key is not None:
            del self._progress[entry.progress_key]
        item: T = entry.item
        if entry.joined is None:
            return item
        return self._coalescer.with_piece(item, entry.joined.getvalue())

    def _wake(self) -> None:
        self._waiting = False
        self._consumer.unpark_all()

    # -- more than half full

    def _put_congested(self, item: T) -> None:
        if self._overflow in _JOINING:
            self._join(item)
        else:
            self._append(item)
        if self._overflow is None or len(self._entries) <= self._capacity:
            return
        if self._overflow is Overflow.DROP_OLDEST:
            self._entries.popleft()
            self._missed += 1
        else:
            self.close(SubscriberLaggedError(len(self._entries)))
            self._entries.clear()

    def _append(self, entry: T | _Entry) -> None:
        self._entries.append(entry)
        self.high_water = max(self.high_water, len(self._entries))
        self._wake()

    def _join(self, item: T) -> None:
        progress_key = self._coalescer.progress_key(item)
        if progress_key is not None:
            entry = self._progress.get(progress_key)
            if entry is not None:
                entry.item = item
                return
            entry = self._progress[progress_key] = _Entry(
                item, progress_key=progress_key
            )
            self._append(entry)
            return
        delta_key = self._coalescer.delta_key(item)
        newest = self._newest
        if delta_key is None or newest is None or newest.delta_key != delta_key:
            self._newest = _Entry(item, delta_key)
            self._append(self._newest)
            return
        if newest.joined is None:
            newest.joined = io.StringIO()
            newest.joined.write(self._coalescer.piece(newest.item))
        newest.joined.write(self._coalescer.piece(item))
        newest.item = item


_JOINING = (Overflow.COALESCE, None)
