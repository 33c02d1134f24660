"""What happens when I cancel here? One test or more for each row of that table."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.turns import until_text
from tests.worlds import World
from trio_copilot import (
    CancelCause,
    SessionClosedError,
    TextDelta,
    ToolCall,
    Turn,
    TurnEnd,
    TurnEndReason,
    open_client,
    tool,
)
from trio_copilot._session.drain import GRACE
from trio_copilot.testing import Call, Reply, open_scripted_cli

LONG = Reply("word " * 400, delay=0.02)
"""An answer that goes on for longer than any test lets it."""


def assert_cancelled(turn: Turn, cause: CancelCause) -> None:
    assert turn.end.reason is TurnEndReason.CANCELLED
    assert turn.end.cause is cause
    assert turn.end.error is None


async def test_cancelled_before_the_prompt_is_sent_nothing_is_sent(
    world: World,
    clock: Clock,
) -> None:
    """Cancelled before the prompt was handed over: the CLI sees nothing."""
    with trio.fail_after(world.patience):
        async with world.run(["untouched"]) as rig:
            with trio.CancelScope() as scope:
                scope.cancel()
                async with rig.session.turn("never sent"):
                    raise AssertionError
            assert scope.cancelled_caught
            end = await rig.session.ask("?")

            assert end.text == "untouched"
            assert len(rig.requests) == 1


async def test_cancelled_while_the_prompt_is_sent_there_is_no_ghost_turn(
    world: World,
    clock: Clock,
) -> None:
    """The prompt was handed over: whatever it starts is stopped."""
    with trio.fail_after(world.patience):
        async with world.run(repeat_long_then("next")) as rig:
            with trio.CancelScope() as scope:

                async def cancel_once_sent() -> None:
                    while not rig.client.statistics().pending_calls:
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(cancel_once_sent)
                    async with rig.session.turn("long"):
                        await trio.lowlevel.checkpoint()  # the CLI was quicker
                        raise AssertionError
            assert scope.cancelled_caught
            assert rig.session.is_idle
            end = await rig.session.ask("next")

    assert end.text == "next"
    assert end.reason is TurnEndReason.COMPLETE


def repeat_long_then(answer: str):
    """Answer `long` at length and everything else briefly."""
    return lambda request: LONG if "long" in request.prompt else answer


async def test_an_outer_cancellation_stops_the_work_and_goes_on(
    world: World, clock: Clock
) -> None:
    """An enclosing scope is cancelled; the session works on the next line."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            with trio.CancelScope() as scope:
                async with rig.session.turn("long") as turn:
                    await until_text(turn)
                    scope.cancel()
                    await trio.sleep_forever()
            assert scope.cancelled_caught
            assert_cancelled(turn, CancelCause.OUTER)
            assert turn.text.startswith("word ")
            await rig.wait_stopped(1)

            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    assert turn.text == "next"
    assert all(e.text == "next" for e in events if isinstance(e, TextDelta))


async def test_move_on_after_is_late_by_the_drain_only(
    world: World, clock: Clock
) -> None:
    """`move_on_after` around a turn works as in any Trio code."""
    with trio.fail_after(world.patience):
        async with world.run(repeat_long_then("next")) as rig:
            start = trio.current_time()
            with trio.move_on_after(1) as scope:
                await rig.session.ask("long")
            took = trio.current_time() - start

            assert scope.cancelled_caught
            assert took < 3
            assert (await rig.session.ask("?")).text == "next"


async def test_fail_after_raises_too_slow_error(world: World, clock: Clock) -> None:
    """`fail_after` around a turn works as in any Trio code."""
    with trio.fail_after(world.patience):
        async with world.run(repeat_long_then("next")) as rig:
            with pytest.raises(trio.TooSlowError):
                with trio.fail_after(0.5):
                    await rig.session.ask("long")

            assert (await rig.session.ask("?")).text == "next"


async def test_a_sibling_that_fails_stops_the_turn(world: World, clock: Clock) -> None:
    """The nursery around the turn is cancelled, and with it the agent."""

    async def fail(turn: Turn) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("sibling")

    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            with pytest.raises(ExceptionGroup) as caught:  # the user's own nursery
                async with trio.open_nursery() as nursery:
                    async with rig.session.turn("long") as turn:
                        await until_text(turn)
                        nursery.start_soon(fail, turn)
                        await trio.sleep_forever()

            assert caught.group_contains(LookupError, match="sibling", depth=1)
            assert_cancelled(turn, CancelCause.OUTER)
            assert (await rig.session.ask("?")).text == "next"


async def test_break_leaves_the_block_and_stops_the_work(
    world: World, clock: Clock
) -> None:
    """Leaving the block early by `break`."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            async with rig.session.turn("long") as turn:
                async for event in turn:
                    if isinstance(event, TextDelta):
                        break
            assert_cancelled(turn, CancelCause.OUTER)
            await rig.wait_stopped(1)

            assert (await rig.session.ask("?")).text == "next"


async def test_an_exception_leaves_the_block_as_itself(
    world: World, clock: Clock
) -> None:
    """Leaving the block early by an exception: it is not wrapped."""
    error = LookupError("mine")
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            with pytest.raises(LookupError) as caught:
                async with rig.session.turn("long") as turn:
                    await until_text(turn)
                    raise error

            assert caught.value is error
            assert error.__cause__ is None
            assert_cancelled(turn, CancelCause.OUTER)
            await rig.wait_stopped(1)
            assert (await rig.session.ask("?")).text == "next"


async def test_an_exception_group_of_the_user_leaves_the_block_as_it_is(
    world: World,
    clock: Clock,
) -> None:
    """Leaving the block early by a group that the user raised."""
    group = ExceptionGroup("mine", [LookupError(), KeyError()])
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            with pytest.raises(ExceptionGroup) as caught:
                async with rig.session.turn("long") as turn:
                    await until_text(turn)
                    raise group

    assert caught.value is group


async def test_return_leaves_the_block_and_stops_the_work(
    world: World, clock: Clock
) -> None:
    """Leaving the block early by `return`."""
    turns: list[Turn] = []

    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:

            async def first_word() -> str:
                async with rig.session.turn("long") as turn:
                    turns.append(turn)
                    async for piece in turn.text_deltas:
                        return piece
                raise AssertionError

            assert await first_word() == "word "
            assert_cancelled(turns[0], CancelCause.OUTER)
            assert (await rig.session.ask("?")).text == "next"


async def test_cancelling_the_scope_of_the_turn_ends_its_block_normally(
    world: World,
    clock: Clock,
) -> None:
    """`turn.cancel_scope.cancel()` is an abort."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            async with rig.session.turn("long") as turn:
                await until_text(turn)
                turn.cancel_scope.cancel()
                await trio.sleep_forever()
            assert_cancelled(turn, CancelCause.ABORT)
            await rig.wait_stopped(1)

            assert (await rig.session.ask("?")).text == "next"


@pytest.mark.parametrize("who", ["turn", "session"])
async def test_abort_from_another_task_ends_the_block_normally(
    world: World, clock: Clock, who: str
) -> None:
    """`turn.abort()` and `session.abort()` from outside the block."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig, trio.open_nursery() as nursery:
            async with rig.session.turn("long") as turn:
                await until_text(turn)
                nursery.start_soon(turn.abort if who == "turn" else rig.session.abort)
                async for event in turn:
                    assert not isinstance(event, TurnEnd)
            assert_cancelled(turn, CancelCause.ABORT)
            await rig.wait_stopped(1)

            assert (await rig.session.ask("?")).text == "next"


async def test_abort_inside_the_block_is_absorbed_by_it(
    world: World, clock: Clock
) -> None:
    """`turn.abort()` raises `Cancelled` there, which the block absorbs."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            async with rig.session.turn("long") as turn:
                await until_text(turn)
                await turn.abort()
                raise AssertionError("abort goes to the end of the block")
            assert_cancelled(turn, CancelCause.ABORT)
            await turn.abort()  # does nothing to a turn that is over

            assert (await rig.session.ask("?")).text == "next"


async def test_abort_of_an_idle_session_does_nothing(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["next"]) as rig:
            await rig.session.abort()

            assert (await rig.session.ask("?")).text == "next"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.5])
async def test_a_timeout_ends_the_turn_and_stops_the_agent(
    world: World, clock: Clock, timeout: float
) -> None:
    """`timeout=` ends the block normally, however early it strikes."""
    with trio.fail_after(world.patience):
        async with world.run(repeat_long_then("next")) as rig:
            async with rig.session.turn("long", timeout=timeout) as turn:
                async for event in turn:
                    assert not isinstance(event, TurnEnd)
            assert_cancelled(turn, CancelCause.DEADLINE)
            assert rig.session.is_idle

            assert (await rig.session.ask("?")).text == "next"


async def test_the_deadline_of_the_turns_scope_can_be_moved(
    world: World, clock: Clock
) -> None:
    """A deadline that is set later works like `timeout=`."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            async with rig.session.turn("long", timeout=3600) as turn:
                await until_text(turn)
                turn.cancel_scope.deadline = trio.current_time() + 0.1
                async for _ in turn:
                    pass
            assert_cancelled(turn, CancelCause.DEADLINE)

            assert (await rig.session.ask("?")).text == "next"


async def test_an_idle_timeout_ends_a_turn_that_went_silent(
    world: World, clock: Clock
) -> None:
    """`idle_timeout=` ends the block normally; `turn.end` has the circumstances."""
    with trio.fail_after(world.patience):
        async with world.run([Reply("a b", then="hang"), "next"]) as rig:
            end = await rig.session.ask("?", idle_timeout=2)
            await rig.wait_stopped(1)

            assert end.reason is TurnEndReason.CANCELLED
            assert end.cause is CancelCause.IDLE_TIMEOUT
            assert end.text == "a b"
            assert end.last_event == "assistant.message_delta"
            assert 2 <= end.silence < 4
            assert "assistant.message_delta" in repr(end)
            assert (await rig.session.ask("?")).text == "next"


async def test_an_idle_timeout_is_in_force_before_the_prompt_is_taken(
    autojump_clock: Clock,
) -> None:
    async with (
        open_scripted_cli(["x"], ignore={"session.send"}) as cli,
        open_client(cli.stream) as client,
        client.open_session() as session,
    ):
        began = trio.current_time()
        with trio.fail_after(60):
            end = await session.ask("?", idle_timeout=2)
        assert end.reason is TurnEndReason.CANCELLED
        assert end.cause is CancelCause.IDLE_TIMEOUT
        assert 2 <= trio.current_time() - began <= 2 + GRACE


async def test_an_idle_timeout_lets_a_turn_go_on_that_is_slow_but_alive(
    world: World,
    clock: Clock,
) -> None:
    """Each event starts the clock of `idle_timeout=` again."""
    with trio.fail_after(world.patience):
        async with world.run([Reply("a b c d e f", delay=0.4)]) as rig:
            end = await rig.session.ask("?", idle_timeout=1.5)

    assert end.reason is TurnEndReason.COMPLETE


async def test_the_idle_clock_stands_still_while_a_tool_handler_runs(
    world: World,
    clock: Clock,
) -> None:
    """Time that our own handler takes is not silence."""

    @tool
    async def think(seconds: float) -> str:
        await trio.sleep(seconds)
        return "thought"

    script = [Reply(calls=[Call("think", {"seconds": 2.5})]), "done"]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[think]) as rig:
            end = await rig.session.ask("?", idle_timeout=1.5)

    assert end.reason is TurnEndReason.COMPLETE
    assert end.text == "done"


async def test_an_abort_by_another_client_ends_iteration(
    world: World, clock: Clock
) -> None:
    """Here the raw call stands for the other client."""
    with trio.fail_after(world.patience):
        async with world.run([LONG, "next"]) as rig:
            async with rig.session.turn("long") as turn:
                await until_text(turn)
                await rig.client.call("session.abort", {"sessionId": rig.session.id})
                events = [event async for event in turn]
            assert events[-1] is turn.end
            assert_cancelled(turn, CancelCause.REMOTE)

            assert (await rig.session.ask("?")).text == "next"


async def test_a_tool_handler_is_cancelled_by_an_abort_of_another_client(
    world: World,
    clock: Clock,
) -> None:
    """The CLI's event cancels it, not a call of our own."""
    cancelled = trio.Event()

    @tool
    async def wait() -> str:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("wait")]), "next"], tools=[wait]
        ) as rig:
            async with rig.session.turn("?") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall):
                        await trio.testing.wait_all_tasks_blocked(0.05)
                        params = {"sessionId": rig.session.id}
                        await rig.client.call("session.abort", params)
            assert_cancelled(turn, CancelCause.REMOTE)
            await cancelled.wait()

            assert (await rig.session.ask("?")).text == "next"


async def test_a_tool_handler_is_cancelled_with_its_turn(
    world: World, clock: Clock
) -> None:
    """The turn's block waits for it, and the CLI gets one answer."""
    running, cancelled = trio.Event(), trio.Event()

    @tool
    async def wait() -> str:
        running.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("wait")]), "next"], tools=[wait]
        ) as rig:
            with trio.CancelScope() as scope:
                async with rig.session.turn("?") as turn:
                    await running.wait()
                    scope.cancel()
                    await trio.sleep_forever()

            assert cancelled.is_set()
            assert_cancelled(turn, CancelCause.OUTER)
            assert turn.end.pending == ("tool wait",)
            assert (await rig.session.ask("?")).text == "next"
            # The cancelled call was no reason to ask the model again.
            assert len(rig.requests) == 2


async def test_a_handler_can_abort_its_own_turn(world: World, clock: Clock) -> None:
    """It is cancelled by that, as every handler of the turn."""
    turns: list[Turn] = []
    survived: list[Turn] = []

    @tool
    async def stop() -> None:
        await turns[0].abort()
        survived.extend(turns)

    with trio.fail_after(world.patience):
        async with world.run(
            [Reply(calls=[Call("stop")]), "next"], tools=[stop]
        ) as rig:
            async with rig.session.turn("?") as turn:
                turns.append(turn)
                async for _ in turn:
                    pass
            assert not survived
            assert_cancelled(turn, CancelCause.ABORT)

            assert (await rig.session.ask("?")).text == "next"


async def test_leaving_the_session_block_closes_a_turn_in_another_task(
    world: World,
    clock: Clock,
) -> None:
    """That task gets `SessionClosedError`, after the drain."""
    turns: list[Turn] = []

    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig, trio.open_nursery() as nursery:
            async with rig.open_session() as session:

                async def work(*, task_status: trio.TaskStatus[None]) -> None:
                    with pytest.raises(SessionClosedError):
                        async with session.turn("long") as turn:
                            turns.append(turn)
                            await until_text(turn)
                            task_status.started()
                            await trio.sleep_forever()

                await nursery.start(work)
            await rig.wait_stopped(1)

            assert_cancelled(turns[0], CancelCause.CLOSED)
            with pytest.raises(SessionClosedError):
                await session.ask("?")


async def test_cancelled_in_all_three_blocks_at_once_everything_ends_in_order(
    world: World,
    clock: Clock,
) -> None:
    """The connection serves the drain and the release, although it is cancelled too."""
    with trio.fail_after(world.patience):
        async with world.stage([LONG, "next"]) as stage:
            start = math.inf
            with trio.CancelScope() as scope:
                async with (
                    stage.open_client() as client,
                    client.open_session() as session,
                    session.turn("long") as turn,
                ):
                    await until_text(turn)
                    start = trio.current_time()
                    scope.cancel()
                    await trio.sleep_forever()
            took = trio.current_time() - start
            await stage.model.wait_disconnect(1)

    assert scope.cancelled_caught
    assert took < 2
    assert_cancelled(turn, CancelCause.OUTER)


async def test_leaving_the_client_block_closes_a_turn_in_another_task(
    world: World,
    clock: Clock,
) -> None:
    """As when the session's block is left; then the process is reaped."""
    turns: list[Turn] = []

    with trio.fail_after(world.patience):
        async with world.stage([LONG]) as stage, trio.open_nursery() as nursery:
            async with stage.open_client() as client:

                async def work(*, task_status: trio.TaskStatus[None]) -> None:
                    with pytest.raises(SessionClosedError):
                        async with client.open_session() as session:
                            async with session.turn("long") as turn:
                                turns.append(turn)
                                await until_text(turn)
                                task_status.started()
                                await trio.sleep_forever()

                await nursery.start(work)
            await stage.model.wait_disconnect(1)

    assert_cancelled(turns[0], CancelCause.CLOSED)


async def test_a_retry_back_off_is_interrupted(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run(
            lambda request: (
                Reply("slow down", status=429) if "busy" in request.prompt else "next"
            )
        ) as rig:
            end = await rig.session.ask("busy?", timeout=1)
            assert end.cause is CancelCause.DEADLINE

            assert (await rig.session.ask("?")).text == "next"


async def test_a_hang_before_the_first_byte_is_interrupted(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply(before=math.inf), "next"]) as rig:
            end = await rig.session.ask("?", timeout=2)
            await rig.wait_stopped(1)

            assert end.cause is CancelCause.DEADLINE
            assert (await rig.session.ask("?")).text == "next"


@pytest.mark.parametrize("bad", [-1, math.nan])
async def test_a_negative_timeout_is_refused(
    world: World, clock: Clock, bad: float
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([]) as rig:
            with pytest.raises(ValueError, match="timeout"):
                await rig.session.ask("?", timeout=bad)
            with pytest.raises(TypeError, match="idle_timeout"):
                await rig.session.ask("?", idle_timeout="1")  # type: ignore[arg-type]
