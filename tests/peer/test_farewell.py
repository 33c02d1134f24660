"""Last words share one time: no peer can keep us waiting at each step of leaving."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_copilot._peer.farewell import PATIENCE, PAUSE, Farewell


async def wait_for_nothing(farewell: Farewell, seconds: float, **how: bool) -> float:
    """Return how long a step took that was never answered."""
    began = trio.current_time()
    with farewell.last_words(seconds, **how) as step:
        await trio.sleep_forever()
    assert step.cancelled_caught
    return trio.current_time() - began


async def test_steps_that_are_answered_have_their_time(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell()
    for _ in range(3):
        with farewell.last_words(1) as step:
            await trio.sleep(0.9)
        assert not step.cancelled_caught


async def test_a_step_gets_what_the_ones_before_have_left(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell()

    took = [
        await wait_for_nothing(farewell, seconds) for seconds in (PATIENCE - 1, 2, 3)
    ]

    assert took == pytest.approx([PATIENCE - 1, 1, 0])


async def test_a_turn_has_all_of_its_time_unless_the_peer_is_known_to_be_silent(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell()
    with farewell.last_words(PATIENCE):
        await trio.sleep(PATIENCE - 1)

    first = await wait_for_nothing(farewell, 5, at_least=True)
    second = await wait_for_nothing(farewell, 5, at_least=True)

    assert (first, second) == pytest.approx((5, 0))


async def test_steps_side_by_side_share_it_too(autojump_clock: MockClock) -> None:
    farewell = Farewell()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(wait_for_nothing, farewell, 2)
    await wait_for_nothing(farewell, PATIENCE)

    assert trio.current_time() - began == pytest.approx(PATIENCE)


async def test_later_another_leaving_begins(autojump_clock: MockClock) -> None:
    farewell = Farewell()
    await wait_for_nothing(farewell, PATIENCE)
    await trio.sleep(PAUSE + 0.1)

    with farewell.last_words(2) as step:
        await trio.sleep(1)
    assert not step.cancelled_caught


async def test_an_outer_cancellation_does_not_cut_them_short(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell()
    with trio.move_on_after(1) as outer:
        await wait_for_nothing(farewell, 2)
        await trio.sleep_forever()

    assert outer.cancelled_caught
    assert trio.current_time() == pytest.approx(2)
