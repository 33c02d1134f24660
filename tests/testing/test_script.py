"""The vocabulary of scripts."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from trio_copilot.testing import Call, ModelRequest, Reply
from trio_copilot.testing._script import ScriptReader


def ask(reader: ScriptReader, prompt: Any = "Hi", **body: Any) -> Reply:
    message = {"role": "user", "content": prompt}
    return reader.read({"messages": [message], **body})[1]


@pytest.mark.parametrize(
    ("text", "deltas"),
    [
        ("", ()),
        ("Hello", ("Hello",)),
        ("Hello  there,\nyou ", ("Hello  ", "there,\n", "you ")),
        ("  Hello", ("  ", "Hello")),
        (["Hel", "lo", " "], ("Hel", "lo", " ")),
    ],
)
def test_a_text_is_streamed_word_by_word_and_a_sequence_as_it_is(text, deltas):
    reply = Reply(text, reasoning=text)

    assert reply.deltas == reply.reasoning_deltas == deltas
    assert reply.content == "".join(text)


def test_a_reply_ends_with_stop_unless_it_calls_tools_or_says_otherwise():
    assert Reply("Hi").ends_with == "stop"
    assert Reply(calls=[Call("look")]).ends_with == "tool_calls"
    assert Reply("Hi", finish_reason="length").ends_with == "length"


def test_every_delta_costs_a_token_unless_the_reply_says_otherwise():
    assert Reply("one two", reasoning="three").tokens["completion_tokens"] == 3
    assert Reply("Hi", usage={"total_tokens": 7}).tokens == {"total_tokens": 7}


def test_a_typo_in_what_comes_then_is_refused():
    with pytest.raises(ValueError, match="then"):
        Reply(then="hung")  # type: ignore[arg-type] # on purpose


def test_replies_are_dealt_in_order_and_a_string_is_a_reply():
    second = Reply("two")
    reader = ScriptReader(["one", second])

    assert ask(reader) == Reply("one")
    assert ask(reader) is second
    assert [request.number for request in reader.requests] == [1, 2]


def test_an_exhausted_script_answers_400_for_ever_and_keeps_a_record():
    reader = ScriptReader(["only"])
    ask(reader)
    late = [ask(reader), ask(reader)]

    assert [reply.status for reply in late] == [400, 400]
    assert "exhausted" in late[0].content
    assert [request.number for request in reader.unanswered] == [2, 3]


@pytest.mark.parametrize("script", ["Hello you", Reply("Hello you")])
def test_one_reply_is_a_script(script):
    reader = ScriptReader(script)

    assert ask(reader).content == "Hello you"
    assert ask(reader).status == 400


def test_an_endless_script_is_not_read_ahead():
    reader = ScriptReader(itertools.repeat(Reply(status=500)))

    assert [ask(reader).status for _ in range(3)] == [500, 500, 500]
    assert reader.unanswered == []


def test_a_function_answers_depending_on_the_question():
    def script(request: ModelRequest) -> Reply | str:
        return "sunny" if "weather" in request.prompt else Reply(request.call_id(1))

    reader = ScriptReader(script)

    assert ask(reader, "the weather?").content == "sunny"
    assert ask(reader, [{"type": "text", "text": "weather"}]).content == "sunny"
    assert ask(reader, "else").content == "call_3_1"


def test_a_request_says_what_was_asked():
    reader = ScriptReader("Hi")
    tool = {"type": "function", "function": {"name": "look"}}
    ask(reader, "Look", tools=[tool], stream=True, model="some-model")
    (request,) = reader.requests

    assert request.messages == [{"role": "user", "content": "Look"}]
    assert request.tools == [tool]
    assert request.stream
    assert request.raw["model"] == "some-model"
    assert "Look" not in repr(request)


def test_a_request_without_a_message_of_the_user_has_an_empty_prompt():
    request, _ = ScriptReader("Hi").read({})

    assert request.prompt == ""
    assert not request.stream
