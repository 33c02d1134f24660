"""What type checkers take and refuse as the keywords of a session; never run.

mypy and pyright obey the same marks, and both report one that is not needed.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Unpack

from trio_copilot import (
    Abstain,
    Allow,
    Client,
    Decision,
    HookInput,
    Hooks,
    InfiniteSessions,
    PermissionRequest,
    Provider,
    Session,
    SessionKeywords,
    SessionOptions,
    SystemMessage,
    Tool,
    UserInputRequest,
    allow_all,
    tool,
)
from trio_copilot.bridge import open_bridge
from trio_copilot.rpc import SessionHandlers


@tool
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


async def decide(request: PermissionRequest) -> Decision:
    return Allow()


async def answer(request: UserInputRequest) -> str | Abstain:
    return "yes"


async def note(moment: HookInput) -> Mapping[str, Any] | None:
    return None


async def take(client: Client, options: SessionOptions, found: dict[str, Any]) -> None:
    """Everything that is converted may be passed as what it is made of."""
    client.open_session(
        options,
        session_id="mine",
        open_timeout=None,
        model="gpt-5",
        tools=(each for each in [add, Tool("look")]),
        on_permission_request=decide,
        on_user_input=answer,
        hooks=Hooks(post_tool_use=note),
        system_message="Be brief.",
        provider={"base_url": "http://x/v1"},
        working_directory=Path("a"),
        additional_directories=["a", Path("b")],
        infinite_sessions={"enabled": False},
        handlers=SessionHandlers(),
        mcp_servers={"s": {"command": "serve", "args": ["-v"]}},
        streaming=False,
        extra={"new": 1},
    )
    client.resume_session(
        "mine",
        hooks={"post_tool_use": note},
        system_message=SystemMessage(content="Be brief."),
        provider=Provider(base_url="http://x/v1"),
        infinite_sessions=InfiniteSessions(),
        model=None,
    )
    open_bridge(client, port=8400, options=options, tools=[add], limits=None)
    client.open_session(**found)
    SessionOptions(model="gpt-5", tools=[add])


def refuse(client: Client) -> None:
    """A name that does not exist, a type that does not fit."""
    client.open_session(modle="x")  # type: ignore[call-arg]
    client.open_session(tools=3)  # type: ignore[arg-type]
    client.open_session(on_permission_request=add)  # type: ignore[arg-type]
    client.open_session(streaming="yes")  # type: ignore[arg-type]
    client.open_session(skill_directories=7)  # type: ignore[arg-type]
    client.resume_session("mine", modle="x")  # type: ignore[call-arg]
    client.resume_session("mine", session_id="other")  # type: ignore[misc]
    open_bridge(client, modle="x")  # type: ignore[call-arg]
    open_bridge(client, session_id="mine")  # type: ignore[call-arg]
    SessionOptions(modle="x")  # type: ignore[call-arg]


def my_session(
    client: Client, **keywords: Unpack[SessionKeywords]
) -> AbstractAsyncContextManager[Session]:
    """Open a session as a wrapper does that a user writes."""
    keywords.setdefault("model", "gpt-5")
    return client.open_session(SessionOptions(streaming=False), **keywords)


def wrap(client: Client) -> None:
    my_session(client, on_permission_request=allow_all)
    my_session(client, modle="x")  # type: ignore[call-arg]
