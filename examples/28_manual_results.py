"""A tool without a function: the program answers it, when and from where it can.

The tool is only declared, so the model waits for `submit_tool_result`. Here a person is
asked, one question at a time. No answer and an unknown option are results too, because
a call without a result would block the turn for ever. Leaving the turn answers open
calls.

Run: python examples/28_manual_results.py "Let me pick a colour, then praise it."
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import trio

from trio_copilot import Tool, ToolCall, ToolError, open_client

PATIENCE = 60.0
"""Seconds that a person has for an answer."""

PICK = Tool(
    "pick",
    "Let the user pick one of several options.",
    {
        "type": "object",
        "properties": {"options": {"type": "array", "items": {"type": "string"}}},
        "required": ["options"],
    },
)


def read_line() -> str:
    """Return a line of stdin; empty at its end."""
    return sys.stdin.readline().strip()


async def pick(arguments: Any) -> str | ToolError:
    """Ask the person at the terminal; the arguments are checked by hand."""
    match arguments:
        case {"options": [*options]} if options:
            print(f"Pick one of {', '.join(map(str, options))}:", flush=True)
        case _:
            return ToolError(f"No options in {arguments}")
    picked = ""
    with trio.move_on_after(PATIENCE):
        picked = await trio.to_thread.run_sync(read_line, abandon_on_cancel=True)
    return picked if picked in options else ToolError(f"The user said {picked!r}")


async def main(prompt: str) -> None:
    """Give the model a prompt that makes it ask the user."""
    async with open_client() as client, client.open_session(tools=[PICK]) as session:
        async with session.turn(prompt) as turn:
            async for event in turn:
                match event:
                    case ToolCall(handled=False, call_id=call_id, arguments=arguments):
                        await turn.submit_tool_result(call_id, await pick(arguments))
                    case _:
                        pass
        end = await turn.wait()
        end.raise_for_error()
        print(end.answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Let me pick a colour; praise it.")
    trio.run(main, parser.parse_args().prompt)
