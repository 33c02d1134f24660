"""The reader never waits for a consumer, and a slow consumer costs little."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import trio
from hypothesis import given, strategies as st

from tests.session.events import delta, event, text_of
from trio_copilot import (
    CliExitedError,
    Lagged,
    Overflow,
    ReasoningDelta,
    SessionEvent,
    SubscriberLaggedError,
    TextDelta,
    TurnEvent,
)
from trio_copilot._session.buffer import Buffer
from trio_copilot._session.coalesce import SESSION_EVENTS, TURN_EVENTS


def buffer(
    capacity: int, overflow: Overflow | None = Overflow.COALESCE
) -> Buffer[SessionEvent]:
    return Buffer(SESSION_EVENTS, capacity, overflow)


async def drained(full: Buffer[SessionEvent]) -> list[SessionEvent | Lagged]:
    """What a consumer gets that starts when everything has arrived."""
    full.close()
    items = []
    with trio.fail_after(5):
        while True:
            try:
                items.append(await full.take())
            except trio.EndOfChannel:
                return items


# -- in order, with nothing lost


async def test_what_fits_comes_out_as_it_went_in() -> None:
    few = buffer(8)
    sent = [delta("a"), delta("b"), event("x"), delta("c")]
    for item in sent:
        few.put(item)

    assert all(a is b for a, b in zip(await drained(few), sent, strict=True))


async def test_a_consumer_is_woken_by_an_item() -> None:
    empty = buffer(8)
    got = []

    async def consume() -> None:
        got.append(await empty.take())

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(consume)
            await trio.testing.wait_all_tasks_blocked()
            empty.put(sent := event("x"))

    assert got == [sent]


async def test_a_cancelled_consumer_takes_nothing() -> None:
    one = buffer(8)
    one.put(sent := event("x"))

    with trio.CancelScope() as scope:
        scope.cancel()
        await one.take()
    assert scope.cancelled_caught
    assert await drained(one) == [sent]


async def test_a_consumer_that_was_cancelled_while_it_waited_takes_nothing() -> None:
    empty = buffer(8)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(empty.take)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    empty.put(sent := event("x"))

    assert await drained(empty) == [sent]


# -- the end


async def test_the_end_comes_after_what_is_buffered_and_stays() -> None:
    one = buffer(8)
    one.put(sent := event("x"))
    one.close(CliExitedError(-9))
    one.put(event("too late"))
    one.close()

    assert await one.take() is sent
    for _ in range(2):
        with pytest.raises(CliExitedError):
            await one.take()


async def test_every_raised_end_is_an_exception_of_its_own() -> None:
    """One instance raised in two tasks would mix up their tracebacks and contexts."""
    ended = buffer(8)
    ended.close(CliExitedError(-9))
    raised = []
    for _ in range(2):
        with pytest.raises(CliExitedError) as caught:
            await ended.take()
        raised.append(caught.value)

    assert raised[0] is not raised[1]


async def test_the_end_wakes_a_consumer_that_waits() -> None:
    empty = buffer(8)
    with trio.fail_after(5), pytest.RaisesGroup(trio.EndOfChannel):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(empty.take)
            await trio.testing.wait_all_tasks_blocked()
            empty.close()


# -- congestion


@pytest.mark.repetitive
async def test_two_hundred_thousand_deltas_make_at_most_half_a_buffer_and_one() -> None:
    slow = buffer(1024)
    for number in range(200_000):
        slow.put(delta(f"{number} "))

    assert len(slow) == 1024 // 2 + 1
    assert "".join(map(text_of, await drained(slow))) == "".join(
        f"{number} " for number in range(200_000)
    )


async def test_deltas_of_two_texts_are_not_joined() -> None:
    slow = buffer(2, None)
    slow.put(event("filler"))
    for text, message_id, agent in [
        ("a", "m1", None),
        ("b", "m1", None),
        ("c", "m2", None),
        ("d", "m2", "sub-agent"),
    ]:
        slow.put(delta(text, message_id, agent))

    assert [text_of(item) for item in (await drained(slow))[1:]] == ["ab", "c", "d"]


async def test_an_event_between_them_keeps_deltas_apart() -> None:
    slow = buffer(100)
    for _ in range(50):
        slow.put(event("filler"))
    for item in [delta("a"), delta("b"), event("x"), delta("c"), delta("d")]:
        slow.put(item)

    tail = (await drained(slow))[50:]

    assert [text_of(tail[0]), text_of(tail[2])] == ["ab", "cd"]


async def test_a_delta_that_was_taken_is_not_continued() -> None:
    slow = buffer(2)
    slow.put(event("x"))
    slow.put(delta("a"))
    await slow.take()
    taken = await slow.take()
    slow.put(event("x"))
    slow.put(delta("b"))

    assert text_of(taken) == "a"
    assert text_of((await drained(slow))[-1]) == "b"


async def test_progress_takes_the_place_of_its_predecessor_and_does_not_cut_text() -> (
    None
):
    slow = buffer(100)
    for _ in range(50):
        slow.put(event("filler"))

    slow.put(delta("a"))
    slow.put(event("session.usage_info", currentTokens=1))
    slow.put(delta("b"))
    slow.put(event("session.usage_info", currentTokens=2))
    slow.put(event("tool.execution_partial_result", toolCallId="1", partialOutput="x"))
    slow.put(event("tool.execution_partial_result", toolCallId="2", partialOutput="y"))

    tail = (await drained(slow))[50:]
    assert text_of(tail[0]) == "ab"
    assert [item.raw["data"] for item in tail[1:] if not isinstance(item, Lagged)] == [
        {"currentTokens": 2},
        {"toolCallId": "1", "partialOutput": "x"},
        {"toolCallId": "2", "partialOutput": "y"},
    ]


async def test_a_delta_without_text_is_kept_as_it_is() -> None:
    slow = buffer(4)
    odd = event("assistant.message_delta", messageId="m1", deltaContent=None)
    for _ in range(4):
        slow.put(odd)

    assert await drained(slow) == [odd] * 4


async def test_a_turn_joins_what_continues_one_text() -> None:
    slow: Buffer[TurnEvent] = Buffer(TURN_EVENTS, 2, None)
    source = event("x")
    sent: list[TurnEvent] = [
        TextDelta(text="first", message_id="m", source=source),
        ReasoningDelta(text="a", reasoning_id="r", source=source),
        ReasoningDelta(text="b", reasoning_id="r", source=source),
        TextDelta(text="c", message_id="m", source=source),
        TextDelta(text="d", message_id="m", source=source),
        TextDelta(text="e", message_id="other", source=source),
    ]
    for item in sent:
        slow.put(item)
    slow.close()

    texts = [getattr(await slow.take(), "text", None) for _ in range(4)]
    assert texts == ["first", "ab", "cd", "e"]


async def test_a_turn_is_never_too_slow() -> None:
    slow: Buffer[TurnEvent] = Buffer(TURN_EVENTS, 4, None)
    for number in range(100):
        slow.put(TextDelta(text="x", message_id=str(number), source=event("x")))

    assert len(slow) == 100


# -- overflow


async def test_what_cannot_be_joined_ends_a_subscriber_that_is_too_slow() -> None:
    slow = buffer(3)
    for _ in range(4):
        slow.put(event("x"))

    with pytest.raises(SubscriberLaggedError):
        await slow.take()
    assert len(slow) == 0


async def test_error_neither_joins_nor_waits() -> None:
    slow = buffer(3, Overflow.ERROR)
    for _ in range(3):
        slow.put(delta("x"))
    assert len(slow) == 3
    slow.put(delta("x"))

    with pytest.raises(SubscriberLaggedError):
        await slow.take()


async def test_drop_oldest_says_how_many_are_missing() -> None:
    slow = buffer(3, Overflow.DROP_OLDEST)
    sent = [event("x") for _ in range(10)]
    for item in sent:
        slow.put(item)

    assert await drained(slow) == [Lagged(7), *sent[-3:]]


async def test_drop_oldest_says_it_again_when_it_happens_again() -> None:
    slow = buffer(1, Overflow.DROP_OLDEST)
    slow.put(event("x"))
    slow.put(event("x"))
    assert await slow.take() == Lagged(1)
    slow.put(event("x"))

    assert await slow.take() == Lagged(1)


# -- any interleaving

STEPS = st.lists(
    st.sampled_from(["m1", "m2", "event", "progress", "take"]), max_size=200
)


@given(STEPS, st.integers(min_value=1, max_value=12))
def test_a_slow_consumer_misses_no_text_and_no_event(
    steps: list[str], capacity: int
) -> None:
    """Whatever comes in, whenever it is taken: joined, the same; in the same order."""

    def summary(items: Iterator[SessionEvent]) -> list[tuple[str, str]]:
        """Adjacent deltas of one text as one; progress left out."""
        told = [
            (item.raw["data"].get("messageId", item.id), item)
            for item in items
            if item.type != "session.usage_info"
        ]
        return [
            (key, "".join(text_of(i) for _, i in group) if key[0] == "m" else key)
            for key, group in itertools.groupby(told, key=lambda pair: pair[0])
        ]

    async def play() -> None:
        slow = Buffer(SESSION_EVENTS, capacity, None)
        sent: list[SessionEvent] = []
        got: list[SessionEvent] = []
        for number, step in enumerate(steps):
            if step == "take":
                if len(slow):
                    got.append(await slow.take())  # type: ignore[arg-type]  # no Lagged here
                continue
            if step == "event":
                item = event("tool.execution_start")
            elif step == "progress":
                item = event("session.usage_info", n=number)
            else:
                item = delta(f"{number} ", step)
            sent.append(item)
            slow.put(item)
        slow.close()
        while len(slow):
            got.append(await slow.take())  # type: ignore[arg-type]  # no Lagged here

        assert summary(iter(got)) == summary(iter(sent))
        progress = [i for i in sent if i.type == "session.usage_info"]
        if progress:
            assert progress[-1] in got

    trio.run(play)
