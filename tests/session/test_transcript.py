"""What the wire events of a prompt mean, on recordings of the CLI and on made-up ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.session.events import delta, event
from trio_copilot import (
    Correction,
    Message,
    Notice,
    ReasoningDelta,
    Retry,
    SessionEvent,
    TextDelta,
    ToolCall,
    ToolProgress,
    ToolResult,
    TurnEndReason,
    TurnEvent,
    TurnStart,
    Usage,
)
from trio_copilot._session.transcript import Transcript

RECORDINGS = Path(__file__).parent.parent / "transcripts"


def tokens(*numbers: int) -> str:
    """The words of the model that the recordings were made with."""
    return "".join(f"tok{number} " for number in numbers)


@attrs.define
class Play:
    """A transcript and what it has shown."""

    shown: list[TurnEvent] = attrs.field(factory=list[TurnEvent])
    transcript: Transcript = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.transcript = Transcript(self.shown.append)

    def feed(self, *events: SessionEvent) -> Play:
        for each in events:
            self.transcript.feed(each)
        return self

    def all(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.shown if isinstance(each, kind)]


def played(*events: SessionEvent) -> Play:
    """Events of a prompt that the CLI has taken as `ours`."""
    play = Play()
    play.transcript.admit("ours")
    return play.feed(*events)


def messages(recording: str) -> Iterator[dict[str, Any]]:
    for line in (RECORDINGS / f"{recording}.jsonl").read_text().splitlines():
        yield json.loads(line)


def events_of(recording: str) -> list[SessionEvent]:
    return [
        SessionEvent(line["msg"]["params"]["event"])
        for line in messages(recording)
        if line["msg"].get("method") == "session.event"
    ]


def replayed(recording: str) -> list[Play]:
    """Each prompt of a recording, with the events up to the next prompt.

    One that begins in the middle of a turn is all of one prompt.
    """
    plays: list[Play] = []
    asked: dict[int, Play] = {}
    for line in messages(recording):
        message = line["msg"]
        if line["dir"] == "out" and message.get("method") == "session.send":
            plays.append(Play())
            asked[message["id"]] = plays[-1]
        elif "result" in message and message["id"] in asked:
            asked[message["id"]].transcript.admit(message["result"]["messageId"])
        elif message.get("method") == "session.event" and plays:
            plays[-1].feed(SessionEvent(message["params"]["event"]))
    return plays or [played(*events_of(recording))]


# -- recordings

COMPLETE, CANCELLED, MAX_TOKENS, ERROR = (
    TurnEndReason.COMPLETE,
    TurnEndReason.CANCELLED,
    TurnEndReason.MAX_TOKENS,
    TurnEndReason.ERROR,
)


@pytest.mark.parametrize(
    ("recording", "prompt", "reason", "text", "tools"),
    [
        ("turn_plain_streaming", 0, COMPLETE, tokens(0, 1, 2, 3), []),
        ("turn_reasoning", 0, COMPLETE, tokens(0, 1, 2, 3), []),
        ("turn_non_streaming", 0, COMPLETE, "hello hello hello hello ", []),
        ("tool_one", 0, COMPLETE, tokens(0, 1, 2), ["get_weather"]),
        ("tool_parallel", 0, COMPLETE, tokens(0, 1, 2), ["get_weather", "get_time"]),
        ("tool_fail_result", 0, COMPLETE, tokens(0, 1, 2), ["get_weather"]),
        ("permission_denied", 0, COMPLETE, tokens(0, 1, 2), ["get_weather"]),
        ("subagent_tools", 0, COMPLETE, tokens(0), ["task"]),
        ("err_content_filter", 1, COMPLETE, tokens(0, 1, 2), []),
        ("err_length_once", 1, COMPLETE, tokens(0, 1, 2, 0, 1), []),
        ("err_length_forever", 1, MAX_TOKENS, tokens(0, 1, 2) * 3, []),
        ("err_length_tool", 1, COMPLETE, tokens(0, 1), ["nope"]),
        ("err_drop_once", 1, COMPLETE, tokens(*range(10)), []),
        ("err_http_500_once", 1, COMPLETE, tokens(0, 1), []),
        ("err_empty", 1, ERROR, "", []),
        ("tool_name_conflict_builtin", 0, ERROR, "", []),
        ("abort_after_send_response", 1, CANCELLED, "", []),
        ("abort_tool_pending", 1, CANCELLED, "", ["get_weather"]),
        ("abort_permission_pending", 1, CANCELLED, "", ["guarded"]),
        ("abort_mid_stream", 2, COMPLETE, tokens(0, 1), []),
    ],
)
def test_a_recorded_prompt_is_understood(
    recording: str, prompt: int, reason: TurnEndReason, text: str, tools: list[str]
) -> None:
    transcript = replayed(recording)[prompt].transcript

    assert transcript.ended
    assert transcript.reason is reason
    assert transcript.messages.text == text
    assert [call.name for call in transcript.tool_calls] == tools
    assert not transcript.running_tools or reason is CANCELLED
    assert (transcript.error is not None) == (reason is ERROR)


@pytest.mark.parametrize(
    "recording", sorted(p.stem for p in RECORDINGS.glob("*.jsonl"))
)
def test_what_is_shown_adds_up_to_the_text(recording: str) -> None:
    """What a display prints, less what it takes back, is the turn's text."""
    for play in replayed(recording):
        text = ""
        for shown in play.shown:
            match shown:
                case TextDelta(agent_id=None):
                    text += shown.separator + shown.text
                case Correction(agent_id=None):
                    assert text.endswith(shown.was)
                    text = text.removesuffix(shown.was) + shown.text
                case Retry():
                    assert text.endswith(shown.dropped_text)
                    text = text.removesuffix(shown.dropped_text)
                case _:
                    pass
        assert text == play.transcript.messages.text


def test_a_background_shell_keeps_the_session_busy_but_not_the_agent() -> None:
    transcript = replayed("abort_background_bash")[1].transcript

    assert transcript.main_idle
    assert not transcript.ended


def test_a_dropped_answer_is_taken_back_before_it_is_streamed_again() -> None:
    (retry,) = replayed("err_drop_once")[1].all(Retry)

    assert retry.dropped_text == tokens(0, 1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_no_order_of_events_breaks_it(seed: int) -> None:
    dice = random.Random(seed)
    recordings = sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))
    events = [event for recording in recordings for event in events_of(recording)]
    for _ in range(20):
        sample = dice.sample(events, 200)
        play = played(*sample)

        assert play.transcript.reason in TurnEndReason
        assert isinstance(play.transcript.messages.text, str)


@pytest.mark.parametrize(
    "data", [None, 7, [], {}, {"messageId": 3, "deltaContent": []}]
)
def test_no_payload_breaks_it(data: object) -> None:
    for agent in (None, "sub-agent"):
        for wire_type in Transcript._READERS:
            play = played(
                SessionEvent({"type": wire_type, "data": data, "agentId": agent})
            )
            assert play.transcript.messages.text == ""


# -- whose prompt it is


def test_events_before_the_answer_to_send_are_kept_for_it() -> None:
    play = Play().feed(
        event("user.message", messageId="ours"),
        event("assistant.turn_start"),
        delta("early"),
        event("session.idle"),
    )
    assert play.shown == []

    play.transcript.admit("ours")
    assert play.transcript.messages.text == "early"
    assert play.transcript.ended
    assert [type(each) for each in play.shown] == [TurnStart, TextDelta]


def test_a_prompt_that_waits_behind_others_shows_only_its_own() -> None:
    play = Play()
    play.transcript = Transcript(play.shown.append, ours=False)
    play.feed(delta("theirs, before our answer"), event("session.idle"))
    play.transcript.admit("ours")
    play.feed(
        event("assistant.turn_start"),
        delta("theirs"),
        event("assistant.reasoning_delta", deltaContent="theirs"),
        event("tool.execution_start", toolCallId="1", toolName="t"),
        event("tool.shell_output", toolCallId="1", text="theirs"),
        event("tool.execution_complete", toolCallId="1", success=True),
        event("session.info", message="theirs"),
        event("assistant.usage", inputTokens=100),
        event("assistant.message", content="theirs"),
        event("assistant.turn_retry", reason="theirs"),
        event("assistant.turn_end"),
    )
    assert play.shown == []
    assert not play.transcript.ended

    play.feed(
        event("user.message", messageId="ours"),
        event("assistant.turn_start"),
        delta("ours"),
        event("user.message", messageId="theirs"),
        delta("theirs again"),
        event("session.idle"),
    )
    assert play.transcript.messages.text == "ours"
    assert play.transcript.usage == Usage()
    assert play.transcript.ended


def test_steering_does_not_change_whose_prompt_it_is() -> None:
    play = played(
        delta("a"),
        event("user.message", messageId="steered", delivery="steering"),
        delta("b"),
    )

    assert play.transcript.messages.text == "ab"


def test_a_message_that_was_steered_by_us_and_came_too_late_is_ours_too() -> None:
    play = played(delta("a"))
    play.transcript.adopt("steered", "and b")
    play.feed(event("user.message", messageId="steered"), delta("b", "m2"))

    assert play.transcript.messages.text == "a\n\nb"


def test_without_an_id_our_prompt_is_known_by_its_text() -> None:
    """As CLIs up to 1.0.81 have it."""
    play = Play()
    play.transcript = Transcript(play.shown.append, ours=False, prompt="mine")
    play.transcript.admit("ours")
    play.transcript.adopt("steered", "more")
    play.feed(
        *(event("user.message", content="theirs"), delta("theirs")),
        *(event("user.message", content="mine"), event("assistant.turn_start")),
        delta("mine", "m2"),
        *(event("user.message", content="theirs"), delta("theirs", "m3")),
        *(event("user.message", content="more"), delta("and more", "m4")),
    )

    assert play.transcript.messages.text == "mine\n\nand more"


def test_without_an_id_the_first_prompt_of_an_idle_session_is_ours() -> None:
    """Whatever a hook has made of it."""
    play = played(
        event("user.message", content="changed by a hook"),
        event("assistant.turn_start"),
        delta("ours"),
        event("user.message", content="another"),
        delta("theirs"),
    )

    assert play.transcript.messages.text == "ours"


@pytest.mark.parametrize(
    "failure",
    [
        event("model.call_failure", source="top_level"),
        event("session.info", infoType="model_retry"),
    ],
)
@pytest.mark.parametrize("again", ["m2", "m3"])
def test_what_is_streamed_after_a_failed_call_drops_what_came_before(
    failure: SessionEvent, again: str
) -> None:
    """As CLIs up to 1.0.92 have it, which may send no `assistant.turn_retry`."""
    play = played(
        delta("kept "),
        event("assistant.turn_end"),
        delta("lost", "m2"),
        failure,
        delta("good ", again),
        delta("answer", again),
    )

    assert play.transcript.messages.text == "kept good answer"
    assert [retry.dropped_text for retry in play.all(Retry)] == ["lost"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"message": "slow down", "code": "429"}', "slow down"),
        ('{"error": {"message": "slow down"}}', "slow down"),
        ('"the connection was lost"', "the connection was lost"),
        ("429 slow down", "429 slow down"),
        ('{"message": 7}', '{"message": 7}'),
        ("7", "7"),
        ("\ud800", "\ud800"),
        (7, ""),
        (None, ""),
    ],
)
def test_a_retry_says_what_the_provider_said(said: object, told: str) -> None:
    play = played(
        event("model.call_failure", errorMessage=said, statusCode=429),
        event("assistant.turn_retry", reason="rate_limit"),
        event("assistant.turn_retry", reason="of something else"),
    )
    known, unknown = play.all(Retry)

    assert (known.message, known.status_code) == (told, 429)
    assert (unknown.message, unknown.status_code) == ("", None)
    assert known.waited is None  # without timestamps


def test_a_failed_call_that_had_streamed_nothing_drops_nothing() -> None:
    play = played(
        event("model.call_failure", source="top_level"),
        delta("good "),
        delta("answer"),
    )

    assert play.transcript.messages.text == "good answer"
    assert play.all(Retry) == []


def test_a_failed_call_of_a_sub_agent_drops_nothing() -> None:
    play = played(
        delta("good "),
        event("model.call_failure", source="subagent"),
        delta("answer"),
    )

    assert play.transcript.messages.text == "good answer"


def test_nothing_is_taken_after_the_end() -> None:
    play = played(delta("a"), event("session.idle"), delta("late"))

    assert play.transcript.messages.text == "a"


# -- text


def test_a_sub_agent_is_shown_and_is_neither_the_text_nor_the_end() -> None:
    play = played(
        delta("a"),
        delta("aside", "m2", agent="sub"),
        event("assistant.reasoning_delta", agent="sub", deltaContent="hm"),
        event("assistant.message", agent="sub", content="aside", messageId="m2"),
        event("tool.execution_start", agent="sub", toolCallId="1", toolName="t"),
        event("session.error", agent="sub", message="no"),
        event("assistant.turn_retry", agent="sub"),
        event("assistant.turn_end", agent="sub"),
        event("abort", agent="sub"),
        event("assistant.idle", agent="sub"),
        event("session.autopilot_stopped", agent="sub"),
        event("session.idle", agent="sub"),
        event("user.message", agent="sub", messageId="m3"),
        delta("b"),
    )

    assert play.transcript.messages.text == "ab"
    assert play.transcript.tool_calls == []
    assert not play.transcript.ended
    assert play.transcript.reason is COMPLETE
    assert [type(each) for each in play.shown if getattr(each, "agent_id", None)] == [
        TextDelta,
        ReasoningDelta,
        Message,
        ToolCall,
    ]


def test_a_retry_drops_the_text_of_its_call_and_no_other() -> None:
    play = played(
        delta("settled "),
        event("assistant.message", content="settled ", messageId="m1"),
        delta("void", "m2"),
        event("assistant.turn_retry", reason="rate_limit"),
        delta("again", "m3"),
        event("assistant.turn_end"),
        event("assistant.turn_retry", reason="later"),
    )

    assert play.transcript.messages.text == "settled \n\nagain"
    assert [(r.kind, r.dropped_text) for r in play.all(Retry)] == [
        ("rate_limit", "void"),
        ("later", ""),
    ]


def test_an_answer_that_was_not_streamed_is_one_delta() -> None:
    play = played(
        event("assistant.message", content="whole", messageId="m1"),
        event("assistant.message", content="", messageId="m2"),
    )

    assert play.transcript.messages.text == "whole"
    assert [type(each) for each in play.shown] == [TextDelta, Message, Message]


# -- the end


def test_usage_is_the_sum_of_all_calls_and_the_reason_is_the_last_one() -> None:
    play = played(
        event(
            "assistant.usage",
            inputTokens=10,
            outputTokens=1,
            cost=0.5,
            duration=1500,
            finishReason="length",
        ),
        event("assistant.usage", agent="sub", inputTokens=5, finishReason="tool_calls"),
        event("assistant.usage", inputTokens=None, finishReason="stop"),
    )

    assert play.transcript.usage == Usage(
        calls=3, input_tokens=15, output_tokens=1, cost=0.5, duration=1.5
    )
    assert play.transcript.finish_reason == "stop"
    assert play.transcript.truncated_calls == 1


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ([], COMPLETE),
        ([event("abort")], CANCELLED),
        ([event("session.error", message="no")], ERROR),
        ([event("session.error", message="no"), event("abort")], CANCELLED),
        ([event("session.error"), event("assistant.turn_start")], COMPLETE),
        ([event("abort"), event("assistant.turn_start")], COMPLETE),
        ([event("assistant.usage", finishReason="length")], MAX_TOKENS),
    ],
)
def test_what_came_last_is_the_reason(
    last: list[SessionEvent], reason: TurnEndReason
) -> None:
    assert played(*last, event("session.idle")).transcript.reason is reason


@pytest.mark.parametrize("wire_type", ["session.idle", "assistant.idle"])
def test_either_idle_can_say_that_it_was_aborted(wire_type: str) -> None:
    assert played(event(wire_type, aborted=True)).transcript.reason is CANCELLED


def test_autopilot_may_stop_without_idle() -> None:
    assert played(event("session.autopilot_stopped")).transcript.ended


def test_an_error_of_another_prompt_is_not_ours() -> None:
    play = played(event("session.error", message="no", originatingMessageId="theirs"))

    assert play.transcript.error is None


def test_an_error_tells_what_the_cli_told() -> None:
    told = played(
        event(
            "session.error",
            message="slow down",
            errorType="rate_limit",
            statusCode=429,
            originatingMessageId="ours",
        )
    ).transcript.error
    assert told is not None
    assert (str(told), told.kind, told.status_code) == ("slow down", "rate_limit", 429)

    untold = played(event("session.error", statusCode="odd")).transcript.error
    assert untold is not None
    assert (untold.kind, untold.status_code) == ("unknown", None)
    assert "did not say why" in str(untold)


def test_being_logged_out_is_recognised_and_the_error_says_what_to_do() -> None:
    """The CLI calls it a failed query."""
    said = "Execution failed: InvalidArg, No GitHub OAuth token or Copilot HMAC key"
    error = played(
        event("session.error", errorType="query", message=said)
    ).transcript.error

    assert error is not None
    assert error.kind == "authentication"
    assert "`trio-copilot login`" in str(error)
    assert "provider" in str(error)
    assert said in str(error)


# -- tools and notices


def test_a_tool_call_has_a_beginning_progress_and_an_end() -> None:
    play = played(
        event("tool.execution_start", toolCallId="1", toolName="t", arguments={"a": 1}),
        event("tool.shell_output", toolCallId="1", text="out"),
        event("tool.execution_progress", toolCallId="1", progressMessage="half"),
    )
    assert play.transcript.running_tools == {"1": "t"}

    play.feed(
        event(
            "tool.execution_complete",
            toolCallId="1",
            success=True,
            result={"content": "fine"},
        )
    )
    assert play.transcript.running_tools == {}
    call, *_, result = play.shown
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, call.handled) == ("t", {"a": 1}, True)
    assert [each.text for each in play.all(ToolProgress)] == ["out", "half"]
    assert isinstance(result, ToolResult)
    assert (result.success, result.text) == (True, "fine")


def test_a_failed_tool_call_says_what_the_model_was_told() -> None:
    (result,) = played(
        event(
            "tool.execution_complete",
            toolCallId="1",
            success=False,
            error={"message": "broken"},
        )
    ).all(ToolResult)

    assert (result.success, result.text) == (False, "broken")


def test_a_tool_without_a_handler_is_shown_when_it_can_be_answered() -> None:
    play = Play()
    play.transcript = Transcript(play.shown.append, {"mine"})
    play.transcript.admit("ours")
    play.feed(
        event("tool.execution_start", toolCallId="1", toolName="mine"),
        event("external_tool.requested", toolCallId="2", toolName="handled"),
    )
    assert play.shown == []

    play.feed(event("external_tool.requested", toolCallId="1", toolName="mine"))
    (call,) = play.all(ToolCall)
    assert not call.handled


def test_notices_say_what_they_are_about() -> None:
    notices = played(
        event("session.info", infoType="model", message="a"),
        event("session.warning", warningType="policy", message="b"),
    ).all(Notice)

    assert [(n.kind, n.text) for n in notices] == [("model", "a"), ("policy", "b")]
