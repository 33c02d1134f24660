"""What a turn yields, and how it ends undisturbed."""

from __future__ import annotations

import math
from itertools import repeat

import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import (
    CancelCause,
    Message,
    ReasoningDelta,
    Retry,
    SessionBusyError,
    TextDelta,
    Turn,
    TurnEnd,
    TurnEndReason,
    TurnError,
    TurnStart,
)
from trio_copilot.testing import Reply


async def test_the_text_of_a_turn_equals_what_the_model_sent(
    world: World, clock: Clock
) -> None:
    deltas = ("The ", "answer ", "is ", "42 ✓ 🎉", "\n\n```py\nx\n```")
    with trio.fail_after(world.patience):
        async with world.run([Reply(deltas)]) as rig:
            async with rig.session.turn("What is the answer?") as turn:
                events = [event async for event in turn]

    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "".join(
        deltas
    )
    assert turn.text == "".join(deltas)
    assert isinstance(events[0], TurnStart)
    assert [e.text for e in events if isinstance(e, Message)] == [turn.text]
    assert events[-1] is turn.end
    assert [isinstance(e, TurnEnd) for e in events].count(True) == 1
    assert turn.end.reason is TurnEndReason.COMPLETE
    assert turn.end.cause is None
    assert turn.end.text == turn.text
    assert turn.end.usage.calls == 1
    assert turn.end.usage.output_tokens == len(deltas)
    assert turn.end.message_id


async def test_one_session_answers_turn_after_turn(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["one", "two", "three"]) as rig:
            answers = [(await rig.session.ask(f"Say {n}")).text for n in range(3)]
            assert rig.session.is_idle

    assert answers == ["one", "two", "three"]


async def test_the_end_of_a_turn_is_an_error_before_the_end(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["Hello"]) as rig:
            async with rig.session.turn("?") as turn:
                assert not turn.ended
                with pytest.raises(RuntimeError, match=r"not ended.*turn\.wait"):
                    _ = turn.end
                assert await turn.wait() is turn.end
                assert turn.ended


async def test_text_deltas_iterates_the_text_alone(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply(("a ", "b ", "c"), reasoning="let me see")]) as rig:
            async with rig.session.turn("?") as turn:
                pieces = [piece async for piece in turn.text_deltas]

    assert pieces == ["a ", "b ", "c"]


async def test_text_chunks_are_whole_lines_however_the_model_cuts_them(
    world: World, clock: Clock
) -> None:
    pieces = ("# A he", "ading\n", "\nText", " and more.\nThe", " end")
    with trio.fail_after(world.patience):
        async with world.run([Reply(pieces), Reply(pieces)]) as rig:
            async with rig.session.turn("?") as turn:
                lines = [line async for line in turn.text_chunks()]
            async with rig.session.turn("?") as turn:
                chunks = turn.text_chunks(by="paragraph", max_latency=60)
                paragraphs = [paragraph async for paragraph in chunks]

    assert lines == ["# A heading\n", "\n", "Text and more.\n", "The end"]
    assert paragraphs == ["# A heading\n\n", "Text and more.\nThe end"]


async def test_reasoning_is_shown_and_is_no_part_of_the_text(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply("Yes.", reasoning=("I ", "think"))]) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "I think"
    assert turn.text == "Yes."


async def test_without_streaming_the_text_comes_as_one_delta(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["All at once."], streaming=False) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    assert [e.text for e in events if isinstance(e, TextDelta)] == ["All at once."]
    assert turn.text == "All at once."


async def test_a_turn_that_nobody_iterates_keeps_its_text(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["heard nevertheless"]) as rig:
            async with rig.session.turn("?") as turn:
                await turn.wait()

    assert turn.end.reason is TurnEndReason.COMPLETE
    assert turn.text == "heard nevertheless"


async def test_callbacks_of_ask_run_in_order(world: World, clock: Clock) -> None:
    heard: list[object] = []

    async def on_turn_end(end: TurnEnd) -> None:
        await trio.lowlevel.checkpoint()
        heard.append(end.reason)

    with trio.fail_after(world.patience):
        async with world.run([Reply(("x", "y"))]) as rig:
            await rig.session.ask(
                "?", on_text_delta=heard.append, on_turn_end=on_turn_end
            )

    assert heard == ["x", "y", TurnEndReason.COMPLETE]


async def test_an_exception_in_a_callback_of_ask_comes_out_of_it(
    world: World, clock: Clock
) -> None:
    def fail(text: str) -> None:
        raise LookupError(text)

    with trio.fail_after(world.patience):
        async with world.run([Reply("a b c", delay=0.05), "next"]) as rig:
            with pytest.raises(LookupError, match="a"):
                await rig.session.ask("?", on_text_delta=fail)

            assert (await rig.session.ask("?")).text == "next"


async def test_a_cut_answer_that_the_cli_goes_on_from_is_whole(
    world: World, clock: Clock
) -> None:
    script = [Reply("first part, ", finish_reason="length"), "second part."]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            end = await rig.session.ask("?")

    assert end.text == "first part, second part."
    assert end.reason is TurnEndReason.COMPLETE
    assert end.truncated_calls == 1


async def test_an_answer_that_stays_cut_ends_with_max_tokens(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(repeat(Reply("more ", finish_reason="length"))) as rig:
            end = await rig.session.ask("?")

    assert end.reason is TurnEndReason.MAX_TOKENS
    assert end.text == "more more more "
    assert end.truncated_calls == 3


@pytest.mark.parametrize(
    "world_name",
    # The real one tries for 16 seconds.
    ["scripted", pytest.param("real", marks=[pytest.mark.cli, pytest.mark.all])],
    indirect=True,
)
async def test_a_model_that_fails_for_ever_ends_the_turn_with_an_error(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(repeat(Reply("broken", status=500))) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    assert turn.end.reason is TurnEndReason.ERROR
    assert turn.end.error is not None
    assert turn.end.error.status_code == 500
    assert turn.end.error.end is turn.end
    assert [isinstance(e, Retry) for e in events].count(True) == 5


async def test_ask_raises_what_ended_the_turn_with_an_error(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply("no such thing", status=400), "better"]) as rig:
            with pytest.raises(TurnError, match="no such thing") as caught:
                await rig.session.ask("?")

            assert caught.value.end is not None
            assert caught.value.end.reason is TurnEndReason.ERROR
            assert (await rig.session.ask("?")).text == "better"


async def test_text_of_a_retried_model_call_is_dropped(
    world: World, clock: Clock
) -> None:
    script = [Reply(("lost ", "words"), then="drop"), "the real answer"]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    retries = [e for e in events if isinstance(e, Retry)]
    assert [r.dropped_text for r in retries] == ["lost words"]
    assert turn.text == "the real answer"


async def test_a_retry_says_why_and_how_long_the_cli_waited(
    world: World, clock: Clock
) -> None:
    script = [
        Reply("slow down, please", status=429, retry_after=1),
        Reply("broken", status=500),
        Reply("lost", then="drop"),
        "the real answer",
    ]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            async with rig.session.turn("?") as turn:
                events = [event async for event in turn]

    limit, broken, dropped = (e for e in events if isinstance(e, Retry))
    assert (limit.kind, limit.status_code) == ("rate_limit", 429)
    assert "slow down, please" in limit.message
    assert "{" not in limit.message
    assert limit.waited is not None
    assert limit.waited >= 1
    assert (broken.kind, broken.status_code) == ("api_error", 500)
    assert "broken" in broken.message
    assert (dropped.kind, dropped.status_code) == ("streaming_error", None)
    assert dropped.message
    assert dropped.waited


async def test_a_second_turn_of_a_session_is_refused_at_once(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["first"]) as rig:
            async with rig.session.turn("?") as turn:
                with pytest.raises(SessionBusyError, match="steer"):
                    async with rig.session.turn("!"):
                        raise AssertionError
                events = [event async for event in turn]

    assert isinstance(events[-1], TurnEnd)
    assert turn.text == "first"


async def test_two_tasks_cannot_iterate_one_turn(world: World, clock: Clock) -> None:
    async def iterate(turn: Turn) -> None:
        async for _ in turn:
            pass

    with trio.fail_after(world.patience):
        async with world.run([Reply(before=math.inf)]) as rig:
            async with rig.session.turn("?") as turn, trio.open_nursery() as nursery:
                nursery.start_soon(iterate, turn)
                await rig.wait_request(1)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(SessionBusyError):
                    await turn.__anext__()
                turn.cancel_scope.cancel()


async def test_a_steered_message_is_answered_in_the_same_turn(
    world: World, clock: Clock
) -> None:
    script = [Reply("one two three", delay=0.1), "and the steered answer"]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            async with rig.session.turn("?") as turn:
                async for event in turn:
                    if isinstance(event, TextDelta):
                        await turn.steer("also this")
                        break
                async for _ in turn:
                    pass

    assert turn.text == "one two three\n\nand the steered answer"


async def test_the_answer_to_a_prompt_of_others_is_not_part_of_the_turn(
    world: World,
    clock: Clock,
) -> None:
    script = [Reply("mine " * 5, delay=0.05), "theirs"]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            async with rig.session.turn("mine?") as turn:
                await rig.session.send("theirs?")
                async for _ in turn:
                    pass

            assert turn.text == "mine " * 5
            assert len(rig.requests) == 2


async def test_a_turn_waits_behind_a_prompt_that_was_sent_before_it(
    world: World,
    clock: Clock,
) -> None:
    script = [Reply("theirs " * 3, delay=0.05), "mine"]
    with trio.fail_after(world.patience):
        async with world.run(script) as rig:
            await rig.session.send("theirs?")
            end = await rig.session.ask("mine?")

    assert end.text == "mine"
    assert end.reason is TurnEndReason.COMPLETE


async def test_silence_is_no_end_without_an_idle_timeout(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([Reply("a b", then="hang")]) as rig:
            end = await rig.session.ask("?", timeout=2)

    assert end.cause is CancelCause.DEADLINE
    assert end.text == "a b"
