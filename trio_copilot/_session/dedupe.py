"""Every event once: under load the CLI sends ephemeral events again.

Measured: more than 6,000 deltas in a burst, and it re-sends thousands of them, late and
out of order, with the same event id. The first of each id is the right one, in the right
order; none was seen after `session.idle`, but what would come then must not get into
the text of the next turn. Only ephemeral events are re-sent, and only they are
remembered.
"""

from __future__ import annotations

import attrs

from .._protocol.envelope import SessionEvent

WINDOW = 65_536
"""Event ids that are remembered: repetitions came up to some 10,000 frames late."""


@attrs.define(eq=False)
class Deduplicator:
    """Remembers which ephemeral events were seen in this turn and the one before."""

    _seen: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    _seen_before: dict[str, None] = attrs.field(factory=dict[str, None], init=False)

    def is_new(self, event: SessionEvent) -> bool:
        """Whether this event was not seen before; remembers that it has been now."""
        event_id = event.raw.get("id")
        if event.raw.get("ephemeral") is not True or not isinstance(event_id, str):
            return True
        if event_id in self._seen or event_id in self._seen_before:
            return False
        self._seen[event_id] = None
        if len(self._seen) > WINDOW:
            del self._seen[next(iter(self._seen))]
        return True

    def next_turn(self) -> None:
        """The session is idle: forget what was seen in the turn before this one."""
        self._seen, self._seen_before = {}, self._seen
