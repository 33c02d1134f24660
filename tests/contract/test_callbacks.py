"""Hooks, questions and forms: handlers that the CLI waits for, children of the turn."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.turns import tool_results, tool_texts
from tests.worlds import World
from trio_copilot import (
    CancelCause,
    Deny,
    ElicitationRequest,
    HookInput,
    Hooks,
    ToolCall,
    ToolResult,
    TurnEndReason,
    UserInputRequest,
    tool,
)
from trio_copilot.testing import Call, Reply


@tool
async def look(city: str = "Paris") -> str:
    """Look at a city."""
    await trio.lowlevel.checkpoint()
    return f"{city} is fine"


LOOK = Reply("Let me look. ", calls=[Call("look")])
QUESTION = {"question": "Which colour?", "choices": ["red", "blue"]}
ASK = Reply(calls=[Call("ask_user", QUESTION)])


class Waiting:
    """A handler that waits for ever, and reports when it starts and ends."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self.cancelled = False

    async def __call__(self, _: object) -> Any:
        self.reached.set()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled = True
            raise


# -- hooks


async def test_hooks_are_called_in_the_order_of_the_work(
    world: World, clock: Clock
) -> None:
    moments: list[str] = []

    async def note(moment: HookInput) -> None:
        await trio.lowlevel.checkpoint()
        moments.append(moment.type)

    hooks = Hooks(
        session_start=note,
        user_prompt_submitted=note,
        user_prompt_transformed=note,
        pre_tool_use=note,
        post_tool_use=note,
        agent_stop=note,
    )
    with trio.fail_after(world.patience):
        async with world.run([LOOK, "done"], tools=[look], hooks=hooks) as rig:
            end = await rig.session.ask("Look")

    assert end.text == "Let me look. \n\ndone"
    assert moments == [
        "sessionStart",
        "userPromptSubmitted",
        "userPromptTransformed",
        "preToolUse",
        "postToolUse",
        "agentStop",
    ]


async def test_a_hook_can_deny_a_tool(world: World, clock: Clock) -> None:
    async def guard(moment: HookInput) -> Deny:
        await trio.lowlevel.checkpoint()
        return Deny(f"no {moment.tool_name} today")

    hooks = Hooks(pre_tool_use=guard)
    with trio.fail_after(world.patience):
        async with world.run([LOOK, "done"], tools=[look], hooks=hooks) as rig:
            async with rig.session.turn("Look") as turn:
                (result,) = await tool_results(turn)

            assert not result.success
            assert "no look today" in tool_texts(rig.requests[1])[-1]


async def test_a_hook_can_change_the_arguments(world: World, clock: Clock) -> None:
    async def redirect(moment: HookInput) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"modifiedArgs": {**moment.tool_arguments, "city": "Oslo"}}

    hooks = Hooks(pre_tool_use=redirect)
    with trio.fail_after(world.patience):
        async with world.run([LOOK, "done"], tools=[look], hooks=hooks) as rig:
            await rig.session.ask("Look")

            assert "Oslo is fine" in tool_texts(rig.requests[1])[-1]


async def test_a_hook_that_raises_denies_and_stops_the_turn(
    world: World, clock: Clock
) -> None:
    """The CLI by itself would let the tool run."""
    called = False

    @tool
    async def dangerous() -> None:
        """Do harm."""
        nonlocal called
        called = True

    async def fail(moment: HookInput) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("the guard is broken")

    script = [Reply(calls=[Call("dangerous")]), "next", "next"]
    hooks = Hooks(pre_tool_use=fail)
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[dangerous], hooks=hooks) as rig:
            with pytest.raises(LookupError, match="the guard is broken"):
                await rig.session.ask("Do it")
            assert (await rig.session.ask("And now?")).text == "next"

    assert not called


async def test_a_hook_is_cancelled_with_its_turn(world: World, clock: Clock) -> None:
    """An abort waits for the hook, so the hook is answered first; and no tool runs."""
    called = False

    @tool
    async def dangerous() -> None:
        """Do harm."""
        nonlocal called
        called = True

    guard = Waiting()
    script = [Reply(calls=[Call("dangerous")]), "next", "next"]
    with trio.fail_after(world.patience):
        hooks = Hooks(pre_tool_use=guard)
        async with world.run(script, tools=[dangerous], hooks=hooks) as rig:
            with trio.CancelScope() as scope:
                async with rig.session.turn("Do it") as turn:
                    await guard.reached.wait()
                    scope.cancel()
                    await trio.sleep_forever()
            assert scope.cancelled_caught
            assert turn.end.cause is CancelCause.OUTER
            assert turn.end.pending == ("hook preToolUse",)
            assert turn.end.drain_time < 2
            assert (await rig.session.ask("And now?")).text == "next"

    assert guard.cancelled
    assert not called


async def test_the_idle_clock_stands_still_while_a_hook_runs(
    world: World, clock: Clock
) -> None:
    async def slow(moment: HookInput) -> None:
        await trio.sleep(2.5)

    hooks = Hooks(pre_tool_use=slow)
    with trio.fail_after(world.patience):
        async with world.run([LOOK, "done"], tools=[look], hooks=hooks) as rig:
            end = await rig.session.ask("Look", idle_timeout=1.5)

    assert end.reason is TurnEndReason.COMPLETE


# -- questions


async def test_the_agent_asks_and_is_answered(world: World, clock: Clock) -> None:
    asked: list[UserInputRequest] = []

    async def answer(question: UserInputRequest) -> str:
        await trio.lowlevel.checkpoint()
        asked.append(question)
        return "blue"

    with trio.fail_after(world.patience):
        async with world.run([ASK, "done"], on_user_input=answer) as rig:
            end = await rig.session.ask("Paint it")
            assert "blue" in tool_texts(rig.requests[1])[-1]

    assert end.text == "done"
    assert asked == [
        UserInputRequest(question="Which colour?", choices=("red", "blue"))
    ]


async def test_a_question_ends_with_its_turn(world: World, clock: Clock) -> None:
    """Its handler is cancelled, although the CLI reports no end of a question."""
    ask = Waiting()
    with trio.fail_after(world.patience):
        async with world.run([ASK, "next"], on_user_input=ask) as rig:
            async with rig.session.turn("Paint it", timeout=60) as turn:
                await ask.reached.wait()
                turn.cancel_scope.cancel()
                await trio.sleep_forever()
            assert turn.end.cause is CancelCause.ABORT
            assert turn.end.pending[0] == "user input"
            assert (await rig.session.ask("And now?")).text == "next"

    assert ask.cancelled


async def test_a_question_ends_when_another_client_aborts(
    world: World, clock: Clock
) -> None:
    """Its handler is cancelled by the CLI's `abort` event."""
    ask = Waiting()
    with trio.fail_after(world.patience):
        async with world.run([ASK, "next"], on_user_input=ask) as rig:
            async with rig.session.turn("Paint it") as turn:
                await ask.reached.wait()
                await rig.client.call("session.abort", {"sessionId": rig.session.id})
                async for _ in turn:
                    pass
                assert turn.end.cause is CancelCause.REMOTE
            assert ask.cancelled


async def test_a_question_whose_handler_raises_stops_the_turn(
    world: World, clock: Clock
) -> None:
    async def fail(question: UserInputRequest) -> str:
        await trio.lowlevel.checkpoint()
        raise LookupError("nobody is there")

    with trio.fail_after(world.patience):
        async with world.run([ASK, "done", "done"], on_user_input=fail) as rig:
            with pytest.raises(LookupError, match="nobody is there"):
                await rig.session.ask("Paint it")


async def test_without_a_handler_the_agent_has_nothing_to_ask_with(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([ASK, "done"]) as rig:
            async with rig.session.turn("Paint it") as turn:
                events = [event async for event in turn]

    assert all(not e.success for e in events if isinstance(e, ToolResult))
    assert [e.name for e in events if isinstance(e, ToolCall)] in ([], ["ask_user"])


async def test_a_hook_that_raises_lets_no_prompt_pass(
    world: World, clock: Clock
) -> None:
    """A hook on prompts fails closed too."""

    async def fail(moment: HookInput) -> None:
        await trio.lowlevel.checkpoint()
        if "secret" in moment.prompt:
            raise LookupError("the guard is broken")

    hooks = Hooks(user_prompt_submitted=fail)
    with trio.fail_after(world.patience):
        async with world.run(["leaked", "next"], hooks=hooks) as rig:
            with pytest.raises(LookupError, match="the guard is broken"):
                await rig.session.ask("a secret")
            assert not rig.requests
            await rig.session.ask("something else")


async def test_a_form_is_filled_in(world: World, clock: Clock) -> None:
    async def fill_in(form: ElicitationRequest) -> dict[str, Any] | None:
        await trio.lowlevel.checkpoint()
        return {"name": "x"} if form.message == "Name?" else None

    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    with trio.fail_after(world.patience):
        async with world.run([], on_elicitation=fill_in) as rig:
            answers = [
                await rig.client.call(
                    "session.ui.elicitation",
                    {
                        "sessionId": rig.session.id,
                        "message": message,
                        "requestedSchema": schema,
                    },
                )
                for message in ("Name?", "Age?")
            ]

    assert answers[0] == {"action": "accept", "content": {"name": "x"}}
    assert answers[1]["action"] == "decline"


async def test_a_form_that_cannot_be_filled_in_ends_the_session(
    world: World, clock: Clock
) -> None:
    """Between turns the exception leaves the session's block."""

    async def fail(form: ElicitationRequest) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("no form today")

    with trio.fail_after(world.patience):
        with pytest.raises(LookupError, match="no form today"):
            async with world.run([], on_elicitation=fail) as rig:
                params = {
                    "sessionId": rig.session.id,
                    "message": "Name?",
                    "requestedSchema": {"type": "object", "properties": {}},
                }
                await rig.client.call("session.ui.elicitation", params)
                await trio.sleep_forever()


async def test_the_last_hook_is_called_when_the_session_is_left(
    world: World, clock: Clock
) -> None:
    moments: list[str] = []

    async def note(moment: HookInput) -> None:
        await trio.sleep(0.1)
        moments.append(moment.type)

    with trio.fail_after(world.patience):
        async with world.run(["done"], hooks=Hooks(session_end=note)) as rig:
            await rig.session.ask("?")
            assert moments == []

    assert moments == ["sessionEnd"]


async def test_the_last_hook_holds_nobody_up(world: World, clock: Clock) -> None:
    hook = Waiting()
    with trio.fail_after(world.patience):
        async with world.stage(["done"]) as stage, stage.open_client() as client:
            async with client.open_session(hooks=Hooks(session_end=hook)) as session:
                await session.ask("?")
                left = trio.current_time()
            assert trio.current_time() - left < 3

    assert hook.cancelled
