"""Messages that wait for a peer."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_copilot.bridge._messages import Noticed
from trio_copilot.bridge._outbox import ROOM, Outbox


def never() -> None:
    raise AssertionError("it overflowed")


def message(number: int) -> Noticed:
    return Noticed(turn="1", kind="test", text=str(number))


async def test_messages_come_out_in_order_and_then_the_end() -> None:
    outbox = Outbox(10, never)
    for number in range(3):
        outbox.put(message(number))
    outbox.close()
    outbox.put(message(99))

    assert [await outbox.take() for _ in range(3)] == [message(n) for n in range(3)]
    assert not outbox.written.is_set()  # the last one may still be on its way
    with pytest.raises(trio.EndOfChannel):
        await outbox.take()
    assert outbox.written.is_set()


async def test_room_is_waited_for(autojump_clock: MockClock) -> None:
    outbox = Outbox(100, never)
    for number in range(ROOM):
        outbox.put(message(number))
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await outbox.room()
    await outbox.take()
    with trio.fail_after(1):
        await outbox.room()


@pytest.mark.parametrize("end", [Outbox.close, Outbox.drop])
async def test_nobody_waits_for_room_when_it_is_over(
    end: object, autojump_clock: MockClock
) -> None:
    outbox = Outbox(100, never)
    for number in range(ROOM):
        outbox.put(message(number))
    async with trio.open_nursery() as nursery:
        with trio.fail_after(1):
            nursery.start_soon(outbox.room)
            await wait_all_tasks_blocked()
            assert callable(end)
            end(outbox)


async def test_beyond_the_limit_all_is_dropped() -> None:
    overflows: list[int] = []
    outbox = Outbox(3, lambda: overflows.append(len(outbox)))
    for number in range(3):
        outbox.put(message(number))
    assert overflows == []
    outbox.put(message(3))

    assert overflows == [0]
    assert outbox.written.is_set()
    assert len(outbox) == 0
