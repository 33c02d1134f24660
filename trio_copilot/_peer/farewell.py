"""How long last words may take in all, over one connection.

Each step of leaving is bounded, and the steps add up: a turn is drained, its session
released, the CLI asked to shut down, and what was said is flushed. A peer that is frozen
would keep us waiting at each of them. So they share one time, and a step gets what is
left of it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import attrs
import trio

from .._scopes import last_words

PATIENCE = 5.5
"""Seconds for all last words of one leaving: a drain and a little more. A process is killed
3.75 seconds later, so that a client is left within ten."""

PAUSE = 1.0
"""Seconds without last words after which another leaving begins: between the steps of one
there is nothing to wait for."""


@attrs.define(eq=False)
class Farewell:
    """The last words that are said over one connection."""

    _speaking: int = attrs.field(default=0, init=False)
    """How many tasks are at it now."""
    _began: float = attrs.field(default=0.0, init=False)
    _ended: float = attrs.field(default=0.0, init=False)
    _unanswered: bool = attrs.field(default=False, init=False)
    """Whether the peer has let one of them time out."""

    @contextmanager
    def last_words(
        self, seconds: float, *, at_least: bool = False
    ) -> Generator[trio.CancelScope, None, None]:
        """Shield the block for so many seconds, or for what is left of the time for all.

        Args:
          seconds: the bound of this step.
          at_least: give it all of them, unless the peer has let a step time out already.
        """
        now = trio.current_time()
        if not self._speaking and now > self._ended + PAUSE:
            self._began, self._unanswered = now, False
        left = max(0.0, self._began + PATIENCE - now)
        whole = at_least and not self._unanswered
        self._speaking += 1
        scope: trio.CancelScope | None = None
        try:
            with last_words(seconds if whole else min(seconds, left)) as scope:
                yield scope
        finally:
            self._speaking -= 1
            self._ended = trio.current_time()
            if scope is not None and scope.cancelled_caught:
                self._unanswered = True
