"""How long last words may take, over one connection.

Each step of leaving has a bound of its own: a turn is drained, its session released, the
CLI asked to shut down, and what was said is flushed. A peer that is frozen would keep us
waiting at each of them, and the bounds add up. So there are two more:

* Once the client itself is being left, all steps share one time, and each gets what is
  left of it. Until then the turns and sessions of a client owe each other nothing: one
  that does not obey costs the others no second of theirs.
* A peer that was asked, and has not said a word since for as long as a drain may take, is
  not waited for again until it does.

A session that is left with no such time is released all the same, without waiting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager

import attrs
import trio

from .._scopes import last_words

PATIENCE = 5.5
"""Seconds for all last words of a client that is being left: a drain and a little more. A
process is killed 3.75 seconds later, so that a client is left within ten."""

SILENCE = 5.0
"""Seconds without a word, since it was asked, after which a peer counts as frozen."""


@attrs.define(eq=False)
class Farewell:
    """The last words that are said over one connection."""

    _last_heard: Callable[[], float]
    _left: float = attrs.field(default=math.inf, init=False)
    """Seconds that are left for all of them."""
    _speaking: int = attrs.field(default=0, init=False)
    """How many tasks are at it now."""
    _counted: float = attrs.field(default=0.0, init=False)
    """Until when the time that was spent has been taken off."""
    _asked: float = attrs.field(default=math.inf, init=False)
    """When the first step began that the peer has let time out, in silence."""

    def begin(self) -> None:
        """The client is being left: from now on all steps share one time. Idempotent."""
        if self._left == math.inf:
            self._counted = trio.current_time()
            self._left = PATIENCE

    @contextmanager
    def last_words(self, seconds: float) -> Generator[trio.CancelScope, None, None]:
        """Shield the block for so many seconds at the most.

        Args:
          seconds: the bound of this step.
        """
        began = trio.current_time()
        self._count()
        self._speaking += 1
        try:
            with last_words(
                0.0 if self._is_frozen() else min(seconds, self._left)
            ) as step:
                yield step
        finally:
            self._count()
            self._speaking -= 1
        if step.cancelled_caught and not self._is_silent():
            self._asked = began

    def _count(self) -> None:
        """Take off the time in which somebody has spoken; a pause costs nothing."""
        now = trio.current_time()
        if self._speaking:
            self._left = max(0.0, self._left - (now - self._counted))
        self._counted = now

    def _is_silent(self) -> bool:
        return self._last_heard() < self._asked < math.inf

    def _is_frozen(self) -> bool:
        return self._is_silent() and trio.current_time() >= self._asked + SILENCE
