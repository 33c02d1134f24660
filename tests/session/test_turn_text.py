"""The text of a turn is what the messages say, whatever order their pieces come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from trio_copilot import Correction, Message, SessionEvent, TextDelta, TurnEvent
from trio_copilot._session.chunks import TextChunks
from trio_copilot._session.transcript import Transcript

from .events import delta, event


def message(text: str, message_id: str = "m1", agent: str | None = None) -> Any:
    """The end of a message."""
    return event("assistant.message", agent=agent, messageId=message_id, content=text)


def played(*events: SessionEvent) -> tuple[Transcript, list[TurnEvent]]:
    """What becomes of the events of a prompt that the CLI has taken as `ours`."""
    shown: list[TurnEvent] = []
    transcript = Transcript(shown.append)
    transcript.admit("ours")
    for each in events:
        transcript.feed(each)
    return transcript, shown


def corrections(shown: list[TurnEvent]) -> list[tuple[str, str, str, str | None]]:
    return [
        (each.message_id, each.was, each.text, each.agent_id)
        for each in shown
        if isinstance(each, Correction)
    ]


# -- the message is the truth


def test_pieces_out_of_order_are_put_right_by_the_message() -> None:
    transcript, shown = played(
        delta("one "), delta("three "), delta("two "), message("one two three ")
    )

    assert transcript.messages.text == "one two three "
    assert corrections(shown) == [("m1", "one three two ", "one two three ", None)]
    assert [type(each) for each in shown[-2:]] == [Correction, Message]


def test_a_message_that_came_as_it_is_needs_no_correction() -> None:
    transcript, shown = played(delta("one "), delta("two "), message("one two "))

    assert transcript.messages.text == "one two "
    assert corrections(shown) == []


def test_a_piece_of_a_message_that_is_over_is_dropped() -> None:
    transcript, shown = played(
        *(delta("one "), message("one "), delta("one ")),
        *(event("assistant.turn_end"), delta("one ")),
        *(delta("two", "m2"), delta("one "), message("two", "m2"), delta("two", "m2")),
    )

    assert transcript.messages.text == "one \n\ntwo"
    assert [e.text for e in shown if isinstance(e, TextDelta)] == ["one ", "two"]


def test_a_piece_of_a_call_that_was_retried_is_dropped() -> None:
    transcript, shown = played(
        *(delta("void"), event("assistant.turn_retry", reason="api_error")),
        *(delta("good", "m2"), delta("void"), message("good", "m2")),
    )

    assert transcript.messages.text == "good"
    assert corrections(shown) == []


@pytest.mark.parametrize("content", [None, 5, ["x"]])
def test_a_message_without_text_of_its_own_leaves_what_was_streamed(
    content: object,
) -> None:
    transcript, shown = played(
        delta("one"), event("assistant.message", messageId="m1", content=content)
    )

    assert transcript.messages.text == "one"
    assert corrections(shown) == []


def test_a_message_that_says_nothing_takes_back_what_was_streamed() -> None:
    transcript, shown = played(
        *(delta("one"), message("one")),
        *(delta("what?", "m2"), message("", "m2")),
        *(delta("three", "m3"), message("three", "m3")),
    )

    assert transcript.messages.text == "one\n\nthree"
    assert corrections(shown) == [("m2", "what?", "", None)]


def test_a_character_that_came_in_halves_is_whole_and_no_correction() -> None:
    transcript, shown = played(
        delta("\ud83d"), delta("\ude00!"), message("\N{GRINNING FACE}!")
    )

    assert transcript.messages.text == "\N{GRINNING FACE}!"
    assert corrections(shown) == []


def test_a_sub_agents_message_is_corrected_likewise() -> None:
    transcript, shown = played(
        delta("mine", "m1"),
        *(delta("b", "m2", agent="sub"), delta("a", "m2", agent="sub")),
        message("ab", "m2", agent="sub"),
        delta("a", "m2", agent="sub"),
        message("never streamed", "m3", agent="sub"),
    )

    assert transcript.messages.text == "mine"
    assert corrections(shown) == [("m2", "ba", "ab", "sub")]
    assert [e.text for e in shown if isinstance(e, TextDelta)] == ["mine", "b", "a"]


def test_reasoning_that_is_over_is_not_said_again() -> None:
    piece = event("assistant.reasoning_delta", reasoningId="r1", deltaContent="hm")
    whole = event("assistant.reasoning", reasoningId="r1", content="hm")

    _, shown = played(piece, whole, piece)

    assert len(shown) == 1


# -- a token limit


def cut(text: str) -> list[SessionEvent]:
    """The end of a call that was cut at its token limit: no message has its text."""
    said = {"role": "assistant", "content": text}
    nudge = {"role": "user", "content": "Please continue"}
    return [
        event("assistant.usage", finishReason="length"),
        event("model.message", ephemeral=True, message=said),
        event("model.message", ephemeral=True, message=nudge),
        event("assistant.turn_end"),
    ]


@pytest.mark.parametrize("ids", [("m2", "m3", "m4"), ("m2", "m2", "m2")])
def test_the_parts_of_an_answer_that_was_cut_are_one_message(
    ids: tuple[str, str, str],
) -> None:
    """CLI 1.0.81 has one id for all of them."""
    transcript, shown = played(
        *(delta("Let me look."), message("Let me look.")),
        *(delta("The ans", ids[0]), *cut("The ans")),
        *(delta("wer is ", ids[1]), *cut("wer is ")),
        *(delta("42", ids[2]), event("assistant.usage", finishReason="stop")),
        *(message("42", ids[2]), event("assistant.turn_end"), delta("42", ids[2])),
    )

    assert transcript.messages.text == "Let me look.\n\nThe answer is 42"
    assert transcript.messages.answer == "The answer is 42"
    assert transcript.truncated_calls == 2
    assert corrections(shown) == []


def test_a_part_that_was_cut_is_put_right_too() -> None:
    transcript, shown = played(
        *(delta("ans"), delta("The "), *cut("The ans")),
        *(delta("wer", "m2"), delta("ans"), message("wer", "m2")),
    )

    assert transcript.messages.text == "The answer"
    assert corrections(shown) == [("m1", "ansThe ", "The ans", None)]


def test_a_part_that_was_cut_and_not_streamed_is_not_lost() -> None:
    transcript, shown = played(*cut("The ans"), message("wer"))

    assert transcript.messages.text == "The answer"
    assert [e.text for e in shown if isinstance(e, TextDelta)] == ["The ans", "wer"]


# -- messages are separate


def test_a_blank_line_stands_between_two_messages() -> None:
    transcript, shown = played(
        *(delta("Let me "), delta("look."), message("Let me look.")),
        message("", "m2"),
        *(delta("The tool ", "m3"), delta("said 5.", "m3")),
        message("The tool said 5.", "m3"),
    )

    assert transcript.messages.text == "Let me look.\n\nThe tool said 5."
    assert transcript.messages.answer == "The tool said 5."
    deltas = [each for each in shown if isinstance(each, TextDelta)]
    assert [each.separator for each in deltas] == ["", "", "\n\n", ""]


def test_the_answer_is_the_last_message_that_has_text() -> None:
    transcript, _ = played(message("one"), message("", "m2"))

    assert transcript.messages.answer == "one"
    assert played()[0].messages.answer == ""


def test_a_new_prompt_never_goes_on_with_a_message_that_was_interrupted() -> None:
    transcript, _ = played(
        delta("half an ans"),
        event("user.message", messageId="ours", delivery="queued"),
        delta("another", "m2"),
    )

    assert transcript.messages.text == "half an ans\n\nanother"


# -- whose prompt it is


def ours(*more: SessionEvent) -> list[SessionEvent]:
    return [
        event("user.message", messageId="ours", delivery="idle"),
        *(event("assistant.turn_start"), delta("mine"), message("mine"), *more),
    ]


def their_prompt(message_id: str, **data: Any) -> SessionEvent:
    return event("user.message", messageId=message_id, delivery="queued", **data)


def stop_hook(**output: Any) -> SessionEvent:
    return event("hook.end", hookType="agentStop", success=True, output=output)


BLOCK = stop_hook(decision="block", reason="go on")


@pytest.mark.parametrize(
    ("between", "text"),
    [
        (
            [event("user.message", messageId="x", isAutopilotContinuation=True)],
            "mine\n\nmore",
        ),
        ([BLOCK, their_prompt("x", content="go on")], "mine\n\nmore"),
        ([BLOCK, their_prompt("x", content="as a hook changed it")], "mine\n\nmore"),
        (
            [BLOCK, event("user.message", delivery="queued", content="go on")],
            "mine\n\nmore",
        ),
        ([their_prompt("x")], "mine"),
        ([stop_hook(), their_prompt("x")], "mine"),
        ([BLOCK, event("assistant.idle"), their_prompt("x")], "mine"),
        ([BLOCK, their_prompt("ours"), their_prompt("x")], "mine"),
        ([their_prompt("x"), BLOCK, their_prompt("y")], "mine"),
        (
            [
                their_prompt("x"),
                event("user.message", messageId="y", source="autopilot"),
            ],
            "mine",
        ),
    ],
)
def test_what_the_cli_goes_on_with_by_itself_belongs_to_whoever_began(
    between: list[SessionEvent], text: str
) -> None:
    """In autopilot it says so; after a hook blocked the stop the hook's end says so."""
    transcript, _ = played(*ours(), *between, delta("more", "m2"))

    assert transcript.messages.text == text


# -- what a display makes of it

ENDS = ["message", "cut", "retry", "silence"]
words = st.text(alphabet="ab \n.", min_size=1, max_size=4)


@st.composite
def calls(draw: st.DrawFn) -> list[Mapping[str, Any]]:
    """Events of some model calls, with all that can go wrong with their pieces."""
    events: list[SessionEvent] = []
    pieces: list[str] = []
    for call in range(draw(st.integers(1, 4))):
        name, before = f"m{call}", pieces
        pieces = draw(st.lists(words, max_size=4))
        events += [delta(piece, name) for piece in draw(st.permutations(pieces))]
        if draw(st.booleans()) and before:
            events.append(delta(before[0], f"m{call - 1}"))
        match draw(st.sampled_from(ENDS)):
            case "message":
                events += [message("".join(pieces), name), event("assistant.turn_end")]
            case "cut":
                events += cut("".join(pieces))
            case "retry":
                events.append(event("assistant.turn_retry", reason="api_error"))
            case _:
                events.append(event("assistant.turn_end"))
    return [each.raw for each in events]


@pytest.mark.parametrize("by", ["line", "paragraph", "sentence"])
@given(events=calls())
def test_chunks_less_what_became_void_are_the_text(
    by: str, events: list[Mapping[str, Any]]
) -> None:
    transcript, shown = played(*map(SessionEvent, events))
    text = ""

    def take_back(void: str) -> None:
        nonlocal text
        assert text.endswith(void)
        text = text.removesuffix(void)

    async def show() -> None:
        nonlocal text
        coming = iter(shown)

        async def next_event() -> TurnEvent:
            await trio.lowlevel.checkpoint()
            try:
                return next(coming)
            except StopIteration:
                raise StopAsyncIteration from None

        async for chunk in TextChunks(next_event, by, None, take_back):
            text += chunk

    trio.run(show)

    assert text == transcript.messages.text
