"""Work that the CLI continues by itself belongs to the turn that it continues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.worlds import Rig, World
from trio_copilot import (
    ExitPlanModeRequest,
    HookInput,
    Hooks,
    TextDelta,
    Tool,
    ToolCall,
    TurnEnd,
    TurnEndReason,
    allow_all,
    tool,
)
from trio_copilot.testing import Call, Reply

DONE = Reply("Done.", calls=[Call("task_complete", {"summary": "All of it."})])
"""What a model says that has nothing more to do in autopilot."""


@tool
async def look(at: str) -> str:
    """Look at something."""
    await trio.lowlevel.checkpoint()
    return f"{at} is there"


def blocks(times: int) -> Hooks:
    """A hook that lets the agent stop after it has forbidden it so many times."""
    reasons = [f"Go on, {number}" for number in range(times)]

    async def agent_stop(moment: HookInput) -> Mapping[str, Any] | None:
        await trio.lowlevel.checkpoint()
        return {"decision": "block", "reason": reasons.pop(0)} if reasons else None

    return Hooks(agent_stop=agent_stop)


async def watched(rig: Rig, prompt: str = "Do it") -> tuple[TurnEnd, str, list[str]]:
    """Run a turn; return its end, its text as deltas have it, and the tools called."""
    streamed, called = "", list[str]()
    async with rig.session.turn(prompt) as turn:
        async for event in turn:
            match event:
                case TextDelta(separator=separator, text=text):
                    streamed += separator + text
                case ToolCall(name=name):
                    called.append(name)
                case _:
                    pass
    assert turn.text == turn.end.text == streamed
    assert turn.end.usage == rig.session.usage
    assert [call.name for call in turn.end.tool_calls] == called
    return turn.end, streamed, called


async def test_what_follows_a_blocked_stop_belongs_to_the_turn(
    world: World, clock: Clock
) -> None:
    script = [
        "First. ",
        Reply("Second. ", calls=[Call("look", {"at": "it"})]),
        "Third.",
        "Fourth.",
    ]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[look], hooks=blocks(2)) as rig:
            end, text, called = await watched(rig)

    assert text == "First. \n\nSecond. \n\nThird.\n\nFourth."
    assert end.answer == "Fourth."
    assert called == ["look"]
    assert end.usage.calls == 4


async def test_a_tool_that_is_declared_is_shown_in_a_continuation_too(
    world: World, clock: Clock
) -> None:
    """Its caller answers it: one that is not shown would hold the turn for ever."""
    declared = Tool("approve", "Ask for approval")
    script = ["First.", Reply(calls=[Call("approve")]), "Second."]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[declared], hooks=blocks(1)) as rig:
            async with rig.session.turn("Do it") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall) and not event.handled:
                        await turn.submit_tool_result(event.call_id, "yes")

    assert turn.text == "First.\n\nSecond."


async def test_a_continuation_that_is_cut_says_so(world: World, clock: Clock) -> None:
    cut = [Reply("and ", finish_reason="length")] * 3
    with trio.fail_after(world.patience):
        async with world.run(["First.", *cut], hooks=blocks(1)) as rig:
            end, text, _ = await watched(rig)

    assert end.reason is TurnEndReason.MAX_TOKENS
    assert text == "First.\n\nand and and "
    assert end.answer == "and and and "
    assert end.truncated_calls == 3


async def test_what_others_queue_is_not_part_of_the_turn(
    world: World, clock: Clock
) -> None:
    """Also when a hook makes the agent go on before it turns to them."""
    script = [Reply("Mine. ", before=0.5), "Mine too.", "Theirs."]
    with trio.fail_after(world.patience):
        async with world.run(script, hooks=blocks(1)) as rig:
            async with rig.session.turn("Do it") as turn:
                await rig.wait_request()
                await rig.session.send("Do that, too")
                async for _ in turn:
                    pass

    assert turn.text == "Mine. \n\nMine too."
    assert turn.end.usage.calls == 2
    assert rig.session.usage.calls == 3


async def test_an_abort_stops_a_continuation(world: World, clock: Clock) -> None:
    script = ["First.", Reply("Second", then="hang"), "next"]
    with trio.fail_after(world.patience):
        async with world.run(script, hooks=blocks(1)) as rig:
            async with rig.session.turn("Do it") as turn:
                async for event in turn:
                    if isinstance(event, TextDelta) and event.text == "Second":
                        break
            assert turn.text == "First.\n\nSecond"
            assert turn.end.reason is TurnEndReason.CANCELLED
            assert (await rig.session.ask("And now?")).text == "next"


@pytest.mark.cli
async def test_a_hook_in_a_file_that_blocks_the_stop_makes_the_turn_longer(
    real: World, cli_home: Path
) -> None:
    flag, folder = cli_home / "blocked", cli_home / "hooks"
    block = json.dumps({"decision": "block", "reason": "Go on"})
    script = f"[ -e {flag} ] || (touch {flag}; echo '{block}')"
    hook = {"type": "command", "bash": script, "timeoutSec": 10}
    folder.mkdir()
    (folder / "hooks.json").write_text(
        json.dumps({"version": 1, "hooks": {"agentStop": [hook]}})
    )
    with trio.fail_after(real.patience):
        async with real.run(
            ["First.", "Second."], enable_file_hooks=True, hook_directories=[folder]
        ) as rig:
            end, text, _ = await watched(rig)

    assert text == "First.\n\nSecond."
    assert end.answer == "Second."


@pytest.mark.cli
async def test_autopilot_is_one_turn(real: World) -> None:
    script = [
        "First. ",
        Reply("Second. ", calls=[Call("look", {"at": "it"})]),
        "Third. ",
        DONE,
    ]
    with trio.fail_after(real.patience):
        async with real.run(
            script, tools=[look], on_permission_request=allow_all
        ) as rig:
            await rig.session.rpc.mode.set(mode="autopilot")
            end, text, called = await watched(rig)

    assert end.reason is TurnEndReason.COMPLETE
    assert text == "First. \n\nSecond. \n\nThird. \n\nDone."
    assert end.answer == "Done."
    assert called == ["look", "task_complete"]
    assert end.usage.calls == 4


@pytest.mark.cli
async def test_what_others_queue_in_autopilot_is_theirs_to_the_end(
    real: World,
) -> None:
    script = [Reply("Mine.", before=0.5), "Theirs.", DONE]
    with trio.fail_after(real.patience):
        async with real.run(script, on_permission_request=allow_all) as rig:
            await rig.session.rpc.mode.set(mode="autopilot")
            async with rig.session.turn("Do it") as turn:
                await rig.wait_request()
                await rig.session.send("Do that, too")
                async for _ in turn:
                    pass

    assert turn.text == "Mine."
    assert turn.end.usage.calls == 1


@pytest.mark.cli
async def test_a_plan_that_autopilot_carries_out_is_one_turn(real: World) -> None:
    async def decide(plan: ExitPlanModeRequest) -> str:
        await trio.lowlevel.checkpoint()
        return "autopilot"

    script = [
        Reply("A plan. ", calls=[Call("exit_plan_mode", {"summary": "Paint it"})]),
        "Painting. ",
        Reply("Looking. ", calls=[Call("look", {"at": "it"})]),
        "Painted. ",
        DONE,
    ]
    with trio.fail_after(real.patience):
        async with real.run(
            script,
            tools=[look],
            on_exit_plan_mode=decide,
            on_permission_request=allow_all,
        ) as rig:
            await rig.session.rpc.mode.set(mode="plan")
            end, text, called = await watched(rig)

    assert text == "A plan. \n\nPainting. \n\nLooking. \n\nPainted. \n\nDone."
    assert called == ["exit_plan_mode", "look", "task_complete"]
    assert end.usage.calls == 5


# -- odd texts, which the message and the deltas have in common


@pytest.mark.parametrize(
    "pieces",
    [
        ("  ", "\n leading", " and trailing \n\n"),
        ("e\u0301 ", "\u200d \u202e", " \x00 odd characters"),
        ("<think>", "tags", "</think>", " stay"),
        ("", "an empty piece", ""),
    ],
)
@pytest.mark.cli
async def test_no_text_is_corrected_that_came_in_order(
    real: World, pieces: tuple[str, ...]
) -> None:
    with trio.fail_after(real.patience):
        async with real.run([Reply(pieces)]) as rig:
            async with rig.session.turn("?") as turn:
                kinds = [type(event).__name__ async for event in turn]

    assert "Correction" not in kinds
    assert turn.text == "".join(pieces)
