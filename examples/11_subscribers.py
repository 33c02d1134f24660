"""Three readers of one session: a display, a file, and a count of events.

Each has its own subscription and task, so a slow one delays nobody. Closing the
subscriptions after the turn ends them; no event of the session does, because it might
belong to another prompt. The file is replaced in one step once the turn is complete, so
other programs see either the old answer or the new one.

Run: python examples/11_subscribers.py "Why is the sky blue?" --out answer.md
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import trio

from trio_copilot import Lagged, SessionEvent, Subscription, open_client
from trio_copilot.events import AssistantMessage, AssistantMessageDelta


async def show(events: Subscription[SessionEvent]) -> None:
    """Print the main agent's text as it comes, with a blank line between messages."""
    current = ""
    async for event in events:
        match event:
            case SessionEvent(
                data=AssistantMessageDelta(message_id=message, delta_content=text),
                agent_id=None,
            ):
                if current not in ("", message):
                    print("\n")
                current = message
                print(text, end="", flush=True)
            case _:
                pass


async def collect(events: Subscription[SessionEvent], texts: list[str]) -> None:
    """Keep the main agent's messages."""
    async for event in events:
        match event:
            case SessionEvent(data=AssistantMessage(content=text), agent_id=None):
                texts.append(text)
            case _:
                pass


async def count(events: Subscription[SessionEvent], counts: Counter[str]) -> None:
    """Count events by type, and those missed because they came too fast."""
    async for event in events:
        match event:
            case Lagged(missed=missed):
                counts["missed"] += missed
            case SessionEvent(type=name, agent_id=agent):
                counts[name if agent is None else f"{name} (sub-agent)"] += 1


async def save(path: trio.Path, text: str) -> None:
    """Replace a file, in one step."""
    part = path.with_name(f"{path.name}.part")
    await part.write_text(text, encoding="utf-8")
    await part.replace(path)


async def main(prompt: str, out: trio.Path) -> None:
    """Let three readers follow one turn."""
    texts: list[str] = []
    counts: Counter[str] = Counter()
    async with open_client() as client, client.open_session() as session:
        async with (
            session.subscribe("assistant.message_delta") as shown,
            session.subscribe("assistant.message") as messages,
            session.subscribe(overflow="drop_oldest") as everything,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(show, shown)
            nursery.start_soon(collect, messages, texts)
            nursery.start_soon(count, everything, counts)
            await session.ask(prompt, idle_timeout=120)
            for events in (shown, messages, everything):
                await events.aclose()
    print()
    await save(out, "\n\n".join(filter(None, texts)))
    for name, number in counts.most_common():
        print(f"{number:6} {name}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Why is the sky blue?")
    parser.add_argument("--out", type=trio.Path, default=trio.Path("answer.md"))
    options = parser.parse_args()
    trio.run(main, options.prompt, options.out)
