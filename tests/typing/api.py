"""How users write it: checked by mypy and pyright, never run."""

from __future__ import annotations

import trio

from trio_copilot import (
    Allow,
    Client,
    Decision,
    Deny,
    PermissionRequest,
    Session,
    SessionEvent,
    SessionOptions,
    TextDelta,
    Tool,
    ToolCall,
    Turn,
    TurnEnd,
    TurnEndReason,
    open_client,
    tool,
)
from trio_copilot.events import AssistantMessageDelta
from trio_copilot.rpc import (
    McpServerConfigHttp,
    PermissionDecisionContext,
    PermissionDecisionReject,
    SessionMode,
)


@tool
async def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"fine in {city}"


@tool(timeout=5, errors="raise")
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


async def decide(request: PermissionRequest) -> Decision:
    return Allow(for_session=True) if request.kind == "read" else Deny("no")


def look(event: SessionEvent) -> None:
    match event:
        case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
            print(text.upper())
        case _:
            pass


async def call(session: Session) -> None:
    """Enumerations are given as members or as their strings, and no others."""
    await session.rpc.mode.set(mode=SessionMode.PLAN)
    await session.rpc.mode.set(mode="plan")
    await session.rpc.mode.set(mode=SessionMode("brand-new"))
    await session.rpc.mode.set(mode="plann")  # type: ignore[arg-type]
    await session.rpc.send(prompt="?", mode="immediate", agent_mode="plan")
    server = McpServerConfigHttp(url="https://a.example/", type="sse", source=None)
    await session.rpc.mcp.start_server(server_name="a", config=server)
    outcome = PermissionDecisionContext(
        outcome="prompted_user", source="human_response", surface="sdk"
    )
    await session.rpc.permissions.handle_pending_permission_request(
        request_id="1",
        result=PermissionDecisionReject(kind="reject"),
        decision_context=outcome,
    )
    mode: SessionMode = await session.rpc.mode.get()  # what is read is a member
    print(mode.value)


async def main() -> None:
    tools: list[Tool] = [get_weather, add]
    options = SessionOptions(model="gpt-5", tools=tools, on_permission_request=decide)
    async with open_client() as client:
        whole: Client = client
        async with whole.open_session(options, streaming=True) as session:
            conversation: Session = session
            unsubscribe = conversation.on(look, "assistant.message_delta")
            async with session.turn("What should I wear in Paris?") as turn:
                one: Turn = turn
                async for event in one:
                    match event:
                        case TextDelta(text=text):
                            print(text, end="", flush=True)
                        case ToolCall(name=name, arguments=arguments):
                            print(f"[{name} {arguments}]")
                        case _:
                            pass
            reason: TurnEndReason = turn.end.reason
            print(reason.value)
            async with session.turn("?", timeout=3, idle_timeout=1) as turn:
                async for piece in turn.text_deltas:
                    print(piece.strip())
            end: TurnEnd = await session.ask("And in Oslo?", timeout=30)
            print(end.text)
            async with session.subscribe("session.idle", overflow="error") as events:
                async for idle in events:
                    print(idle)
            unsubscribe()


trio.run(main)
