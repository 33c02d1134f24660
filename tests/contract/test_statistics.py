"""Statistics of a client: what is open, what has happened, which reader was slow."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import (
    CancelCause,
    TextDelta,
    ToolCall,
    TurnEndReason,
    open_client,
    tool,
)
from trio_copilot.testing import Call, Reply, open_scripted_cli

LONG = Reply("word " * 400, delay=0.02)


async def test_statistics_tell_what_is_open(world: World, clock: Clock) -> None:
    release = trio.Event()

    @tool
    async def wait() -> None:
        """Wait for the test."""
        await release.wait()

    script = [Reply(calls=[Call("wait")]), "done"]
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[wait]) as rig:
            client, session = rig.client, rig.session
            idle = client.statistics()
            assert (idle.open_sessions, idle.open_turns) == (1, 0)
            assert (idle.open_requests, idle.pending_calls) == ((), 0)
            assert (idle.drains, idle.ended_turns) == (0, {})

            async with session.subscribe(), session.turn("wait") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall):
                        break
                while not client.statistics().open_requests:
                    await trio.lowlevel.checkpoint()
                busy = client.statistics()
                assert busy.open_turns == 1
                assert busy.open_requests == ("tool wait",)
                assert len(busy.subscriptions) == 1
                release.set()
                async for _ in turn:
                    pass

            after = client.statistics()
            assert (after.open_turns, after.open_requests) == (0, ())
            assert after.subscriptions == ()
            assert after.ended_turns == {"complete": 1}
            assert after.drains == 0
            assert after.events["session.idle"] == 1
            assert after.bytes_received > idle.bytes_received
            assert after.bytes_sent > idle.bytes_sent


async def test_a_drain_is_counted_and_said_in_the_end(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            async with rig.session.turn("long") as turn:
                async for event in turn:
                    if isinstance(event, TextDelta):
                        break
            told = rig.client.statistics()

    assert turn.end.cause is CancelCause.OUTER
    assert 0 < turn.end.drain_time < 2
    assert f"stopped in {turn.end.drain_time:.3f} s" in repr(turn.end)
    assert told.ended_turns == {"cancelled": 1}
    assert told.drains == 1
    assert told.drain_time == told.longest_drain == turn.end.drain_time


async def test_a_subscription_tells_how_far_it_lags_behind(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["one two three"]) as rig:
            async with rig.session.subscribe(capacity=500) as slow:
                await rig.session.ask("?")
                lag = slow.statistics()
                await slow.receive()

                assert lag.max_buffer_size == 500
                assert 3 < lag.current_buffer_used == lag.high_water <= 500
                assert slow.statistics().current_buffer_used == lag.high_water - 1
                assert slow.statistics().high_water == lag.high_water
                assert rig.client.statistics().subscriptions == (slow.statistics(),)


async def test_every_end_of_a_turn_is_in_the_log(
    world: World, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trio_copilot.turn")
    with trio.fail_after(world.patience):
        async with world.run(["short", LONG]) as rig:
            await rig.session.ask("short")
            await rig.session.ask("long", timeout=0.5)

    ends = [r for r in caplog.records if r.name == "trio_copilot.turn"]
    assert [r.turn_end.reason for r in ends] == [  # type: ignore[attr-defined]  # an extra
        TurnEndReason.COMPLETE,
        TurnEndReason.CANCELLED,
    ]
    assert {r.session_id for r in ends} == {rig.session.id}  # type: ignore[attr-defined]  # an extra
    assert "cause=deadline" in ends[1].getMessage()


@pytest.mark.repetitive
async def test_events_that_came_again_are_counted_apart(autojump_clock: Clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([Reply("word " * 7000)], duplicate_deltas=True) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            await session.ask("?")
            told = client.statistics()

    assert told.repeated_events > 0
    assert told.events["assistant.message_delta"] == 7000
