"""What comes out of a turn when more than one thing goes wrong.

The only fault comes out as itself, two real ones as a group; how blocks do that is in
`tests/test_scopes.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import CliExitedError, ToolCall, Turn, TurnEndReason, tool
from trio_copilot.testing import Call, Reply, Stage


class HandlerError(Exception):
    """What a handler raises."""


class BodyError(Exception):
    """What the body of a turn raises."""


@tool(errors="raise")
async def fails_late() -> None:
    """Wait, and fail while cleaning up."""
    try:
        await trio.sleep_forever()
    finally:
        raise HandlerError


@tool(errors="raise")
async def fails_at_once() -> None:
    """Fail."""
    raise HandlerError


async def all_called(turn: Turn, number: int) -> None:
    calls = 0
    async for event in turn:
        calls += isinstance(event, ToolCall)
        if calls == number:
            break
    while len(turn._handlers.pending) < number:
        await trio.lowlevel.checkpoint()


def kinds(group: BaseExceptionGroup[Any]) -> list[str]:
    return sorted(type(error).__name__ for error in group.exceptions)


async def test_the_body_and_a_handler(world: World, clock: Clock) -> None:
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(ExceptionGroup) as caught:
                async with rig.session.turn("?") as turn:
                    await all_called(turn, 1)
                    raise BodyError

    assert kinds(caught.value) == ["BodyError", "HandlerError"]
    assert turn.end.reason is TurnEndReason.CANCELLED


async def test_the_body_alone(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply(then="hang")]) as rig:
            error = BodyError()
            with pytest.raises(BodyError) as caught:
                async with rig.session.turn("?"):
                    raise error

    assert caught.value is error


async def test_a_handler_alone_while_the_turn_is_left(
    world: World, clock: Clock
) -> None:
    """`Cancelled` beside it is no fault."""
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(HandlerError):
                with trio.CancelScope() as scope:
                    async with rig.session.turn("?") as turn:
                        await all_called(turn, 1)
                        scope.cancel()
                        await trio.sleep_forever()


async def test_two_handlers(world: World, clock: Clock) -> None:
    script = [Reply(calls=[Call("fails_late"), Call("fails_at_once")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late, fails_at_once]) as rig:
            with pytest.raises(ExceptionGroup) as caught:
                await rig.session.ask("?")

    assert kinds(caught.value) == ["HandlerError", "HandlerError"]


async def test_a_handler_and_the_death_of_the_cli(world: World, clock: Clock) -> None:
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.stage(script) as stage, stage.open_client() as client:
            async with client.open_session(tools=[fails_late]) as session:
                with pytest.raises(ExceptionGroup) as caught:
                    async with session.turn("?") as turn:
                        await all_called(turn, 1)
                        Stage.kill_cli(stage)
                        await turn.wait()

    assert kinds(caught.value) == ["CliExitedError", "HandlerError"]
    assert turn.end.error is not None
    assert isinstance(turn.end.error.__cause__, CliExitedError)


async def test_an_interrupt_and_a_handler(world: World, clock: Clock) -> None:
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(BaseExceptionGroup) as caught:
                async with rig.session.turn("?") as turn:
                    await all_called(turn, 1)
                    raise KeyboardInterrupt

    assert kinds(caught.value) == ["HandlerError", "KeyboardInterrupt"]
