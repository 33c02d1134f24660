"""The protocol's messages, without any connection."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from trio_copilot.bridge._messages import (
    BadMessageError,
    BeginTurn,
    DecidePermission,
    Delta,
    End,
    Hello,
    StopTurn,
    ToolCalled,
    decode,
    encode,
    from_mapping,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "hello", "token": "t"}, Hello(token="t")),
        ({"type": "prompt", "turn": "1", "text": ""}, BeginTurn(turn="1", text="")),
        ({"type": "stop", "turn": "ü" * 200}, StopTurn(turn="ü" * 200)),
        (
            {"type": "answer", "request": "p1", "decision": "allow"},
            DecidePermission(request="p1", decision="allow", reason=""),
        ),
        (
            {"type": "answer", "request": "p1", "decision": "deny", "reason": "no"},
            DecidePermission(request="p1", decision="deny", reason="no"),
        ),
    ],
)
def test_what_a_client_says_is_understood(fields: Any, message: object) -> None:
    assert decode(json.dumps(fields)) == message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{" * 100_000, "not a JSON object"),
        ('{"type":' * 100_000, "not a JSON object"),
        ("\ud800", "not a JSON object"),
        ("{}", "type must be one of hello, prompt, stop, answer"),
        ('{"type": ["prompt"]}', "type must be one of"),
        ('{"type": "ready", "session": "s"}', "type must be one of"),
        ('{"type": "stop"}', "stop: .*`turn`"),
        ('{"type": "stop", "turn": 1}', "stop: .*`str`.*turn"),
        ('{"type": "stop", "turn": null}', "stop: .*`str`.*turn"),
        ('{"type": "stop", "turn": ""}', "turn must have 1 to 200 characters"),
        (json.dumps({"type": "stop", "turn": "x" * 201}), "1 to 200 characters"),
        ('{"type": "stop", "turn": "1", "now": 1}', "stop has only the fields turn"),
        ('{"type": "answer", "request": "1", "decision": "maybe"}', "decision"),
        (b'{"type": "stop", "turn": "1"}', "text frames"),
    ],
)
def test_a_wrong_message_is_refused_with_the_reason(
    text: str | bytes, complaint: str
) -> None:
    with pytest.raises(BadMessageError, match=complaint):
        decode(text)


def test_decoded_fields_are_checked_by_the_same_rules() -> None:
    fields = {"request": "p1", "decision": "allow"}

    made = from_mapping(DecidePermission, fields)
    assert made == DecidePermission(request="p1", decision="allow")
    with pytest.raises(BadMessageError, match="answer has only the fields"):
        from_mapping(DecidePermission, {**fields, "type": "answer"})
    with pytest.raises(BadMessageError, match="answer: request must have 1 to 200"):
        from_mapping(DecidePermission, {**fields, "request": ""})


def test_fields_that_are_none_are_left_out() -> None:
    end = End(turn="1", reason="complete", usage={"calls": 1})

    assert json.loads(encode(end)) == {
        "type": "end",
        "turn": "1",
        "reason": "complete",
        "usage": {"calls": 1},
    }


def test_half_a_character_and_no_number_can_be_sent() -> None:
    """A model may cut a character between two deltas; JSON has no infinity."""
    assert json.loads(encode(Delta(turn="1", text="\ud83d")))["text"] == "\ud83d"
    call = ToolCalled(turn="1", call="c", name="n", arguments={"x": math.inf})
    assert json.loads(encode(call), parse_constant=pytest.fail)["arguments"] == {
        "x": None
    }


def test_secrets_and_prompts_are_in_no_repr() -> None:
    assert "secret" not in repr(Hello(token="secret"))
    assert "secret" not in repr(BeginTurn(turn="1", text="secret"))
    assert "secret" not in repr(Delta(turn="1", text="secret"))
