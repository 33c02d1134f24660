"""Figures about a connection: what is open now, and what has happened so far.

The reader of the connection and the turns write the `Tally`; users get the frozen classes.
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
    """The largest number that ever waited at once."""


@attrs.frozen(kw_only=True)
class ClientStatistics:
    """What is open in a client now, and what has happened since it was opened.

    Made by `Client.statistics`; for logs, for tests, and to find a slow subscriber.
    """

    open_sessions: int
    open_turns: int
    open_requests: tuple[str, ...]
    """Requests that wait for your handlers, such as `tool get_weather`."""
    pending_calls: int
    """Calls that the CLI has not answered yet."""
    subscriptions: tuple[SubscriptionStatistics, ...]
    """Those of all sessions, `Session.on` included."""
    bytes_received: int
    bytes_sent: int
    events: Mapping[str, int]
    """How many events came, by wire type, without repeats."""
    repeated_events: int
    """Events that the CLI sent again under load; subscribers never see them."""
    ended_turns: Mapping[str, int]
    """How many turns ended, by `TurnEndReason`."""
    drains: int
    """Turns that were stopped at the CLI."""
    drain_time: float
    """Seconds of all drains together."""
    longest_drain: float
    """Seconds of the slowest drain."""


@attrs.define(eq=False)
class Tally:
    """What has happened on a connection so far."""

    # Each event is counted, and a `Counter` takes twice as long.
    events: dict[str, int] = attrs.field(
        factory=lambda: defaultdict[str, int](int), init=False
    )
    repeated_events: int = attrs.field(default=0, init=False)
    ended_turns: Counter[str] = attrs.field(factory=Counter[str], init=False)
    drains: int = attrs.field(default=0, init=False)
    drain_time: float = attrs.field(default=0.0, init=False)
    longest_drain: float = attrs.field(default=0.0, init=False)

    def turn_ended(self, end: TurnEnd, *, drained: bool) -> None:
        """Count a turn, and its drain if it was stopped at the CLI."""
        self.ended_turns[end.reason] += 1
        self.drains += drained
        self.drain_time += end.drain_time
        self.longest_drain = max(self.longest_drain, end.drain_time)
