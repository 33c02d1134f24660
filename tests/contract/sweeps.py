"""The scenarios that are cancelled everywhere: what users do with a client.

Each is a function of a stage, with what it needs to be played in `SCENARIOS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from trio_copilot import (
    Allow,
    ElicitationRequest,
    HookInput,
    Hooks,
    PermissionRequest,
    Session,
    SessionClosedError,
    TextDelta,
    ToolCall,
    UserInputRequest,
    allow_all,
    tool,
)
from trio_copilot.testing import Call, Reply, Stage

STREAM = Reply("one two three four five six", delay=0.02)


@attrs.frozen
class Scene:
    """A scenario and what belongs to it."""

    play: Callable[[Stage], Any]
    script: Any = (STREAM,)
    given: str = "session"
    session_options: Callable[[], dict[str, Any]] = dict[str, Any]
    scripted: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """How the scripted CLI misbehaves; the real one does not."""

    def arguments(self) -> dict[str, Any]:
        """What `cancel_everywhere` has to know besides the scenario."""
        return {
            "script": self.script,
            "given": self.given,
            "session_options": self.session_options(),
            "scripted": self.scripted,
        }


# -- turns


async def plain_stream(stage: Stage) -> None:
    async with stage.session.turn("Say something") as turn:
        async for _ in turn:
            pass


async def three_subscribers(stage: Stage) -> None:
    session = stage.session

    async def watch(*types: str) -> None:
        async with session.subscribe(*types) as events:
            async for _ in events:
                pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        nursery.start_soon(watch, "assistant.message_delta")
        nursery.start_soon(watch, "session.idle")
        await plain_stream(stage)
        nursery.cancel_scope.cancel()


async def ask_with_callbacks(stage: Stage) -> None:
    async def pause(_: object) -> None:
        await trio.sleep(0.01)

    await stage.session.ask(
        "Say something",
        on_text_delta=pause,
        on_tool_call=pause,
        on_turn_end=pause,
    )


async def deadline(stage: Stage) -> None:
    await stage.session.ask("Say something", timeout=0.07)


async def early_exit(stage: Stage) -> None:
    async with stage.session.turn("Say something") as turn:
        async for event in turn:
            if isinstance(event, TextDelta):
                break


async def abort_by_a_sibling(stage: Stage) -> None:
    session = stage.session
    async with trio.open_nursery() as nursery:
        async with session.turn("Say something") as turn:
            async for event in turn:
                if isinstance(event, TextDelta):
                    nursery.start_soon(session.abort)


async def steered(stage: Stage) -> None:
    async with stage.session.turn("Say something") as turn:
        async for event in turn:
            if isinstance(event, TextDelta):
                await turn.steer("And something else")
                break
        async for _ in turn:
            pass


async def two_turns(stage: Stage) -> None:
    await plain_stream(stage)
    await plain_stream(stage)


async def large_prompt(stage: Stage) -> None:
    """Longer than a pipe holds: a frame that is written in pieces."""
    await stage.session.ask("word " * 50_000)


# -- tools and permissions


@tool
async def slow(seconds: float = 0.05) -> str:
    """Take some time."""
    await trio.sleep(seconds)
    return "done"


@tool
async def stubborn() -> str:
    """Take some time, whatever happens."""
    with trio.CancelScope(shield=True):
        await trio.sleep(0.05)
    return "done"


@tool
async def tidy() -> str:
    """Clean up when cancelled, which takes some time."""
    try:
        await trio.sleep(0.05)
    finally:
        with trio.move_on_after(0.2) as cleanup:
            cleanup.shield = True
            await trio.sleep(0.03)
    return "done"


@tool
async def endless() -> None:
    """Never return."""
    await trio.sleep_forever()


@tool(skip_permission=False)
async def guarded() -> str:
    """Ask before it is called."""
    return "done"


async def ponder(request: PermissionRequest) -> Allow:
    await trio.sleep(0.05)
    return Allow()


def tools(*functions: Any, **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"tools": list(functions), **options}


async def manual_tool_result(stage: Stage) -> None:
    async with stage.session.turn("Use it") as turn:
        async for event in turn:
            if isinstance(event, ToolCall):
                await trio.sleep(0.02)
                await turn.submit_tool_result(event.call_id, "done")


# -- hooks, questions, forms


async def take_time(_: HookInput) -> None:
    await trio.sleep(0.02)


async def answer_later(question: UserInputRequest) -> str:
    await trio.sleep(0.05)
    return question.choices[0]


async def fill_in_later(form: ElicitationRequest) -> dict[str, Any]:
    await trio.sleep(0.05)
    return {"name": "x"}


async def asked_by_a_tool(stage: Stage) -> None:
    """A form that is asked for between turns, as an MCP server may."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    form = {"message": "Name?", "requestedSchema": schema}
    async with stage.open_session(on_elicitation=fill_in_later) as session:
        params = {"sessionId": session.id, **form}
        await stage.client.call("session.ui.elicitation", params)


# -- sessions and clients


async def open_and_close(stage: Stage) -> None:
    async with stage.open_session() as session:
        await session.ask("Say something")


async def resume(stage: Stage) -> None:
    async with stage.open_session() as session:
        await session.ask("Say something")
    async with stage.client.resume_session(session.id) as again:
        await again.ask("Say it again")


async def observed(stage: Stage) -> None:
    async def look(_: object) -> None:
        await trio.sleep(0.001)

    async with stage.open_session() as session:
        session.on(look)
        await session.ask("Say something")


async def closed_under_a_turn(stage: Stage) -> None:
    """The session's block is left while another task is in a turn."""

    async def talk(session: Session, begun: trio.Event) -> None:
        try:
            async with session.turn("Say something") as turn:
                async for _ in turn:
                    begun.set()
        except SessionClosedError:
            pass

    async with trio.open_nursery() as nursery:
        begun = trio.Event()
        async with stage.open_session() as session:
            nursery.start_soon(talk, session, begun)
            await begun.wait()


async def ten_sessions(stage: Stage) -> None:
    """One of them fails, and takes the others along."""

    async def work(number: int) -> None:
        async with stage.open_session() as session:
            async with session.turn("Say something") as turn:
                async for event in turn:
                    if number == 3 and isinstance(event, TextDelta):
                        raise LookupError(number)

    try:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(work, number)
    except* LookupError:
        pass


async def client_from_start_to_end(stage: Stage) -> None:
    async with stage.open_client() as client:
        await client.ping()
        async with stage.open_session() as session:
            await session.ask("Say something")


async def calls(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(stage.client.ping)


def calling(*names: str) -> tuple[Reply, ...]:
    return (Reply("Let me see. ", calls=[Call(name) for name in names]), STREAM)


SCENES: dict[str, Scene] = {
    "plain stream": Scene(plain_stream),
    "three subscribers": Scene(three_subscribers),
    "ask with callbacks": Scene(ask_with_callbacks),
    "deadline": Scene(deadline),
    "early exit": Scene(early_exit),
    "abort by a sibling": Scene(abort_by_a_sibling),
    "steering": Scene(steered, [STREAM] * 3),
    "two turns": Scene(two_turns, [STREAM] * 2),
    "a prompt of 250 KB": Scene(large_prompt),
    "tool running": Scene(plain_stream, calling("slow"), session_options=tools(slow)),
    "two tools running": Scene(
        plain_stream, calling("slow", "slow"), session_options=tools(slow)
    ),
    "tool that shields itself": Scene(
        plain_stream, calling("stubborn"), session_options=tools(stubborn)
    ),
    "tool that cleans up": Scene(
        plain_stream, calling("tidy"), session_options=tools(tidy)
    ),
    "tool that never returns": Scene(
        deadline, calling("endless"), session_options=tools(endless)
    ),
    "manual tool result": Scene(
        manual_tool_result,
        calling("slow"),
        session_options=tools(attrs.evolve(slow, handler=None)),
    ),
    "permission pending": Scene(
        plain_stream,
        calling("guarded"),
        session_options=tools(guarded, on_permission_request=ponder),
    ),
    "permission given at once": Scene(
        plain_stream,
        calling("guarded"),
        session_options=tools(guarded, on_permission_request=allow_all),
    ),
    "hooks running": Scene(
        plain_stream,
        calling("slow"),
        session_options=tools(
            slow,
            hooks=Hooks(
                session_start=take_time,
                user_prompt_submitted=take_time,
                pre_tool_use=take_time,
                post_tool_use=take_time,
                agent_stop=take_time,
            ),
        ),
    ),
    "hooks running, a slow abort": Scene(
        plain_stream,
        calling("slow"),
        session_options=tools(
            slow,
            hooks=Hooks(
                user_prompt_submitted=take_time,
                pre_tool_use=take_time,
                post_tool_use=take_time,
                agent_stop=take_time,
            ),
        ),
        scripted={"answer_after": {"session.abort": 0.02}},
    ),
    "question pending": Scene(
        plain_stream,
        (Reply(calls=[Call("ask_user", {"question": "?", "choices": ["a"]})]), STREAM),
        session_options=lambda: {"on_user_input": answer_later},
    ),
    "form pending": Scene(asked_by_a_tool, given="client"),
    "calls": Scene(calls, given="client"),
    "opening and closing a session": Scene(open_and_close, given="client"),
    "resuming a session": Scene(resume, [STREAM] * 2, given="client"),
    "a session that is observed": Scene(observed, given="client"),
    "a session closed under a turn": Scene(closed_under_a_turn, given="client"),
    "ten sessions of which one fails": Scene(
        ten_sessions, [STREAM] * 10, given="client"
    ),
    "a client from start to end": Scene(client_from_start_to_end, given="stage"),
    "a CLI that does not let go of sessions": Scene(
        client_from_start_to_end, given="stage", scripted={"ignore": {"session.detach"}}
    ),
    "a CLI that does not shut down": Scene(
        client_from_start_to_end,
        given="stage",
        scripted={"ignore": {"session.detach", "runtime.shutdown"}},
    ),
}
