"""Every event once: under load the CLI sends ephemeral events again.

Measured: in a burst of more than 6,000 deltas it re-sends thousands, late and out of order,
with the same event id. The first of each id is the right one, in the right order. None was
seen after `session.idle`, but one that came then must not reach the text of the next turn.
Only ephemeral events are re-sent, so only those are remembered.
"""

from __future__ import annotations

import attrs

from .._protocol.envelope import Head, SessionEvent

WINDOW = 32_768
"""Minimum number of ids that are kept; at most twice as many. Repeats were seen up to
10,000 frames late."""


@attrs.define(eq=False)
class Deduplicator:
    """Remembers which ephemeral events were seen in this turn and the one before."""

    _seen: set[str] = attrs.field(factory=set[str], init=False)
    _seen_before: set[str] = attrs.field(factory=set[str], init=False)

    def is_new(self, event: Head | SessionEvent) -> bool:
        """Return whether this event was never seen before, and remember it."""
        event_id = event.id
        if event_id is None or not event.ephemeral:
            return True
        if event_id in self._seen or event_id in self._seen_before:
            return False
        self._seen.add(event_id)
        if len(self._seen) >= WINDOW:
            self.next_turn()
        return True

    def next_turn(self) -> None:
        """Forget what was seen in the turn before this one.

        Called when the session is idle; a very long turn counts as several.
        """
        self._seen, self._seen_before = set(), self._seen
