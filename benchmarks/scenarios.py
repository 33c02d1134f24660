"""What is compared: the orders of each contestant, the figures that count, the targets.

Each function yields the trials of one group. To add one, write it and name it in
`GROUPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import loads
from benchmarks.trials import (
    CLIENTS,
    CONTESTANTS,
    LIMIT,
    OFFICIAL,
    OURS,
    THEIRS,
    Order,
    Row,
    Scale,
    Target,
    Trial,
)

CPU = "cpu_us"
PER_EVENT = "CPU µs per event"


def _same(order: Order, who: Sequence[str] = CONTESTANTS) -> dict[str, Order]:
    return {name: dict(order) for name in who}


# -- before the first event


def startup(scale: Scale) -> Iterator[Trial]:
    """Fresh interpreters; the contestants themselves import next to nothing."""
    theirs = {"base": "asyncio", "module": "copilot", "name": "CopilotClient"}
    ours = {"base": "trio", "module": "trio_copilot", "name": "open_client"}
    limit = {"base": "trio", "module": "msgspec", "name": "json"}
    imports = {
        OURS: {"task": "import", **ours},
        LIMIT: {"task": "import", **limit},
        **_same({"task": "import", **theirs}, THEIRS),
    }
    packages = {who: {**order, "name": "__name__"} for who, order in imports.items()}
    over = Row(
        "the package alone, without these", "over_base_ms", "CPU ms", (Target(25),)
    )
    rows = (
        Row("import, with `trio` or `asyncio`", "import_ms", "CPU ms"),
        Row("import, without these", "over_base_ms", "CPU ms"),
        Row("modules after import", "modules", "modules"),
        Row("memory after import", "rss_mib", "MiB", (Target(0.43, OFFICIAL),)),
    )
    yield Trial("startup", "import", imports, rows)
    yield Trial("startup", "package", packages, (over,))
    load = {"load": "deltas", "repeats": 1}
    first = Row(
        "process start to first event", "first_ms", "ms", (Target(0.2, OFFICIAL),)
    )
    yield Trial("startup", "first", _same({"task": "first", "load": load}), (first,))


# -- throughput


def _streamed(
    scale: Scale,
    load: str,
    *,
    who: Sequence[str] = CONTESTANTS,
    share: float = 1.0,
    wanted: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the orders of a stream, and what has to have arrived.

    Args:
      scale: how much.
      load: of what.
      who: takes part.
      share: of what there is usually.
      wanted: the only type that is asked for; one that is in a cycle once.
      more: further orders for the contestants.
    """
    orders: dict[str, Order] = {}
    expected: dict[str, dict[str, int]] = {}
    a_cycle, _ = loads.count(load, 1)
    for name in who:
        repeats = max(1, int(scale.events(name) * share) // a_cycle)
        events, characters = loads.count(load, repeats)
        seen = {"received": events, "characters": characters}
        if wanted is not None:
            seen = {"received": repeats, "characters": 0}
        orders[name] = {
            "task": "stream",
            "load": {"load": load, "repeats": repeats},
            "events": seen["received"],
            "per": events,
            "wanted": wanted,
            **more,
        }
        expected[name] = seen
    return {"orders": orders, "expected": expected}


def throughput(scale: Scale) -> Iterator[Trial]:
    """One session, as fast as the client reads."""

    def trial(name: str, label: str, *targets: Target, **made: Any) -> Trial:
        row = Row(label, CPU, PER_EVENT, targets)
        return Trial("throughput", name, rows=(row,), **made)

    yield trial(
        "deltas",
        "deltas, `subscribe`",
        *(Target(1 / 25, OFFICIAL), Target(2, LIMIT)),
        **_streamed(scale, "deltas"),
    )
    yield trial(
        "mix",
        "mix, `subscribe`",
        *(Target(1 / 20, OFFICIAL), Target(2.5, LIMIT)),
        **_streamed(scale, "mix"),
    )
    on = _streamed(scale, "deltas", who=(OURS,), task="handler")
    del on["expected"][OURS]["received"]  # one call may stand for several
    on["orders"][OURS]["characters"] = on["expected"][OURS]["characters"]
    yield trial("on", "deltas, `session.on`", like="deltas", **on)
    yield trial("turns", "a turn of the mix, iterated", like="mix", **_turns(scale))
    yield trial(
        "ten",
        "deltas, 10 subscribers",
        Target(3, "deltas"),
        **_streamed(scale, "deltas", who=CLIENTS, share=0.2, subscribers=10),
    )
    yield trial(
        "filter",
        "mix, 1 type of 20 wanted",
        like="mix",
        **_streamed(scale, "mix", who=CLIENTS, wanted="session.idle"),
    )
    nobody = _streamed(scale, "deltas", who=CLIENTS, task="nobody")
    for name, order in nobody["orders"].items():
        order["load"]["deaf"] = True
        del nobody["expected"][name]["characters"]
        if name in THEIRS:  # they do not say how many have arrived
            del nobody["expected"][name]["received"]
    label = "deltas, nobody subscribed"
    yield trial("nobody", label, Target(1.3, LIMIT), like="deltas", **nobody)


def _turns(scale: Scale) -> dict[str, Any]:
    turns = scale.times(300)
    events, characters = loads.count("mix", turns)
    load = {"load": "mix", "repeats": 1}
    told = {"task": "turns", "turns": turns, "per": events, "load": load}
    seen = {"received": events, "characters": characters}
    return {"orders": {OURS: told}, "expected": {OURS: seen}}


def paced(scale: Scale) -> Iterator[Trial]:
    """A stream as a model writes it: the client waits for each event."""
    events = scale.times(1_500)
    load = {"load": "deltas", "rate": 500, "repeats": events}
    order = {"task": "paced", "load": load, "events": events}
    rows = (
        Row(
            "500 events/s, delay, median", "delay_p50", "µs", (Target(0.45, OFFICIAL),)
        ),
        Row("500 events/s, delay, 99 %", "delay_p99", "µs"),
        Row("500 events/s", CPU, PER_EVENT),
    )
    seen = {"received": events}
    yield Trial("paced", "paced", _same(order), rows, _same(seen))


# -- calls


def requests(scale: Scale) -> Iterator[Trial]:
    """Calls that the CLI answers at once."""
    one_by_one = {"task": "pings", "calls": scale.times(3_000)}
    rows = (
        Row("ping, median", "ping_p50", "µs", (Target(0.35, OFFICIAL),)),
        Row("ping, 99 %", "ping_p99", "µs"),
        Row("ping", CPU, "CPU µs"),
    )
    yield Trial("requests", "ping", _same(one_by_one), rows)
    at_once = {"task": "concurrent", "tasks": 100, "calls": scale.times(20_000)}
    targets = (Target(10, OFFICIAL, at_least=True), Target(0.5, LIMIT, at_least=True))
    row = Row("100 concurrent calls", "per_second", "calls/s", targets)
    yield Trial("requests", "concurrent", _same(at_once), (row,))


# -- many sessions


def sessions(scale: Scale) -> Iterator[Trial]:
    """Sessions on one connection, in turn; all of them are listened to."""
    for number in (1, 1_000) if scale.quick else (1, 10, 100, 1_000):
        open_sessions = scale.times(number)
        orders: dict[str, Order] = {}
        expected: dict[str, dict[str, int]] = {}
        for who in CONTESTANTS:
            each = max(1, scale.events(who, 60_000, 10_000) // open_sessions)
            events, characters = loads.count("deltas", each * open_sessions)
            orders[who] = {
                "task": "sessions",
                "sessions": open_sessions,
                "load": {"load": "deltas", "repeats": each},
                "each": each,
                "per": events,
            }
            expected[who] = {"received": events, "characters": characters}
        label = f"{number:,} session{'s' if number > 1 else ''}"
        targets = (Target(1.2, "sessions-1"),) if number == 1_000 else ()
        rows = [Row(label, CPU, PER_EVENT, targets)]
        if number >= 100:
            rows.append(Row(f"{label}: the first ends at", "fairness", "of all"))
        if number == 1_000:
            rows.append(Row("an open session", "session_kib", "KiB"))
        name = f"sessions-{number}"
        yield Trial("sessions", name, orders, tuple(rows), expected)


# -- readers that do not read


def sleeping(scale: Scale) -> Iterator[Trial]:
    """A subscriber sleeps; afterwards it reads the whole text."""
    events, characters = loads.count("deltas", scale.times(200_000))
    load = {"load": "deltas", "repeats": events}
    order = {"task": "sleeping", "load": load, "events": events}
    order["characters"] = characters
    seen = {"arrived": events, "characters": characters}
    rows = (
        Row("memory for 200,000 events", "growth_mib", "MiB"),
        Row("of it, for the second half", "late_mib", "MiB"),
        Row("ping meanwhile, median", "ping_p50", "ms", (Target(10),)),
        Row("ping meanwhile, worst", "ping_max", "ms"),
    )
    yield Trial(
        "sleeping", "sleeping", _same(order, CLIENTS), rows, _same(seen, CLIENTS)
    )


# -- large frames


def frames(scale: Scale) -> Iterator[Trial]:
    """One text in frames of growing size."""
    most = 64 * 1024 if scale.quick else 64 * 1024**2
    sizes = (1024, 64 * 1024, 1024**2, 16 * 1024**2, 64 * 1024**2)
    for size in sizes[2:3] if scale.quick else sizes:
        actual = min(size, most)
        repeats = max(1, min(20_000, most // actual))
        load = {"load": "deltas", "size": actual, "repeats": repeats}
        events, characters = loads.count("deltas", repeats, actual)
        order = {"task": "stream", "load": load, "events": events}
        order["per"] = characters / 1000  # CPU us for 1,000 bytes are ns for one
        order["wanted"] = None
        label = f"frames of {_size(size)}"
        targets = (Target(1.5, "frames-1-MiB"),) if size == 64 * 1024**2 else ()
        rows = (Row(label, CPU, "CPU ns per byte", targets),)
        name = f"frames-{_size(size).replace(' ', '-')}"
        seen = {"received": events, "characters": characters}
        yield Trial("frames", name, _same(order), rows, _same(seen))


def _size(size: int) -> str:
    return f"{size // 1024} KiB" if size < 1024**2 else f"{size // 1024**2} MiB"


# -- ends


def stopping(scale: Scale) -> Iterator[Trial]:
    """What was written, and when, is taken from the log of the CLI."""
    load = {"load": "deltas", "rate": 500, "repeats": 100_000}
    orders: dict[str, Order] = {OURS: {"times": scale.times(20)}}
    orders |= _same({"times": 1}, THEIRS)
    for order in orders.values():
        order |= {"task": "cancel", "load": load}
    abort = Row("cancelled: `session.abort` written", "abort_ms", "ms", (Target(2),))
    yield Trial("stopping", "cancel", orders, (abort,))
    orders = {who: {**order, "task": "kill"} for who, order in orders.items()}
    known = Row("CLI killed: the caller knows", "known_ms", "ms", (Target(10),))
    yield Trial("stopping", "kill", orders, (known,))


def cycles(scale: Scale) -> Iterator[Trial]:
    """Clients opened and closed; nothing is collected by hand."""
    order = {"task": "cycles", "times": scale.times(100)}
    none_left = (Target(0),)
    rows = (
        Row("open, median", "open_p50", "ms"),
        Row("close, median", "close_p50", "ms"),
        Row("close, worst", "close_max", "ms"),
        Row("file descriptors left", "fds", "more", none_left),
        Row("threads left", "threads", "more", none_left),
        Row("zombies left", "zombies", "more", none_left),
    )
    yield Trial("cycles", "cycles", _same(order, CLIENTS), rows)


GROUPS: tuple[Callable[[Scale], Iterator[Trial]], ...] = (
    startup,
    throughput,
    paced,
    requests,
    sessions,
    sleeping,
    frames,
    stopping,
    cycles,
)


def scenarios(scale: Scale) -> list[Trial]:
    """Return all trials, in the order of the table."""
    return [trial for group in GROUPS for trial in group(scale)]
