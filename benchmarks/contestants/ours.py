"""trio_copilot, through its public interface alone.

Each task is an async function of a client and of what it was told. An event counts when
its typed payload was made and a field of it read.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import trio

from benchmarks.contestants.meters import (
    FAST_CLI,
    Answer,
    Clock,
    order,
    report,
    text_of,
)
from trio_copilot import Client, SessionEvent, TextDelta, open_client

ROOMY = 10_000_000
"""A capacity at which nothing is joined: every event is to be counted."""

DELTA = "assistant.message_delta"
Told = dict[str, Any]


class Counter:
    """Counts typed events and the characters of their text."""

    def __init__(self, expected: int) -> None:
        self.received = 0
        self.characters = 0
        self._expected = expected
        self.complete = trio.Event()

    def take(self, event: SessionEvent) -> None:
        """Read a field of an event."""
        self.received += 1
        self.characters += len(text_of(event.data))
        if self.received == self._expected:
            self.complete.set()

    @property
    def counts(self) -> Answer:
        """How much has arrived."""
        return {"received": self.received, "characters": self.characters}


# -- throughput


async def stream(client: Client, told: Told) -> Answer:
    """Iterate one or several subscriptions."""
    counters = [Counter(told["events"]) for _ in range(told.get("subscribers", 1))]
    types = [told["type"]] if "type" in told else []

    async def consume(counter: Counter, events: Any) -> None:
        async for event in events:
            counter.take(event)
            if counter.complete.is_set():
                return

    async with client.open_session() as session, AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(session.subscribe(*types, capacity=ROOMY))
            for _ in counters
        ]
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        async with trio.open_nursery() as nursery:
            for counter, events in zip(counters, streams, strict=True):
                nursery.start_soon(consume, counter, events)
        return {**clock.per(told["per"]), **counters[-1].counts}


async def handler(client: Client, told: Told) -> Answer:
    """Have a function called. It may be called once for several that it was late for."""
    characters, called = 0, 0
    complete = trio.Event()

    def take(event: SessionEvent) -> None:
        nonlocal characters, called
        called += 1
        characters += len(text_of(event.data))
        if characters == told["characters"]:
            complete.set()

    async with client.open_session() as session:
        session.on(take)
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        await complete.wait()
        answer = clock.per(told["per"])
        return {**answer, "characters": characters, "called": called}


async def turns(client: Client, told: Told) -> Answer:
    """Iterate turns: each is one prompt and has `load` as its answer."""
    characters, ended = 0, 0
    prompt = json.dumps(told["load"])
    async with client.open_session() as session:
        clock = Clock()
        for _ in range(told["turns"]):
            async with session.turn(prompt) as turn:
                async for event in turn:
                    if isinstance(event, TextDelta):
                        characters += len(event.text)
            ended += turn.end is not None and turn.end.reason == "complete"
        answer = clock.per(told["per"])
        received = sum(client.statistics().events.values()) if ended else 0
    return {**answer, "received": received, "characters": characters}


async def nobody(client: Client, told: Told) -> Answer:
    """Have events arrive for which there is no subscriber and no turn."""
    async with client.open_session() as session:
        await session.send(json.dumps(told["load"]))
        clock = Clock()
        await client.ping()  # answered when all has been sent
        answer = clock.per(told["per"])
        return {**answer, "received": sum(client.statistics().events.values())}


TASKS: dict[str, Callable[[Client, Told], Awaitable[Answer]]] = {
    "stream": stream,
    "handler": handler,
    "turns": turns,
    "nobody": nobody,
}


async def main() -> None:
    """Do what the command line says."""
    told = order()
    async with open_client(FAST_CLI) as client:
        answer = await TASKS[told["task"]](client, told)
    report(answer)


if __name__ == "__main__":
    trio.run(main)
