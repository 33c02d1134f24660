"""trio_copilot, through its public interface alone.

Each task is an async function of a client and its order. An event counts when
its typed payload was made and a field of it read.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.contestants.meters import (
    DELTA,
    FAST_CLI,
    Answer,
    Clock,
    Counter,
    Delays,
    first_event,
    held,
    milliseconds,
    order,
    percentiles,
    report,
    rss,
    text_of,
    written,
)
from trio_copilot import CliExitedError, open_client

if TYPE_CHECKING:
    from trio_copilot import Client, Session

ROOMY = 10_000_000
"""A capacity at which nothing is joined: every event is to be counted."""

Told = dict[str, Any]


def arrived(client: Client) -> int:
    """Return how many events the client got, with or without subscribers."""
    return sum(client.statistics().events.values())


async def consume(events: Any, counter: Counter, expected: int) -> None:
    """Take so many events from a subscription."""
    async for event in events:
        counter.take(event)
        if counter.received == expected:
            return


async def first(client: Client, told: Told) -> Answer:
    """Receive one event."""
    async with client.open_session() as session, session.subscribe(DELTA) as events:
        await session.send(json.dumps(told["load"]))
        text_of(await events.receive())
        return first_event(told)


# -- throughput


async def warm_up(session: Session, load: Told) -> None:
    """Have seen each type of event once: loading it is not what is measured."""
    prompt = json.dumps({**load, "repeats": 1, "idle": True, "deaf": False})
    async with session.subscribe(capacity=ROOMY) as events:
        await session.send(prompt)
        ends = 2 if load["load"] == "mix" else 1
        async for event in events:
            text_of(event)
            ends -= event.type == "session.idle"
            if not ends:
                return


async def stream(client: Client, told: Told) -> Answer:
    """Iterate one or several subscriptions."""
    counters = [Counter() for _ in range(told.get("subscribers", 1))]
    types = [told["wanted"]] if told["wanted"] else []
    async with client.open_session() as session, AsyncExitStack() as stack:
        await warm_up(session, told["load"])
        streams = [
            await stack.enter_async_context(session.subscribe(*types, capacity=ROOMY))
            for _ in counters
        ]
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        async with trio.open_nursery() as nursery:
            for events, counter in zip(streams, counters, strict=True):
                nursery.start_soon(consume, events, counter, told["events"])
        answer = clock.per(told["per"])
    if any(counter.counts != counters[0].counts for counter in counters):
        raise RuntimeError("they have not all seen the same")
    return {**answer, **counters[0].counts}


async def handler(client: Client, told: Told) -> Answer:
    """Have a function called. It is called once for several that it was late for."""
    counter = Counter()
    complete = trio.Event()

    def take(event: Any) -> None:
        counter.take(event)
        if counter.characters == told["characters"]:
            complete.set()

    async with client.open_session() as session:
        await warm_up(session, told["load"])
        session.on(take)
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        await complete.wait()
        return {**clock.per(told["per"]), **counter.counts}


async def turns(client: Client, told: Told) -> Answer:
    """Iterate turns: each is one prompt and has the load as its answer."""
    from trio_copilot import TextDelta

    characters = 0
    prompt = json.dumps(told["load"])
    async with client.open_session() as session:
        await session.ask(prompt)
        before = arrived(client)
        clock = Clock()
        for _ in range(told["turns"]):
            async with session.turn(prompt) as turn:
                async for event in turn:
                    if isinstance(event, TextDelta):
                        characters += len(event.text)
        answer = clock.per(told["per"])
        received = arrived(client) - before
        return {**answer, "received": received, "characters": characters}


async def nobody(client: Client, told: Told) -> Answer:
    """Have events arrive without a subscriber or a turn."""
    async with client.open_session() as session:
        await warm_up(session, told["load"])
        before = arrived(client)
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        await client.ping()  # answered when all has been sent
        answer = clock.per(told["per"])
        return {**answer, "received": arrived(client) - before}


async def paced(client: Client, told: Told) -> Answer:
    """Take events as they come."""
    delays = Delays()
    async with client.open_session() as session:
        await warm_up(session, {"load": "deltas"})
        async with session.subscribe(DELTA) as events:
            await session.send(json.dumps(told["load"]))
            clock = Clock()
            async for event in events:
                delays.take(event)
                if len(delays) == told["events"]:
                    break
        return {**clock.per(len(delays)), **delays.answer()}


# -- calls


async def pings(client: Client, told: Told) -> Answer:
    """Make one call after the other."""
    times = []
    await client.ping()
    clock = Clock()
    for _ in range(told["calls"]):
        start = time.perf_counter()
        await client.ping("x")
        times.append(milliseconds(start) * 1000)
    return {**clock.per(told["calls"]), **percentiles(times, "ping")}


async def concurrent(client: Client, told: Told) -> Answer:
    """Make calls in many tasks."""
    each = max(1, told["calls"] // told["tasks"])

    async def call() -> None:
        for _ in range(each):
            await client.ping("x")

    await client.ping()
    clock = Clock()
    async with trio.open_nursery() as nursery:
        for _ in range(told["tasks"]):
            nursery.start_soon(call)
    return clock.per(each * told["tasks"])


# -- many sessions, and one that is not read


async def sessions(client: Client, told: Told) -> Answer:
    """Subscribe to many sessions, each in its own task."""
    counters = [Counter() for _ in range(told["sessions"])]
    ends: list[float] = []
    opened: list[Session] = []

    async def member(counter: Counter, task_status: trio.TaskStatus[None]) -> None:
        async with client.open_session() as session:
            async with session.subscribe(capacity=ROOMY) as events:
                opened.append(session)
                task_status.started()
                await consume(events, counter, told["each"])
                ends.append(time.perf_counter())
                if len(ends) == told["sessions"]:
                    all_done.set()
                await all_done.wait()

    all_done = trio.Event()
    async with client.open_session() as session:  # released before the others
        await warm_up(session, told["load"])
    before = rss()
    async with trio.open_nursery() as nursery:
        for counter in counters:
            await nursery.start(member, counter)
        session_kib = (rss() - before) * 1024 / told["sessions"]
        await opened[0].send(json.dumps(told["load"]))
        start = time.perf_counter()
        clock = Clock()
        await all_done.wait()
        answer = clock.per(told["per"])
    return {
        **answer,
        "received": sum(counter.received for counter in counters),
        "characters": sum(counter.characters for counter in counters),
        "fairness": (ends[0] - start) / (ends[-1] - start),
        "session_kib": session_kib,
    }


async def sleeping(client: Client, told: Told) -> Answer:
    """Subscribe, do not read while everything arrives, and read it then."""
    characters, times, half = 0, [], 0.0
    async with client.open_session() as session:
        await warm_up(session, told["load"])
        await client.ping()
        async with session.subscribe(DELTA) as events:
            before, at_first = rss(), arrived(client)
            await session.send(json.dumps(told["load"]))
            while (there := arrived(client) - at_first) < told["events"]:
                start = time.perf_counter()
                await client.ping()
                times.append(milliseconds(start))
                if there <= told["events"] // 2:
                    half = rss()
                await trio.sleep(0.005)
            after = rss()
            while characters < told["characters"]:
                characters += len(text_of(await events.receive()))
    return {
        "growth_mib": after - before,
        "late_mib": after - half,
        "arrived": there,
        "characters": characters,
        **percentiles(times, "ping"),
    }


# -- ends


async def cancel(client: Client, told: Told) -> Answer:
    """Cancel a turn that is streaming; the CLI's log has the time of the abort."""
    moments = []
    async with client.open_session() as session:
        for _ in range(told["times"]):
            async with session.turn(json.dumps(told["load"])) as turn:
                await turn.__anext__()
                moments.append(time.monotonic_ns())
                turn.cancel_scope.cancel()
    aborts = written("session.abort")
    delays = [(b - a) / 1e6 for a, b in zip(moments, aborts, strict=True)]
    return {"abort_ms": percentiles(delays, "abort")["abort_p50"]}


async def kill(_: Client, told: Told) -> Answer:
    """Have the CLI killed while a turn is streaming."""
    times = [await _kill(told) for _ in range(told["times"])]
    return {"known_ms": percentiles(times, "known")["known_p50"]}


async def _kill(told: Told) -> float:
    known = 0.0
    try:
        async with open_client(FAST_CLI) as client, client.open_session() as session:
            async with session.turn(json.dumps(told["load"])) as turn:
                await turn.__anext__()
                assert client.pid is not None
                start = time.perf_counter()
                os.kill(client.pid, signal.SIGKILL)
                try:
                    async for _ in turn:
                        pass
                except CliExitedError:
                    known = milliseconds(start)
                    raise
    except CliExitedError:
        return known
    raise RuntimeError("nobody has noticed")


async def cycles(_: Client, told: Told) -> Answer:
    """Open and close clients, each with a session."""
    opening, closing = [], []
    before = held()
    for _ in range(told["times"]):
        start = time.perf_counter()
        async with open_client(FAST_CLI) as client, client.open_session():
            opening.append(milliseconds(start))
            start = time.perf_counter()
        closing.append(milliseconds(start))
    left = {what: count - before[what] for what, count in held().items()}
    return {**percentiles(opening, "open"), **percentiles(closing, "close"), **left}


TASKS: dict[str, Callable[[Client, Told], Awaitable[Answer]]] = {
    "first": first,
    "stream": stream,
    "handler": handler,
    "turns": turns,
    "nobody": nobody,
    "paced": paced,
    "pings": pings,
    "concurrent": concurrent,
    "sessions": sessions,
    "sleeping": sleeping,
    "cancel": cancel,
    "kill": kill,
    "cycles": cycles,
}


async def main() -> None:
    """Do what the command line says."""
    told = order()
    async with open_client(FAST_CLI) as client:
        answer = await TASKS[told["task"]](client, told)
    report(answer)


if __name__ == "__main__":
    trio.run(main)
