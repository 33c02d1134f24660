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
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from copilot import CopilotClient, RuntimeConnection
from copilot.session import CopilotSession, PermissionHandler

from benchmarks.contestants.meters import (
    FAST_CLI,
    Answer,
    Clock,
    order,
    report,
    text_of,
)

Told = dict[str, Any]
Task = Callable[[CopilotClient, Told], Awaitable[Answer]]


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


class Counter:
    """Counts typed events and the characters of their text."""

    def __init__(self, expected: int, wire_type: str | None = None) -> None:
        self.received = 0
        self.characters = 0
        self._expected = expected
        self._type = wire_type
        self.complete = asyncio.Event()

    def take(self, event: Any) -> None:
        """Read a field of an event, if it is of the type that is wanted."""
        if self._type is not None and event.type.value != self._type:
            return
        self.received += 1
        self.characters += len(text_of(event.data))
        if self.received == self._expected:
            self.complete.set()

    @property
    def counts(self) -> Answer:
        """How much has arrived."""
        return {"received": self.received, "characters": self.characters}


async def create(client: CopilotClient) -> CopilotSession:
    """Create a session."""
    return await client.create_session(
        on_permission_request=PermissionHandler.approve_all, streaming=True
    )


# -- throughput


async def stream(client: CopilotClient, told: Told) -> Answer:
    """Have one or several functions called."""
    wanted = told.get("type")
    counters = [
        Counter(told["events"], wanted) for _ in range(told.get("subscribers", 1))
    ]
    session = await create(client)
    for counter in counters:
        session.on(counter.take)
    await session.send(json.dumps(told["load"]))
    clock = Clock()
    for counter in counters:
        await counter.complete.wait()
    return {**clock.per(told["per"]), **counters[-1].counts}


async def nobody(client: CopilotClient, told: Told) -> Answer:
    """Have events arrive for which there is no function. It cannot say how many."""
    session = await create(client)
    await session.send(json.dumps(told["load"]))
    clock = Clock()
    await client.ping()  # answered when all has been sent
    return clock.per(told["per"])


TASKS: dict[str, Task] = {"stream": stream, "nobody": nobody}


async def main() -> None:
    """Do what the command line says."""
    told = order()
    if "--patched" in sys.argv:
        patch()
    program, *arguments = FAST_CLI
    connection = RuntimeConnection.for_stdio(path=program, args=arguments)
    client = CopilotClient(connection=connection)
    await client.start()
    answer = await TASKS[told["task"]](client, told)
    await client.stop()
    report(answer)


if __name__ == "__main__":
    asyncio.run(main())
