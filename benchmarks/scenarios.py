"""What is compared: who is told to do what, which figures count, and what is aimed at.

A trial is one program run by each contestant. A row of the table is one figure of a
trial. To add one, add a function that returns trials and name it in `scenarios`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from benchmarks import loads

OURS, OFFICIAL, PATCHED, LIMIT = "ours", "official", "patched", "limit"
CONTESTANTS = (OURS, OFFICIAL, PATCHED, LIMIT)
THEIRS = (OFFICIAL, PATCHED)


@attrs.frozen
class Target:
    """What one figure of ours should be at most, or at least."""

    bound: float
    of: str | None = None
    """Times the figure of this contestant, or of ours in the trial of this name; `None`
    is the figure itself."""
    at_least: bool = False


@attrs.frozen
class Row:
    """A figure of a trial."""

    label: str
    figure: str
    unit: str
    targets: tuple[Target, ...] = ()


@attrs.frozen
class Trial:
    """One program, run by each contestant who is told something."""

    group: str
    name: str
    orders: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...]
    expected: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    """What each contestant has to have found out; anything else is an error."""
    like: str | None = None
    """The trial whose contestants stand beside ours, where they have only one way."""


@attrs.frozen
class Scale:
    """How much of everything: the same for all rounds."""

    quick: bool = False

    def events(self, contestant: str) -> int:
        """How many events to send: the slow ones get fewer, it is the same for each."""
        if self.quick:
            return 1_000
        return 15_000 if contestant in THEIRS else 150_000

    def times(self, usually: int) -> int:
        """How often to do something."""
        return max(1, usually // 50) if self.quick else usually


CPU = "cpu_us"
PER_EVENT = "CPU µs per event"


# -- throughput


def _streamed(
    scale: Scale,
    load: str,
    *,
    share: float = 1.0,
    task: str = "stream",
    only: tuple[str, ...] = CONTESTANTS,
    subscribers: int = 1,
    wanted: str | None = None,
) -> dict[str, Any]:
    """Return the orders of a stream, and what has to have arrived."""
    orders: dict[str, dict[str, Any]] = {}
    expected: dict[str, dict[str, Any]] = {}
    for who in only:
        a_cycle, _ = loads.count(load, 1)
        repeats = max(1, int(scale.events(who) * share) // a_cycle)
        events, characters = loads.count(load, repeats)
        wants = events if wanted is None else repeats  # it is in a cycle once
        seen = {"received": wants, "characters": characters if wanted is None else 0}
        orders[who] = {
            "task": task,
            "load": {"load": load, "repeats": repeats},
            "events": wants,
            "per": events,
            "characters": characters,
            "subscribers": subscribers,
        }
        if wanted is not None:
            orders[who]["type"] = wanted
        expected[who] = seen
    return {"orders": orders, "expected": expected}


def throughput(scale: Scale) -> Iterator[Trial]:
    """One session, as fast as the client reads."""
    rate = Row("events a second", "per_second", "1/s")

    def row(label: str, *targets: Target) -> Row:
        return Row(label, CPU, PER_EVENT, targets)

    yield Trial(
        "throughput",
        "deltas",
        rows=(
            row("deltas, `subscribe`", Target(1 / 25, OFFICIAL), Target(2, LIMIT)),
            attrs.evolve(rate, label="deltas, events a second"),
        ),
        **_streamed(scale, "deltas"),
    )
    yield Trial(
        "throughput",
        "mix",
        rows=(
            row("mix, `subscribe`", Target(1 / 20, OFFICIAL), Target(2.5, LIMIT)),
            attrs.evolve(rate, label="mix, events a second"),
        ),
        **_streamed(scale, "mix"),
    )
    on = _streamed(scale, "deltas", task="handler", only=(OURS,))
    del on["expected"][OURS]["received"]  # it may be called once for several
    label = "deltas, `session.on`"
    yield Trial("throughput", "on", rows=(row(label),), like="deltas", **on)
    yield from _turns(scale, row("a turn of the mix, iterated"))
    yield Trial(
        "throughput",
        "ten",
        rows=(row("deltas, 10 subscribers", Target(3, "deltas")),),
        **_streamed(scale, "deltas", share=1 / 5, only=(OURS, *THEIRS), subscribers=10),
    )
    yield Trial(
        "throughput",
        "filter",
        rows=(row("mix, 1 type of 20 wanted"),),
        **_streamed(scale, "mix", only=(OURS, *THEIRS), wanted="session.idle"),
        like="mix",
    )
    yield _nobody(scale, row("deltas, nobody subscribed", Target(1.3, LIMIT)))


def _turns(scale: Scale, row: Row) -> Iterator[Trial]:
    turns = scale.times(200)
    events, characters = loads.count("mix", turns)
    told = {"task": "turns", "turns": turns, "per": events}
    yield Trial(
        "throughput",
        "turns",
        orders={OURS: {**told, "load": {"load": "mix", "repeats": 1}}},
        expected={OURS: {"received": events, "characters": characters}},
        rows=(row,),
        like="mix",
    )


def _nobody(scale: Scale, row: Row) -> Trial:
    made = _streamed(scale, "deltas", task="nobody", only=(OURS, *THEIRS))
    for who, told in made["orders"].items():
        told["load"]["deaf"] = True
        del made["expected"][who]["characters"]
        if who in THEIRS:  # they cannot say
            del made["expected"][who]["received"]
    return Trial("throughput", "nobody", rows=(row,), like="deltas", **made)


GROUPS: tuple[Callable[[Scale], Iterator[Trial]], ...] = (throughput,)


def scenarios(scale: Scale) -> list[Trial]:
    """Return all trials, in the order of the table."""
    return [trial for group in GROUPS for trial in group(scale)]
