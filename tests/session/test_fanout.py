"""One stream of events, as many readers as there are."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio

from tests.session.events import event
from trio_copilot import (
    CliExitedError,
    Lagged,
    SessionBusyError,
    SessionEvent,
    SubscriberLaggedError,
)
from trio_copilot._peer import FAIRNESS, open_peer
from trio_copilot._protocol.envelope import event_of, read_event
from trio_copilot._session.coalesce import SESSION_EVENTS
from trio_copilot._session.fanout import FanOut, Subscription
from trio_copilot._wire.framing import encode_frame


async def received(subscription: Subscription[SessionEvent]) -> list[str]:
    with trio.fail_after(5):
        return [item.type async for item in subscription]  # type: ignore[union-attr]


async def test_each_subscriber_gets_each_event_in_order() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one, fan_out.subscribe(()) as other:
        for wire_type in ("a", "b", "c"):
            fan_out.publish(wire_type, event(wire_type))
        fan_out.close()

        assert await received(one) == await received(other) == ["a", "b", "c"]


async def test_a_subscriber_gets_the_types_that_it_asked_for() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(("a", "c")) as some:
        for wire_type in ("a", "b", "c"):
            fan_out.publish(wire_type, event(wire_type))
        fan_out.close()

        assert await received(some) == ["a", "c"]


async def test_a_subscriber_gets_nothing_from_before_and_nothing_from_after() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    fan_out.publish("before", event("before"))
    async with fan_out.subscribe(()) as some:
        fan_out.publish("during", event("during"))
    fan_out.publish("after", event("after"))

    assert await received(some) == ["during"]


async def test_a_slow_subscriber_does_not_disturb_the_others() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with (
        fan_out.subscribe((), capacity=1, overflow="error") as slow,
        fan_out.subscribe((), capacity=1, overflow="drop_oldest") as forgetful,
        fan_out.subscribe(()) as quick,
    ):
        for wire_type in ("a", "b", "c"):
            fan_out.publish(wire_type, event(wire_type))

        with pytest.raises(SubscriberLaggedError):
            await slow.receive()
        assert await forgetful.receive() == Lagged(2)
        assert [(await quick.receive()).type for _ in range(3)] == ["a", "b", "c"]  # type: ignore[union-attr]


async def test_closing_a_subscription_ends_it_alone() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one, fan_out.subscribe(()) as other:
        fan_out.publish("a", event("a"))
        await one.aclose()
        fan_out.publish("b", event("b"))
        fan_out.close()

        assert await received(one) == ["a"]
        assert await received(other) == ["a", "b"]
        with pytest.raises(trio.EndOfChannel):
            await one.receive()


async def test_the_loss_of_the_connection_reaches_every_subscriber() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one, fan_out.subscribe(()) as other:
        fan_out.publish("a", event("a"))
        fan_out.close(CliExitedError(-9))

        for subscription in (one, other):
            assert (await subscription.receive()).type == "a"  # type: ignore[union-attr]
            with pytest.raises(CliExitedError):
                await subscription.receive()


async def test_who_comes_after_the_end_hears_of_it() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    fan_out.close(CliExitedError(-9))
    fan_out.close()

    async with fan_out.subscribe(()) as late:
        with pytest.raises(CliExitedError):
            await late.receive()


async def test_iterating_is_cancelled_between_two_events_that_are_at_hand() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one:
        for wire_type in ("a", "b", "c"):
            fan_out.publish(wire_type, event(wire_type))
        fan_out.close()
        seen = []

        with trio.CancelScope() as scope:
            async for item in one:
                seen.append(item)
                scope.cancel()

        assert scope.cancelled_caught
        assert len(seen) == 1
        assert await received(one) == ["b", "c"]


async def test_iterating_lets_other_tasks_run_every_so_often() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    steps = []

    async def other() -> None:
        while True:
            steps.append(1)
            await trio.lowlevel.checkpoint()

    async with fan_out.subscribe((), capacity=FAIRNESS * 8) as one:
        for _ in range(FAIRNESS * 3):
            fan_out.publish("x", event("x"))
        fan_out.close()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            assert len(await received(one)) == FAIRNESS * 3
            nursery.cancel_scope.cancel()

    assert 3 <= len(steps) <= 5


async def test_who_is_quick_enough_gets_a_burst_piece_by_piece() -> None:
    """However much one read brings, reader and iterator alternate."""
    burst = [
        encode_frame(
            b'{"jsonrpc":"2.0","method":"session.event","params":{"sessionId":"s",'
            b'"event":{"type":"assistant.message_delta","id":"%d","data":{}}}}' % number
        )
        for number in range(5000)
    ]
    fan_out = FanOut(SESSION_EVENTS)

    def take(body: bytes) -> bool:
        arrival = read_event(body)
        assert arrival is not None
        fan_out.publish(arrival.event.type, event_of(arrival.event, body))
        return True

    async def never(*_: object) -> CliExitedError:
        return CliExitedError(0)

    near, far = trio.testing.memory_stream_pair()
    with trio.fail_after(60):
        async with (
            fan_out.subscribe(()) as quick,
            open_peer(
                near,
                take_frame=take,
                on_notification=lambda *_: None,
                on_end=fan_out.close,
                why_ended=never,
                answer=never,
            ),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(far.send_all, b"".join(burst))
            for _ in burst:
                await quick.__anext__()

            assert (
                quick.statistics().high_water < quick.statistics().max_buffer_size // 2
            )


async def test_two_tasks_cannot_share_a_subscription() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one, trio.open_nursery() as nursery:
        nursery.start_soon(one.receive)
        await trio.testing.wait_all_tasks_blocked()

        with pytest.raises(SessionBusyError, match="receiving"):
            await one.receive()
        nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()


async def test_a_cancelled_receiver_makes_room_for_the_next() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    async with fan_out.subscribe(()) as one:
        with trio.move_on_after(0):
            await one.receive()
        fan_out.publish("a", event("a"))

        assert (await one.receive()).type == "a"  # type: ignore[union-attr]


async def test_a_subscription_may_be_removed_twice() -> None:
    fan_out = FanOut(SESSION_EVENTS)
    one = fan_out.add(())
    fan_out.remove(one)
    fan_out.remove(one)

    assert await received(one) == []


@pytest.mark.parametrize(
    ("types", "settings", "error", "message"),
    [
        ((), {"capacity": 0}, ValueError, "at least 1, not 0"),
        ((), {"overflow": "block"}, ValueError, "No overflow rule is called 'block'"),
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(
    types: tuple[str, ...], settings: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        async with FanOut(SESSION_EVENTS).subscribe(
            types, **cast("dict[str, Any]", settings)
        ):
            pass
