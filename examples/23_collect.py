"""Everything a turn brings, in one value: text, tools by name, tokens, the end.

Each turn has its own result, so two cannot mix. A deadline ends the turn itself, not
only the wait for it, and the value has what had arrived by then.

Run: python examples/23_collect.py "Which files are here?" --timeout 60
"""

from __future__ import annotations

import argparse
import json
from typing import Any, TypeAlias

import attrs
import trio

from trio_copilot import (
    ReasoningDelta,
    Session,
    ToolCall,
    ToolResult,
    TurnEnd,
    open_client,
)

Json: TypeAlias = dict[str, Any]


@attrs.define
class Collected:
    """What `TurnEnd` does not have."""

    reasoning: str = ""
    tools: dict[str, list[Json]] = attrs.field(factory=dict[str, "list[Json]"])
    """By name, in order: the arguments and the text of each call."""


async def collect(
    session: Session, prompt: str, timeout: float
) -> tuple[Collected, TurnEnd]:
    """Run a turn to its end, or to its deadline, and return everything it brought."""
    collected = Collected()
    calls: dict[str, Json] = {}
    async with session.turn(prompt, timeout=timeout) as turn:
        async for event in turn:
            match event:
                case ReasoningDelta(text=text, agent_id=None):
                    collected.reasoning += text
                case ToolCall(call_id=call_id, name=name, arguments=arguments):
                    calls[call_id] = {"arguments": arguments}
                    collected.tools.setdefault(name, []).append(calls[call_id])
                case ToolResult(call_id=call_id, success=success, text=text):
                    calls[call_id] |= {"success": success, "said": text}
                case _:
                    pass  # the text and the tokens are in `TurnEnd`
    return collected, await turn.wait()


async def main(prompt: str, timeout: float) -> None:
    """Print a turn as JSON; raise if it failed."""
    async with open_client() as client, client.open_session() as session:
        collected, end = await collect(session, prompt, timeout)
    shown = {
        "text": end.text,
        **attrs.asdict(collected),
        "usage": attrs.asdict(end.usage),
        "reason": end.reason,
        "cause": end.cause,
    }
    print(json.dumps(shown, indent=2))
    end.raise_for_error()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Which files are here?")
    parser.add_argument("--timeout", type=float, default=120, help="seconds in all")
    arguments = parser.parse_args()
    trio.run(main, arguments.prompt, arguments.timeout)
