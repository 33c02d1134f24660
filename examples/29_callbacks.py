"""Callbacks instead of a loop: `ask` calls them, one after the other, in this task.

They may be sync or async. An exception in one comes out of `ask` and stops the turn at
the CLI; if it were only logged, the turn would keep running unwatched.

Run: python examples/29_callbacks.py "What is the time?" --limit 1000
"""

from __future__ import annotations

import argparse
import sys

import attrs
import trio

from trio_copilot import ToolCall, TurnEnd, open_client


class TooLongError(Exception):
    """The answer is longer than anyone wants to read."""


@attrs.define
class Reader:
    """Reads along, up to a limit."""

    limit: int
    characters: int = 0

    async def read(self, text: str) -> None:
        """Take the next piece of the answer."""
        self.characters += len(text)
        if self.characters > self.limit:
            raise TooLongError(f"more than {self.limit} characters")
        print(text, end="", flush=True)
        await trio.lowlevel.checkpoint()


def note_tool(call: ToolCall) -> None:
    """Print which tool is called."""
    print(f"[{call.name} {call.arguments}]", file=sys.stderr)


def note_end(end: TurnEnd) -> None:
    """Print how the turn ended; called for every end except an exception."""
    print(f"\n[{end.reason}, {end.usage.output_tokens} tokens]", file=sys.stderr)


async def main(prompt: str, limit: int) -> None:
    """Ask, with a callback for each kind of event."""
    async with open_client() as client, client.open_session() as session:
        await session.ask(
            prompt,
            idle_timeout=60,
            on_text_delta=Reader(limit).read,
            on_tool_call=note_tool,
            on_turn_end=note_end,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="What is the time?")
    parser.add_argument("--limit", type=int, default=10_000, help="characters to read")
    options = parser.parse_args()
    trio.run(main, options.prompt, options.limit)
