"""Does what the scripted CLI has to do, at its time and in a fixed order.

Strategy: Trio wakes tasks that are due at the same moment in random order. Work that must
not depend on that goes through here: one task does what is due, one thing after the
other, and what is due at the same moment in the order in which it was added.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import NoReturn

import trio


class Agenda:
    """Functions and when to call them."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []  # a heap
        self._order = itertools.count()
        self._added = trio.Event()

    def add(self, delay: float, work: Callable[[], None]) -> None:
        """Call `work` in `delay` seconds; with 0 as soon as the others are done."""
        when = trio.current_time() + delay
        heapq.heappush(self._due, (when, next(self._order), work))
        self._added.set()

    async def pause(self, seconds: float) -> None:
        """Wait that long, then in line with whatever else is due.

        Cancelled: also if that happens at the very moment of waking up.
        """
        woken = trio.Event()
        self.add(seconds, woken.set)
        await woken.wait()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def run(self) -> NoReturn:
        """Do what is due, for ever."""
        while True:
            self._added = trio.Event()
            with trio.move_on_at(self._due[0][0] if self._due else math.inf):
                await self._added.wait()
            while self._due and self._due[0][0] <= trio.current_time():
                heapq.heappop(self._due)[2]()
                # Let the task that this woke run before the next thing is done. Trio
                # shuffles tasks that are ready at once: after one checkpoint we may
                # still be the first.
                for _ in range(2):
                    await trio.lowlevel.checkpoint()
