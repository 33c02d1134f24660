"""How long last words may take, over one connection.

Each step of leaving has its own bound: a turn is drained, its session released, the CLI
asked to shut down, and the rest is flushed. A frozen peer would use up the bound of each
step, and the bounds add up. So there are two more:

* Once the client itself is being left, all steps share one time, and each gets what is
  left of it. Until then turns and sessions are independent: one that does not obey costs
  the others nothing.
* A peer that has let a step time out without a word, for as long as a drain may take, is
  not waited for again until it speaks.

A session that is left when no time remains is still released, without waiting.
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
"""Seconds of silence, since it was asked, after which a peer counts as frozen."""


@attrs.define(eq=False)
class Farewell:
    """The last words over one connection."""

    _last_heard: Callable[[], float]
    _left: float = attrs.field(default=math.inf, init=False)
    """Seconds that remain for all of them; no limit until the client is being left."""
    _speaking: int = attrs.field(default=0, init=False)
    """How many tasks are at it now."""
    _counted: float = attrs.field(default=0.0, init=False)
    """The moment up to which the time spent has been deducted."""
    _asked: float = attrs.field(default=math.inf, init=False)
    """When the step began that the peer let time out in silence."""

    def begin(self) -> None:
        """The client is being left: from now on all steps share one time. Idempotent."""
        if self._left == math.inf:
            self._counted = trio.current_time()
            self._left = PATIENCE

    @contextmanager
    def last_words(self, seconds: float) -> Generator[trio.CancelScope, None, None]:
        """Shield the block for at most so many seconds.

        Args:
          seconds: the bound of this step.
        """
        began = trio.current_time()
        frozen = self._is_silent() and began >= self._asked + SILENCE
        self._count()
        self._speaking += 1
        try:
            with last_words(0.0 if frozen else min(seconds, self._left)) as step:
                yield step
        finally:
            self._count()
            self._speaking -= 1
        if step.cancelled_caught and not self._is_silent():
            self._asked = began

    def _count(self) -> None:
        """Deduct the time since the last call, unless no task has spoken in it."""
        now = trio.current_time()
        if self._speaking:
            self._left = max(0.0, self._left - (now - self._counted))
        self._counted = now

    def _is_silent(self) -> bool:
        return self._last_heard() < self._asked < math.inf
