"""What comes out of a block when more than one thing goes wrong.

The only fault comes out as itself, two real ones as a group. Every block is tried in
`tests/test_faults.py`; how they do it is in `tests/test_scopes.py`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import CliExitedError, Tool, TurnEndReason, tool
from trio_copilot.testing import Call, Reply, Stage


class HandlerError(Exception):
    """What a handler raises."""


class BodyError(Exception):
    """What the body of a turn raises."""


def make_late_failure() -> tuple[Tool, trio.Event]:
    """Return a tool that fails while it cleans up, and the event that it runs."""
    running = trio.Event()

    @tool(errors="raise")
    async def fails_late() -> None:
        """Wait, and fail while cleaning up."""
        running.set()
        try:
            await trio.sleep_forever()
        finally:
            raise HandlerError

    return fails_late, running


@tool(errors="raise")
async def fails_at_once() -> None:
    """Fail."""
    raise HandlerError


def kinds(group: BaseExceptionGroup[Any]) -> list[str]:
    return sorted(type(error).__name__ for error in group.exceptions)


async def test_the_body_and_a_handler(world: World, clock: Clock) -> None:
    fails_late, running = make_late_failure()
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(ExceptionGroup) as caught:
                async with rig.session.turn("?") as turn:
                    await running.wait()
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
    """`Cancelled` beside it does not count as a fault."""
    fails_late, running = make_late_failure()
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(HandlerError):
                with trio.CancelScope() as scope:
                    async with rig.session.turn("?"):
                        await running.wait()
                        scope.cancel()
                        await trio.sleep_forever()


async def test_two_handlers(world: World, clock: Clock) -> None:
    fails_late, _ = make_late_failure()
    script = [Reply(calls=[Call("fails_late"), Call("fails_at_once")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late, fails_at_once]) as rig:
            with pytest.raises(ExceptionGroup) as caught:
                await rig.session.ask("?")

    assert kinds(caught.value) == ["HandlerError", "HandlerError"]


async def test_a_handler_and_the_death_of_the_cli(world: World, clock: Clock) -> None:
    fails_late, running = make_late_failure()
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.stage(script) as stage, stage.open_client() as client:
            async with client.open_session(tools=[fails_late]) as session:
                with pytest.raises(ExceptionGroup) as caught:
                    async with session.turn("?") as turn:
                        await running.wait()
                        Stage.kill_cli(stage)
                        await turn.wait()

    assert kinds(caught.value) == ["CliExitedError", "HandlerError"]
    assert turn.end.error is not None
    assert isinstance(turn.end.error.__cause__, CliExitedError)


async def test_an_interrupt_and_a_handler(world: World, clock: Clock) -> None:
    fails_late, running = make_late_failure()
    script = [Reply(calls=[Call("fails_late")])]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[fails_late]) as rig:
            with pytest.raises(BaseExceptionGroup) as caught:
                async with rig.session.turn("?"):
                    await running.wait()
                    raise KeyboardInterrupt

    assert kinds(caught.value) == ["HandlerError", "KeyboardInterrupt"]


@pytest.mark.parametrize("level", ["client", "session", "turn"])
async def test_the_body_after_everything_was_cancelled(
    world: World, clock: Clock, level: str
) -> None:
    error = BodyError()
    with trio.fail_after(world.patience), trio.CancelScope() as scope:
        with pytest.raises(BodyError) as caught:
            async with AsyncExitStack() as stack:
                stage = await stack.enter_async_context(
                    world.stage([Reply(then="hang")])
                )
                client = await stack.enter_async_context(stage.open_client())
                if level != "client":
                    opened = client.open_session()
                    session = await stack.enter_async_context(opened)
                    if level == "turn":
                        await stack.enter_async_context(session.turn("?"))
                scope.cancel()
                try:
                    await trio.sleep_forever()
                finally:
                    raise error

    assert caught.value is error


@pytest.mark.parametrize("dies", [False, True])
async def test_the_body_while_a_deadline_passes_on_the_way_out(
    world: World, clock: Clock, dies: bool
) -> None:
    error = BodyError()
    with trio.fail_after(world.patience), trio.CancelScope() as scope:
        with pytest.raises(BodyError) as caught:
            async with world.stage([Reply(then="hang")]) as stage:
                async with stage.open_client() as client, client.open_session():
                    scope.deadline = trio.current_time() + 0.01
                    if dies:
                        Stage.kill_cli(stage)
                    raise error

    assert caught.value is error
