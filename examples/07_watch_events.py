"""Every event of a session, while a turn runs.

A subscription gets every wire event, typed; a turn shows the few that matter to it. An
event that only a newer CLI knows is an `UnknownEvent`, in its place, with its raw data.

Run: python examples/07_watch_events.py
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Lagged, SessionEvent, Subscription, open_client
from trio_copilot.events import (
    AssistantMessageDelta,
    AssistantUsage,
    MalformedEvent,
    ToolExecutionStart,
    UnknownEvent,
)


def describe(event: SessionEvent | Lagged) -> str:
    """Return one line about an event."""
    match event:
        case Lagged(missed=missed):
            return f"... {missed} events that came too fast"
        case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
            return f"text   {text!r}"
        case SessionEvent(data=ToolExecutionStart(tool_name=name)):
            return f"tool   {name}"
        case SessionEvent(data=AssistantUsage(model=model, output_tokens=tokens)):
            return f"usage  {tokens} tokens of {model}"
        case SessionEvent(data=UnknownEvent(type=name)):
            return f"new    {name}"
        case SessionEvent(data=MalformedEvent(type=name)):
            return f"odd    {name}"
        case SessionEvent(type=name):
            return f"       {name}"


async def watch(events: Subscription[SessionEvent]) -> None:
    """Print each event, until the subscription is closed and empty."""
    async for event in events:
        print(describe(event), flush=True)


async def main() -> None:
    """Watch one turn."""
    async with open_client() as client:
        async with (
            client.open_session() as session,
            session.subscribe(overflow="drop_oldest") as events,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(watch, events)
            await session.ask("Greet the world in one sentence.", timeout=60)
            await events.aclose()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    trio.run(main)
