"""Lets tasks wait for a condition on a record that another task writes.

Strategy: every change wakes all waiting tasks, and each checks its own condition. That is
wasteful and simple, and the records of a test are small.
"""

from __future__ import annotations

from collections.abc import Callable

import trio


class Changes:
    """Wakes the waiting tasks whenever the record has changed."""

    def __init__(self) -> None:
        self._next = trio.Event()

    def happened(self) -> None:
        """Wake the waiting tasks: the record has changed."""
        self._next.set()
        self._next = trio.Event()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` is true; a checkpoint even if it already is.

        Cancelled: nothing has happened.
        """
        await trio.lowlevel.checkpoint()
        while not condition():
            await self._next.wait()
