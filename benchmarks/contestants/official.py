"""The official Python SDK, through its cheapest interface: a function called with events.

    official.py ORDER [--patched]

`--patched` is the same with the two lines changed that cost it most: timestamps are read
with `datetime.fromisoformat` instead of `dateutil`, and the pipe is read through a buffer
instead of byte by byte.

Runs in an environment of its own, where neither Trio nor our package is installed.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from copilot import CopilotClient, RuntimeConnection
from copilot.session import CopilotSession, PermissionHandler

from benchmarks.contestants.meters import (
    FAST_CLI,
    Answer,
    Clock,
    Counter,
    Delays,
    children,
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

OBSERVED = 1.0
"""Seconds in which a cancelled prompt could still be aborted."""

TURN_TIMEOUT = 5.0
"""Seconds that a prompt may take; the default is 60."""

Told = dict[str, Any]


def patch() -> None:
    """Change what could be faster with a line each."""
    from datetime import datetime

    import dateutil.parser
    from copilot._jsonrpc import JsonRpcClient

    start = JsonRpcClient.start

    def start_buffered(self: JsonRpcClient, *args: Any) -> None:
        self.process.stdout = io.BufferedReader(self.process.stdout, 64 * 1024)
        start(self, *args)

    dateutil.parser.parse = datetime.fromisoformat
    JsonRpcClient.start = start_buffered


async def open_client() -> CopilotClient:
    """Start a CLI."""
    program, *arguments = FAST_CLI
    connection = RuntimeConnection.for_stdio(path=program, args=arguments)
    client = CopilotClient(connection=connection)
    await client.start()
    return client


async def create(client: CopilotClient) -> CopilotSession:
    """Create a session."""
    return await client.create_session(
        on_permission_request=PermissionHandler.approve_all, streaming=True
    )


def listen(
    session: CopilotSession,
    take: Callable[[Any], None],
    expected: int,
    wanted: str | None = None,
) -> asyncio.Event:
    """Have a function called, and return what is set after so many times."""
    called = 0
    complete = asyncio.Event()

    def look(event: Any) -> None:
        nonlocal called
        if wanted is None or event.type.value == wanted:
            called += 1
            take(event)
            if called == expected:
                complete.set()

    session.on(look)
    return complete


async def first(client: CopilotClient, told: Told) -> Answer:
    """Receive one event."""
    session = await create(client)
    one = listen(session, text_of, 1)
    await session.send(json.dumps(told["load"]))
    await one.wait()
    return first_event(told)


# -- throughput


async def stream(client: CopilotClient, told: Told) -> Answer:
    """Have one or several functions called."""
    counters = [Counter() for _ in range(told.get("subscribers", 1))]
    session = await create(client)
    ends = [
        listen(session, counter.take, told["events"], told["wanted"])
        for counter in counters
    ]
    await session.send(json.dumps(told["load"]))
    clock = Clock()
    for end in ends:
        await end.wait()
    answer = clock.per(told["per"])
    if any(counter.counts != counters[0].counts for counter in counters):
        raise RuntimeError("they have not all seen the same")
    return {**answer, **counters[0].counts}


async def nobody(client: CopilotClient, told: Told) -> Answer:
    """Have events arrive that no function takes. It cannot count them."""
    session = await create(client)
    await session.send(json.dumps(told["load"]))
    clock = Clock()
    await client.ping()  # answered when all has been sent
    return clock.per(told["per"])


async def paced(client: CopilotClient, told: Told) -> Answer:
    """Have a function called as events come."""
    delays = Delays()
    session = await create(client)
    end = listen(session, delays.take, told["events"])
    await session.send(json.dumps(told["load"]))
    clock = Clock()
    await end.wait()
    return {**clock.per(len(delays)), **delays.answer()}


# -- calls


async def pings(client: CopilotClient, told: Told) -> Answer:
    """Make one call after the other."""
    times = []
    await client.ping()
    clock = Clock()
    for _ in range(told["calls"]):
        start = time.perf_counter()
        await client.ping("x")
        times.append(milliseconds(start) * 1000)
    return {**clock.per(told["calls"]), **percentiles(times, "ping")}


async def concurrent(client: CopilotClient, told: Told) -> Answer:
    """Make calls in many tasks."""
    each = max(1, told["calls"] // told["tasks"])

    async def call() -> None:
        for _ in range(each):
            await client.ping("x")

    await client.ping()
    clock = Clock()
    await asyncio.gather(*(call() for _ in range(told["tasks"])))
    return clock.per(each * told["tasks"])


# -- many sessions, and one that is not read


async def sessions(client: CopilotClient, told: Told) -> Answer:
    """Listen to many sessions."""
    counters = [Counter() for _ in range(told["sessions"])]
    ends: list[float] = []
    complete = asyncio.Event()

    def ended() -> None:
        ends.append(time.perf_counter())
        if len(ends) == told["sessions"]:
            complete.set()

    def member(counter: Counter) -> Callable[[Any], None]:
        def take(event: Any) -> None:
            counter.take(event)
            if counter.received == told["each"]:
                ended()

        return take

    before = rss()
    opened = [await create(client) for _ in counters]
    for session, counter in zip(opened, counters, strict=True):
        session.on(member(counter))
    session_kib = (rss() - before) * 1024 / told["sessions"]
    await opened[0].send(json.dumps(told["load"]))
    start = time.perf_counter()
    clock = Clock()
    await complete.wait()
    return {
        **clock.per(told["per"]),
        "received": sum(counter.received for counter in counters),
        "characters": sum(counter.characters for counter in counters),
        "fairness": (ends[0] - start) / (ends[-1] - start),
        "session_kib": session_kib,
    }


async def sleeping(client: CopilotClient, told: Told) -> Answer:
    """Fill a queue with events before taking the first one."""
    times = []
    queue: asyncio.Queue[Any] = asyncio.Queue()
    session = await create(client)
    session.on(queue.put_nowait)
    await client.ping()
    before = rss()
    await session.send(json.dumps(told["load"]))
    while (there := queue.qsize()) < told["events"]:
        start = time.perf_counter()
        await client.ping()
        times.append(milliseconds(start))
        await asyncio.sleep(0.005)
    after = rss()
    characters = sum(len(text_of(queue.get_nowait())) for _ in range(there))
    return {
        "growth_mib": after - before,
        "arrived": there,
        "characters": characters,
        **percentiles(times, "ping"),
    }


# -- ends


async def _streaming(client: CopilotClient, told: Told) -> asyncio.Task[Any]:
    """Return a task that waits for the end of a prompt whose answer has begun."""
    session = await create(client)
    one = listen(session, text_of, 1)
    prompt = json.dumps(told["load"])
    asking = session.send_and_wait(prompt, timeout=TURN_TIMEOUT)
    task = asyncio.create_task(asking)
    await one.wait()
    return task


async def cancel(client: CopilotClient, told: Told) -> Answer:
    """Cancel the task that waits for a prompt; the CLI's log shows any abort."""
    task = await _streaming(client, told)
    moment = time.monotonic_ns()
    task.cancel()
    await asyncio.sleep(OBSERVED)
    aborts = written("session.abort")
    return {"abort_ms": (aborts[0] - moment) / 1e6 if aborts else None}


async def kill(client: CopilotClient, told: Told) -> Answer:
    """Have the CLI killed while a task waits for a prompt."""
    task = await _streaming(client, told)
    (pid,) = children()
    start = time.perf_counter()
    os.kill(int(pid), signal.SIGKILL)
    (error,) = await asyncio.gather(task, return_exceptions=True)
    return {"known_ms": milliseconds(start), "as": type(error).__name__}


async def cycles(_: CopilotClient, told: Told) -> Answer:
    """Open and close clients, each with a session."""
    opening, closing = [], []
    before = held()
    for _ in range(told["times"]):
        start = time.perf_counter()
        client = await open_client()
        await create(client)
        opening.append(milliseconds(start))
        start = time.perf_counter()
        await client.stop()
        closing.append(milliseconds(start))
    left = {what: count - before[what] for what, count in held().items()}
    return {**percentiles(opening, "open"), **percentiles(closing, "close"), **left}


TASKS: dict[str, Callable[[CopilotClient, Told], Awaitable[Answer]]] = {
    "first": first,
    "stream": stream,
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
    if "--patched" in sys.argv:
        patch()
    client = await open_client()
    answer = await TASKS[told["task"]](client, told)
    if told["task"] != "kill":
        await client.stop()
    report(answer)


if __name__ == "__main__":
    asyncio.run(main())
