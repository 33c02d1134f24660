"""Last words share one time: no peer can keep us waiting at each step of leaving."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_copilot._peer.farewell import PATIENCE, SILENCE, Farewell


class Heard:
    """When the peer was heard of last."""

    at = -1.0

    def now(self) -> None:
        self.at = trio.current_time()

    def __call__(self) -> float:
        return self.at


async def wait_for_nothing(farewell: Farewell, seconds: float) -> float:
    """Return how long a step took that was never answered."""
    began = trio.current_time()
    with farewell.last_words(seconds) as step:
        await trio.sleep_forever()
    assert step.cancelled_caught
    return trio.current_time() - began


async def test_once_it_has_begun_a_step_gets_what_the_ones_before_have_left(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell(Heard())
    farewell.begin()

    took = [await wait_for_nothing(farewell, each) for each in (PATIENCE - 2, 1, 2, 3)]

    assert took == pytest.approx([PATIENCE - 2, 1, 1, 0])


async def test_beginning_again_gives_no_more_time(autojump_clock: MockClock) -> None:
    farewell = Farewell(Heard())
    farewell.begin()
    await wait_for_nothing(farewell, PATIENCE - 1)
    farewell.begin()

    assert await wait_for_nothing(farewell, 2) == pytest.approx(1)


async def test_a_step_that_is_going_on_when_it_begins_counts_from_then(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell(Heard())
    with farewell.last_words(5):
        await trio.sleep(4)
        farewell.begin()
        await trio.sleep(0.5)

    assert await wait_for_nothing(farewell, 60) == pytest.approx(PATIENCE - 0.5)


async def test_what_others_do_between_two_steps_costs_nothing(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    farewell = Farewell(heard)
    farewell.begin()
    await trio.sleep(2 * PATIENCE)
    await wait_for_nothing(farewell, 1)
    await trio.sleep(2 * PATIENCE)
    heard.now()

    assert await wait_for_nothing(farewell, 60) == pytest.approx(PATIENCE - 1)


async def test_steps_side_by_side_share_it_too(autojump_clock: MockClock) -> None:
    farewell = Farewell(Heard())
    farewell.begin()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(wait_for_nothing, farewell, 2)
    await wait_for_nothing(farewell, PATIENCE)

    assert trio.current_time() - began == pytest.approx(PATIENCE)


async def test_before_it_begins_every_step_has_all_of_its_time(
    autojump_clock: MockClock,
) -> None:
    """However many there are, and however little time is between them."""
    heard = Heard()
    farewell = Farewell(heard)
    for _ in range(100):
        with farewell.last_words(2) as step:
            await trio.sleep(1.9)
            heard.now()
        assert not step.cancelled_caught


async def test_a_peer_that_is_frozen_is_not_waited_for_again_until_it_speaks(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    farewell = Farewell(heard)
    before = [await wait_for_nothing(farewell, each) for each in (SILENCE - 1, 1, 2)]
    await trio.sleep(60)
    still_frozen = await wait_for_nothing(farewell, 2)
    heard.now()
    awake = await wait_for_nothing(farewell, 2)

    assert before == pytest.approx([SILENCE - 1, 1, 0])
    assert (still_frozen, awake) == pytest.approx((0, 2))


async def test_a_peer_that_does_not_obey_but_speaks_is_waited_for_again(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    farewell = Farewell(heard)

    async def speak() -> None:
        await trio.sleep(0.1)
        heard.now()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        await wait_for_nothing(farewell, SILENCE)
    await trio.sleep(60)  # it raises nothing unless asked

    assert await wait_for_nothing(farewell, 5) == pytest.approx(5)


async def test_an_outer_cancellation_does_not_cut_them_short(
    autojump_clock: MockClock,
) -> None:
    farewell = Farewell(Heard())
    with trio.move_on_after(1) as outer:
        await wait_for_nothing(farewell, 2)
        await trio.sleep_forever()

    assert outer.cancelled_caught
    assert trio.current_time() == pytest.approx(2)
