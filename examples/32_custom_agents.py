"""Your own sub-agents, which the main agent can call, and who does what.

Events of a sub-agent carry its `agent_id`; here they are printed with its name, to
stderr. They are not part of the turn's text and never end it, but they belong to the
turn: leaving it stops the sub-agents too.

Run: python examples/32_custom_agents.py "Let the critic judge README.md."
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import trio

from trio_copilot import (
    Allow,
    Decision,
    Deny,
    PermissionRequest,
    SessionEvent,
    Subscription,
    open_client,
)
from trio_copilot.events import AssistantMessage, SubagentStarted, ToolExecutionStart

AGENTS: list[Mapping[str, Any]] = [
    {
        "name": "critic",
        "displayName": "The critic",
        "description": "Judges texts. Give it a text, or the name of a file.",
        "prompt": "You judge texts, in two sentences: what is good, what is not.",
        "tools": ["view"],
    },
]
NARRATED = ("subagent.started", "assistant.message", "tool.execution_start")


async def decide(request: PermissionRequest) -> Decision:
    """Let agents read; sub-agents ask like the main one."""
    await trio.lowlevel.checkpoint()
    return Allow() if request.kind == "read" else Deny("Only read.")


async def narrate(events: Subscription[SessionEvent]) -> None:
    """Print what each agent does, in order."""
    names: dict[str | None, str] = {None: "The main agent"}
    async for event in events:
        match event:
            case SessionEvent(agent_id=agent, data=SubagentStarted() as started):
                names[agent] = started.agent_display_name
            case SessionEvent(agent_id=agent, data=ToolExecutionStart(tool_name=tool)):
                print(f"[{names.get(agent, 'Somebody')} uses {tool}]", file=sys.stderr)
            case SessionEvent(agent_id=str(agent), data=AssistantMessage(content=text)):
                print(f"[{names.get(agent, 'Somebody')} says: {text}]", file=sys.stderr)
            case _:
                pass


async def main(prompt: str) -> None:
    """Print the main agent's answer once it is complete."""
    async with (
        open_client() as client,
        client.open_session(
            custom_agents=AGENTS, on_permission_request=decide
        ) as session,
        session.subscribe(*NARRATED) as events,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(narrate, events)
        end = await session.ask(prompt, idle_timeout=120)
        await events.aclose()
        print(end.answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Let the critic judge README.md.")
    trio.run(main, parser.parse_args().prompt)
