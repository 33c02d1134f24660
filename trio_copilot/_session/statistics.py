"""Figures about a connection: what is open now, and what has happened so far.

`Tally` is written by the reader of the connection and by turns; the frozen classes are
what users get, as Trio's channels and nurseries have it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import attrs

from .turn_events import TurnEnd


@attrs.frozen(kw_only=True)
class SubscriptionStatistics:
    """How far one subscriber lags behind."""

    current_buffer_used: int
    """Events that wait now."""
    max_buffer_size: int
    """Its `capacity`."""
    high_water: int
    """The most that have ever waited at once."""


@attrs.frozen(kw_only=True)
class ClientStatistics:
    """What goes on in a client, and what went on since it was opened.

    Made by `Client.statistics`; for logs, for tests, and to find out who is slow.
    """

    open_sessions: int
    open_turns: int
    open_requests: tuple[str, ...]
    """What waits for an answer of a handler of yours, such as `tool get_weather`."""
    pending_calls: int
    """Calls of ours that the CLI has not answered."""
    subscriptions: tuple[SubscriptionStatistics, ...]
    """Of all sessions, those of `Session.on` included."""
    bytes_received: int
    bytes_sent: int
    events: Mapping[str, int]
    """How many events came, by wire type; those that came again not counted."""
    repeated_events: int
    """Events that the CLI sent again, under load; nobody saw them."""
    ended_turns: Mapping[str, int]
    """How many turns ended, by `TurnEndReason`."""
    drains: int
    """Turns that had to be stopped at the CLI."""
    drain_time: float
    """Seconds that all drains took together."""
    longest_drain: float
    """Seconds that the slowest took."""


@attrs.define(eq=False)
class Tally:
    """What has happened on a connection so far."""

    events: dict[str, int] = attrs.field(
        factory=lambda: defaultdict[str, int](int), init=False
    )
    repeated_events: int = attrs.field(default=0, init=False)
    ended_turns: Counter[str] = attrs.field(factory=Counter[str], init=False)
    drains: int = attrs.field(default=0, init=False)
    drain_time: float = attrs.field(default=0.0, init=False)
    longest_drain: float = attrs.field(default=0.0, init=False)

    def turn_ended(self, end: TurnEnd, *, drained: bool) -> None:
        """Count a turn, and whether it had to be stopped at the CLI."""
        self.ended_turns[end.reason] += 1
        self.drains += drained
        self.drain_time += end.drain_time
        self.longest_drain = max(self.longest_drain, end.drain_time)
