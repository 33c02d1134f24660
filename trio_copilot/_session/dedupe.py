"""Every event once: under load the CLI sends ephemeral events again.

Measured: more than 6,000 deltas in a burst, and it re-sends thousands of them, late and
out of order, with the same event id. The first of each id is the right one, in the right
order; none was seen after `session.idle`, but what would come then must not get into
the text of the next turn. Only ephemeral events are re-sent, and only they are
remembered.
"""

from __future__ import annotations

import attrs

from .._protocol.envelope import Head, SessionEvent

WINDOW = 32_768
"""Event ids that are remembered at the least, repetitions came up to some 10,000 frames
late; twice as many at the most."""


@attrs.define(eq=False)
class Deduplicator:
    """Remembers which ephemeral events were seen in this turn and the one before."""

    _seen: set[str] = attrs.field(factory=set[str], init=False)
    _seen_before: set[str] = attrs.field(factory=set[str], init=False)

    def is_new(self, event: Head | SessionEvent) -> bool:
        """Whether this event was not seen before; remembers that it has been now."""
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
        """The session is idle: forget what was seen in the turn before this one.

        A very long turn counts as several.
        """
        self._seen, self._seen_before = set(), self._seen
