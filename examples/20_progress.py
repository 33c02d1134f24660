"""A line that shows what the agent is doing: spinner, tools, tokens.

The spinner runs in its own task, because one driven by events would stand still exactly
when nothing arrives. Leaving the block erases the line, even by an error or Ctrl-C. If
stderr is not a terminal, there is no line.

Run: python examples/20_progress.py "What is in this folder?"
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from trio_copilot import Session, ToolCall, ToolResult, Turn, TurnEnd, open_client

FRAME = 0.1
"""Seconds between two frames of the spinner."""

CLEARED = "\r\x1b[K"


def line(turn: Turn, tools: dict[str, str]) -> str:
    """Return the line, cut to one row: only one row can be erased."""
    doing = ", ".join(tools.values()) or "thinking"
    room = shutil.get_terminal_size().columns - len("| ") - 1
    return f"{doing} ({turn.usage.output_tokens} tokens)"[:room]


async def spin(turn: Turn, tools: dict[str, str]) -> None:
    """Redraw the line at a fixed rate, whether or not anything happens."""
    for picture in itertools.cycle("|/-\\"):
        drawn = f"{CLEARED}{picture} {line(turn, tools)}"
        print(drawn, end="", flush=True, file=sys.stderr)
        await trio.sleep(FRAME)


@asynccontextmanager
async def progress(turn: Turn) -> AsyncGenerator[dict[str, str]]:
    """Show the line during the block; yields the running tools, for updating."""
    tools: dict[str, str] = {}
    if not sys.stderr.isatty():
        yield tools
        return
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spin, turn, tools)
            yield tools
            nursery.cancel_scope.cancel()
    finally:
        print(CLEARED, end="", flush=True, file=sys.stderr)


async def watch(session: Session, prompt: str) -> TurnEnd:
    """Run a turn and show its progress."""
    async with session.turn(prompt, idle_timeout=120) as turn:
        async with progress(turn) as tools:
            async for event in turn:
                match event:
                    case ToolCall(call_id=call_id, name=name):
                        tools[call_id] = name
                    case ToolResult(call_id=call_id):
                        tools.pop(call_id, None)
                    case _:
                        pass
    return await turn.wait()


async def main(prompt: str) -> None:
    """Print the answer once it is complete."""
    async with open_client() as client, client.open_session() as session:
        end = await watch(session, prompt)
        print(end.answer)
        print(f"[{end.reason}, {end.usage.output_tokens} tokens]", file=sys.stderr)
        end.raise_for_error()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="What is in this folder?")
    trio.run(main, parser.parse_args().prompt)
