"""Questions of the agent and forms of its tools, and what may be answered."""

from __future__ import annotations

from typing import Any

import pytest

from trio_copilot import ElicitationRequest, UserInputRequest
from trio_copilot._session.questions import elicitation_to_wire


def test_a_question_is_read_as_it_was_asked() -> None:
    wire = {"question": "Which?", "choices": ["a", "b"], "allowFreeform": False}

    assert UserInputRequest.from_wire(wire) == UserInputRequest(
        question="Which?", choices=("a", "b"), allow_freeform=False
    )
    assert UserInputRequest.from_wire({}) == UserInputRequest(question="")


@pytest.mark.parametrize(("answer", "freeform"), [("a", False), ("other", True)])
def test_an_answer_that_is_not_a_choice_is_free(answer: str, freeform: bool) -> None:
    question = UserInputRequest(question="Which?", choices=("a", "b"))

    assert question.answer_to_wire(answer) == {
        "answer": answer,
        "wasFreeform": freeform,
    }


def test_an_answer_must_be_a_choice_where_that_is_asked_for() -> None:
    question = UserInputRequest(question="?", choices=("a",), allow_freeform=False)

    assert question.answer_to_wire("a")["answer"] == "a"
    with pytest.raises(ValueError, match="one of"):
        question.answer_to_wire("b")


@pytest.mark.parametrize("answer", [None, 7, ["a"]])
def test_an_answer_is_text(answer: Any) -> None:
    with pytest.raises(TypeError, match="must be text, not"):
        UserInputRequest(question="?").answer_to_wire(answer)


def test_a_form_is_read_as_it_was_asked() -> None:
    wire = {"message": "Fill in", "requestedSchema": {"type": "object"}, "url": "u"}

    form = ElicitationRequest.from_wire(wire)

    assert (form.message, form.mode) == ("Fill in", "form")
    assert form.schema == {"type": "object"}
    assert form.details["url"] == "u"


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (None, {"action": "decline"}),
        ({}, {"action": "accept", "content": {}}),
        ({"a": 1}, {"action": "accept", "content": {"a": 1}}),
    ],
)
def test_a_form_is_accepted_or_declined(content: Any, wire: dict[str, Any]) -> None:
    assert elicitation_to_wire(content) == wire


def test_a_form_is_a_mapping() -> None:
    with pytest.raises(TypeError, match="a mapping or None, not str"):
        elicitation_to_wire("text")
