"""Our functions that the model calls, and what it is allowed to do."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.turns import tool_results, tool_texts
from tests.worlds import Rig, World
from trio_copilot import (
    Allow,
    CancelCause,
    Deny,
    PermissionRequest,
    RpcError,
    SessionEvent,
    Tool,
    ToolCall,
    ToolContext,
    ToolDefinitionError,
    ToolError,
    ToolResult,
    TurnEndReason,
    allow_all,
    open_client,
    tool,
)
from trio_copilot.testing import Call, ModelRequest, Reply, open_scripted_cli


@attrs.frozen
class Place:
    city: str
    country: str = "France"


@tool
async def get_weather(place: Place, unit: str = "C") -> str:
    """Current weather of a place."""
    return f"18 °{unit} in {place.city}, {place.country}"


async def test_the_result_of_a_tool_call_is_used_by_the_model(
    world: World, clock: Clock
) -> None:
    script = [
        Reply(
            "Let me look. ", calls=[Call("get_weather", {"place": {"city": "Paris"}})]
        ),
        "It is warm.",
    ]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[get_weather]) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

            assert tool_texts(rig.requests[1]) == ["18 °C in Paris, France"]
    calls = [e for e in events if isinstance(e, ToolCall)]
    results = [e for e in events if isinstance(e, ToolResult)]
    assert [(c.name, c.arguments, c.handled) for c in calls] == [
        ("get_weather", {"place": {"city": "Paris"}}, True)
    ]
    assert [(r.success, r.text, r.error) for r in results] == [
        (True, "18 °C in Paris, France", None)
    ]
    assert results[0].call_id == calls[0].call_id
    assert turn.text == "Let me look. \n\nIt is warm."
    assert turn.end.answer == "It is warm."
    assert turn.end.tool_calls == tuple(calls)
    assert turn.end.usage.calls == 2


async def test_two_calls_of_one_answer_run_side_by_side(
    world: World, clock: Clock
) -> None:
    both = trio.Event()
    waiting: list[str] = []

    @tool
    async def meet(name: str) -> str:
        """Wait until two have come."""
        waiting.append(name)
        if len(waiting) == 2:
            both.set()
        await both.wait()
        return f"{name} met"

    calls = [Call("meet", {"name": "a"}), Call("meet", {"name": "b"})]
    with trio.fail_after(world.patience):
        async with world.run([Reply(calls=calls), "done"], tools=[meet]) as rig:
            end = await rig.session.ask("?")

            assert sorted(tool_texts(rig.requests[1])) == ["a met", "b met"]
    assert end.text == "done"


async def test_a_tool_that_raises_is_told_to_the_model_and_shown(
    world: World, clock: Clock
) -> None:
    @tool
    async def fail() -> str:
        """Fail."""
        raise LookupError("no such city")

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("fail")]), "sorry"], tools=[fail]
        ) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

            assert "The tool failed: LookupError" in tool_texts(rig.requests[1])[0]
            assert "no such city" not in tool_texts(rig.requests[1])[0]
    assert [r.success for r in results] == [False]
    assert isinstance(results[0].error, LookupError)
    assert turn.text == "sorry"


async def test_a_tool_that_tells_tells_the_text_of_its_exceptions(
    world: World, clock: Clock
) -> None:
    @tool(errors="tell")
    async def fail() -> str:
        """Fail."""
        raise LookupError("no such city")

    with trio.fail_after(world.patience):
        async with world.run([Reply(calls=[Call("fail")]), "ok"], tools=[fail]) as rig:
            await rig.session.ask("?")

            assert "LookupError: no such city" in tool_texts(rig.requests[1])[0]


async def test_a_tool_error_is_told_in_its_own_words(
    world: World, clock: Clock
) -> None:
    @tool
    async def fail() -> str:
        """Fail."""
        raise ToolError("Ask for a town in Norway.")

    with trio.fail_after(world.patience):
        async with world.run([Reply(calls=[Call("fail")]), "ok"], tools=[fail]) as rig:
            await rig.session.ask("?")

            assert "Ask for a town in Norway." in tool_texts(rig.requests[1])[0]


async def test_a_tool_whose_errors_raise_stops_the_turn(
    world: World, clock: Clock
) -> None:
    """With `errors="raise"` the exception of a tool leaves the turn's block."""

    @tool(errors="raise")
    async def fail() -> str:
        """Fail."""
        raise LookupError("mine")

    with trio.fail_after(world.patience):
        async with world.run(
            lambda request: (
                "fine" if "again" in request.prompt else Reply(calls=[Call("fail")])
            ),
            tools=[fail],
        ) as rig:
            with pytest.raises(LookupError, match="mine"):
                await rig.session.ask("?")

            assert rig.session.is_idle
            assert (await rig.session.ask("again?")).reason is TurnEndReason.COMPLETE


async def test_a_tool_that_takes_too_long_fails(world: World, clock: Clock) -> None:
    @tool(timeout=0.2)
    async def dawdle() -> str:
        """Take for ever."""
        await trio.sleep_forever()

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("dawdle")]), "ok"], tools=[dawdle]
        ) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

            assert "0.2 seconds" in tool_texts(rig.requests[1])[0]
    assert isinstance(results[0].error, trio.TooSlowError)


async def test_arguments_that_do_not_fit_are_told_to_the_model(
    world: World, clock: Clock
) -> None:
    called = False

    @tool
    async def add(a: int, b: int) -> int:
        """Add."""
        nonlocal called
        called = True
        return a + b

    script = [Reply(calls=[Call("add", {"a": 1, "b": "two"})]), "ok"]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[add]) as rig:
            await rig.session.ask("?")

            assert "$.b" in tool_texts(rig.requests[1])[0]
    assert not called


async def test_a_tool_can_ask_what_its_call_is_part_of(
    world: World, clock: Clock
) -> None:
    contexts: list[ToolContext] = []

    @tool
    async def look(context: ToolContext) -> None:
        """Look."""
        contexts.append(context)

    with trio.fail_after(world.patience):
        async with world.run([Reply(calls=[Call("look")]), "ok"], tools=[look]) as rig:
            async with rig.session.turn("?") as turn:
                calls = [event async for event in turn if isinstance(event, ToolCall)]

            assert contexts[0].session_id == rig.session.id
    assert contexts[0].call_id == calls[0].call_id
    assert contexts[0].tool_name == "look"


async def test_a_tool_without_a_handler_is_answered_by_hand(
    world: World, clock: Clock
) -> None:
    by_hand = Tool(
        "lookup",
        "Look something up.",
        {"type": "object", "properties": {"key": {"type": "string"}}},
    )
    script = [Reply(calls=[Call("lookup", {"key": "x"})]), "ok"]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[by_hand]) as rig:
            async with rig.session.turn("?") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall):
                        assert not event.handled
                        assert event.arguments == {"key": "x"}
                        with pytest.raises(ValueError, match="no-such-call"):
                            await turn.submit_tool_result("no-such-call", "")
                        await turn.submit_tool_result(event.call_id, {"value": 7})

            assert tool_texts(rig.requests[1]) == ['{"value":7}']
    assert turn.text == "ok"


async def test_a_call_that_nobody_answers_by_hand_does_not_hold_the_turn(
    world: World,
    clock: Clock,
) -> None:
    with trio.fail_after(world.patience):
        script = [Reply(calls=[Call("lookup")]), "next"]
        async with world.run(script, tools=[Tool("lookup")]) as rig:
            async with rig.session.turn("?") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall):
                        break

            assert (await rig.session.ask("?")).text == "next"


async def test_an_unknown_tool_is_the_clis_to_refuse(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply(calls=[Call("nope")]), "ok"]) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

    assert [r.success for r in results] == [False]
    assert turn.text == "ok"


async def test_without_a_permission_handler_a_passed_tool_is_permitted(
    world: World,
    clock: Clock,
) -> None:
    script = [Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})]), "ok"]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[get_weather]) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

    assert [r.success for r in results] == [True]


async def test_without_a_permission_handler_the_answer_is_no_and_says_why(
    world: World,
    clock: Clock,
) -> None:
    @tool(skip_permission=False)
    async def careful() -> str:
        """Ask first."""
        raise AssertionError("not permitted")

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("careful")]), "ok"], tools=[careful]
        ) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

            assert "has not been given a way to grant" in tool_texts(rig.requests[1])[0]
    assert [r.success for r in results] == [False]
    assert turn.text == "ok"


async def test_a_permission_handler_is_asked_and_its_no_is_told(
    world: World, clock: Clock
) -> None:
    asked: list[PermissionRequest] = []

    async def decide(request: PermissionRequest) -> Allow | Deny:
        asked.append(request)
        return Deny("not on a Sunday")

    call = Call("get_weather", {"place": {"city": "Oslo"}})
    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[call]), "ok"],
            tools=[get_weather],
            on_permission_request=decide,
        ) as rig:
            await rig.session.ask("?")

            assert "not on a Sunday" in tool_texts(rig.requests[1])[0]
    assert [(r.kind, r.subject) for r in asked] == [("custom-tool", "get_weather")]
    assert asked[0].call_id


@pytest.mark.parametrize("decision", [Allow(), Allow(for_session=True)])
async def test_what_is_allowed_is_done(
    world: World, clock: Clock, decision: Allow
) -> None:
    asked = 0

    async def decide(request: PermissionRequest) -> Allow | Deny:
        nonlocal asked
        asked += 1
        return decision

    call = Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})])
    with trio.fail_after(world.patience):
        async with world.run(
            [call, "ok", call, "ok"], tools=[get_weather], on_permission_request=decide
        ) as rig:
            await rig.session.ask("?")
            await rig.session.ask("?")

            assert tool_texts(rig.requests[3]) == ["18 °C in Oslo, France"] * 2
    assert asked == (1 if decision.for_session else 2)


async def test_a_permission_handler_that_raises_denies_and_surfaces(
    world: World,
    clock: Clock,
) -> None:
    """The exception leaves the turn's block."""

    async def decide(request: PermissionRequest) -> Allow | Deny:
        raise LookupError("policy")

    call = Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})])
    with trio.fail_after(world.patience):
        async with world.run(
            [call, "next", "next"], tools=[get_weather], on_permission_request=decide
        ) as rig:
            with pytest.raises(LookupError, match="policy"):
                await rig.session.ask("?")

            assert (await rig.session.ask("?")).text == "next"


async def test_a_pending_permission_ends_with_its_turn(
    world: World, clock: Clock
) -> None:
    """Its handler is cancelled; nothing is approved late."""
    asked, cancelled = trio.Event(), trio.Event()

    async def decide(request: PermissionRequest) -> Allow | Deny:
        asked.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    call = Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})])
    with trio.fail_after(world.patience):
        async with world.run(
            [call, "next"], tools=[get_weather], on_permission_request=decide
        ) as rig:
            async with rig.session.turn("?") as turn:
                await asked.wait()
                turn.cancel_scope.cancel()
            assert cancelled.is_set()
            assert turn.end.pending == ("permission custom-tool",)

            assert (await rig.session.ask("?")).text == "next"
            assert len(rig.requests) == 2


@pytest.mark.cli
async def test_allow_all_permits_what_the_cli_can_do_itself(real: World) -> None:
    script = [Reply(calls=[Call("bash", {"command": "echo hi", "description": "d"})])]
    with trio.fail_after(real.patience):
        async with real.run([*script, "ok"], on_permission_request=allow_all) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

    assert [r.success for r in results] == [True]
    assert "hi" in results[0].text


@pytest.mark.cli
async def test_by_default_the_cli_may_not_run_commands(real: World) -> None:
    command = {"command": "touch forbidden", "description": "d"}
    with trio.fail_after(real.patience):
        async with real.run([Reply(calls=[Call("bash", command)]), "ok"]) as rig:
            async with rig.session.turn("?") as turn:
                results = await tool_results(turn)

            assert "has not been given a way to grant" in tool_texts(rig.requests[1])[0]
    assert [r.success for r in results] == [False]


async def test_a_denial_without_a_reason_does_not_end_the_turn(
    world: World, clock: Clock
) -> None:
    """The CLI ends the turn if the model gets no reason."""

    async def decide(request: PermissionRequest) -> Allow | Deny:
        return Deny("")

    call = Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})])
    with trio.fail_after(world.patience):
        async with world.run(
            [call, "I could not."], tools=[get_weather], on_permission_request=decide
        ) as rig:
            end = await rig.session.ask("?")

            assert "Permission was denied." in tool_texts(rig.requests[1])[0]
    assert end.text == "I could not."


async def test_a_call_that_another_client_rejects_ends_the_turn(
    world: World, clock: Clock
) -> None:
    """The `session.idle` of such a turn does not mention an abort."""
    asked = trio.Event()

    async def decide(request: PermissionRequest) -> Allow | Deny:
        asked.set()
        await trio.sleep_forever()
        raise AssertionError

    call = Reply(calls=[Call("get_weather", {"place": {"city": "Oslo"}})])
    with trio.fail_after(world.patience):
        async with world.run(
            [call, "next"], tools=[get_weather], on_permission_request=decide
        ) as rig:
            async with (
                rig.session.subscribe("permission.requested") as requests,
                rig.session.turn("?") as turn,
            ):
                request = await requests.receive()
                assert isinstance(request, SessionEvent)
                await rig.client.call(
                    "session.permissions.handlePendingPermissionRequest",
                    {
                        "sessionId": rig.session.id,
                        "requestId": request.raw["data"]["requestId"],
                        "result": {"kind": "reject"},
                    },
                )
                async for _ in turn:
                    pass

            assert turn.end.reason is TurnEndReason.CANCELLED
            assert turn.end.cause is CancelCause.REMOTE
            assert (await rig.session.ask("?")).text == "next"


@pytest.mark.cli
async def test_an_asterisk_stands_for_all_tools_of_one_source_or_for_nothing(
    real: World,
) -> None:
    @tool
    async def mine() -> str:
        """Of ours."""
        return ""

    async def offered(rig: Rig, **options: Any) -> set[str]:
        async with rig.open_session(**options) as session:
            await session.ask("?")
        return {each["function"]["name"] for each in rig.requests[-1].tools}

    with trio.fail_after(real.patience):
        async with real.run(["."] * 5, tools=[mine]) as rig:
            every = await offered(rig)
            assert {"mine", "bash"} < every
            assert await offered(rig, available_tools=["custom:*"]) == {"mine"}
            others = await offered(rig, available_tools=["builtin:*"])
            assert others == every - {"mine"}
            # Why another asterisk is refused: the CLI takes it as the name of a tool.
            assert await offered(rig, extra={"availableTools": ["*"]}) == set()
            assert await offered(rig, extra={"excludedTools": ["*"]}) == every


# -- other tools in mid-session


def by_prompt(request: ModelRequest) -> Any:
    """Call the tool that the prompt names, then say what it said."""
    last = request.messages[-1]
    if last["role"] == "tool":
        return str(last["content"])
    return Reply(calls=[Call(str(request.prompt).split()[-1])])


@tool
async def one() -> str:
    """Say one."""
    return "first"


@tool
async def two() -> str:
    """Say two."""
    return "second"


async def test_other_tools_can_take_the_place_of_those_of_a_session(
    world: World, clock: Clock
) -> None:
    @tool(name="one")
    async def better() -> str:
        """Say one."""
        return "better"

    with trio.fail_after(world.patience):
        async with world.run(by_prompt, tools=[one]) as rig:
            assert (await rig.session.ask("one")).text == "first"
            await rig.session.set_tools([two, better])
            assert (await rig.session.ask("two")).text == "second"
            assert (await rig.session.ask("one")).text == "better"
            await rig.session.set_tools(())
            assert "does not exist" in (await rig.session.ask("two")).text


async def test_tools_change_in_the_middle_of_a_turn(world: World, clock: Clock) -> None:
    """Which does not stop a call of a tool that is gone."""
    started, may_end = trio.Event(), trio.Event()

    @tool
    async def slow() -> str:
        """Take your time."""
        started.set()
        await may_end.wait()
        return "done"

    declared = Tool("ask_me", "Answered by the program")
    script = [Reply(calls=[Call("slow")]), Reply(calls=[Call("ask_me")]), "well"]
    calls: list[ToolCall] = []
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[slow]) as rig:
            async with rig.session.turn("?") as turn:
                await started.wait()
                await rig.session.set_tools([declared])
                may_end.set()
                async for event in turn:
                    if isinstance(event, ToolCall):
                        calls.append(event)
                        if not event.handled:
                            await turn.submit_tool_result(event.call_id, "mine")
            assert tool_texts(rig.requests[2]) == ["done", "mine"]
    assert [(call.name, call.handled) for call in calls] == [
        ("slow", True),
        ("ask_me", False),
    ]
    assert turn.end.text == "well"


@pytest.mark.parametrize("asks", [False, True])
async def test_changed_tools_ask_for_permission_as_those_at_the_beginning(
    asks: bool, world: World, clock: Clock
) -> None:
    asked: list[str] = []

    async def permit(request: PermissionRequest) -> Allow:
        asked.append(request.subject)
        return Allow()

    handler = permit if asks else None
    with trio.fail_after(world.patience):
        async with world.run(by_prompt, on_permission_request=handler) as rig:
            await rig.session.set_tools([two])
            assert (await rig.session.ask("two")).text == "second"
    assert asked == ["two"] * asks


async def test_what_is_no_tool_changes_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    def refuse(params: Any) -> None:
        raise RpcError(-32602, "No")

    async with (
        open_scripted_cli(by_prompt, answers={"session.tools.set": refuse}) as cli,
        open_client(cli.stream) as client,
        client.open_session(tools=[one]) as session,
    ):
        with pytest.raises(ToolDefinitionError, match="Two tools are named 'two'"):
            await session.set_tools([two, two])
        with pytest.raises(TypeError, match="is not a tool"):
            await session.set_tools([print])  # type: ignore[list-item]  # it is the test
        assert cli.calls("session.tools.set") == []
        with pytest.raises(RpcError, match="No"):
            await session.set_tools([two])
        assert (await session.ask("one")).text == "first"


@pytest.mark.parametrize(
    ("trouble", "called", "answer"),
    [
        ({"ignore": {"session.tools.set"}}, "one", "first"),
        ({"answer_after": {"session.tools.set": 60.0}}, "two", "second"),
    ],
)
async def test_while_tools_change_the_calls_of_both_are_answered(
    trouble: dict[str, Any],
    called: str,
    answer: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is unknown whether the CLI has the old tools or the new ones."""
    async with (
        open_scripted_cli(by_prompt, **trouble) as cli,
        open_client(cli.stream) as client,
        client.open_session(tools=[one]) as session,
    ):
        with trio.move_on_after(1) as scope:
            await session.set_tools([two])
        assert scope.cancelled_caught
        await trio.sleep(60)  # by now the CLI has obeyed, if it ever will
        assert (await session.ask(called)).text == answer
