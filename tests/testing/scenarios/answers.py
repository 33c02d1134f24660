"""What the model answers, and what becomes of it."""

from __future__ import annotations

from tests.testing.raw import FREE_LOOK
from tests.testing.scenarios.registry import (
    LOOKS,
    Talk,
    scenario,
)
from trio_copilot.testing import Reply


@scenario(Reply("Hello you there", reasoning="let me see"))
async def a_plain_turn(talk: Talk) -> None:
    message_id = await talk.client.turn()
    (message,) = talk.client.data("assistant.message")
    deltas = talk.client.data("assistant.message_delta")

    assert [delta["deltaContent"] for delta in deltas] == ["Hello ", "you ", "there"]
    assert message["content"] == "Hello you there"
    assert message["originatingMessageId"] == message_id != message["messageId"]


@scenario(Reply("Hello", reasoning="let me see"), streaming=False)
async def a_turn_without_streaming(talk: Talk) -> None:
    await talk.client.turn()
    (message,) = talk.client.data("assistant.message")

    assert message["content"] == "Hello"
    assert talk.client.data("assistant.message_delta") == []


@scenario("one", "two")
async def a_conversation(talk: Talk) -> None:
    await talk.client.turn("first")
    await talk.client.turn("second")
    roles = [message["role"] for message in talk.model.requests[1].messages]

    assert roles == ["system", "user", "assistant", "user"]
    assert "second" in talk.model.requests[1].prompt


@scenario("one", "two")
async def prompts_that_are_none(talk: Talk) -> None:
    for prompt in ({}, {"prompt": 5}):
        await talk.client.call("session.send", **prompt)
        await talk.client.event("session.idle")


@scenario(
    Reply("a ", finish_reason="length"),
    Reply("b ", finish_reason="length"),
    Reply("c ", finish_reason="length"),
    "next",
)
async def an_answer_that_stays_cut(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.turn()
    messages = talk.client.data("assistant.message")

    assert [message["content"] for message in messages] == ["c ", "next"]
    assert "continue" in talk.model.requests[1].prompt


@scenario(Reply(calls=LOOKS.calls, finish_reason="length"), "x", tools=(FREE_LOOK,))
async def a_cut_answer_with_a_call(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.deliver(await talk.client.event("external_tool.requested"))
    await talk.client.event("session.idle")


@scenario(Reply("cut off", finish_reason="content_filter"))
async def a_filtered_answer(talk: Talk) -> None:
    await talk.client.turn()


@scenario("")
async def an_empty_answer(talk: Talk) -> None:
    await talk.client.turn()

    assert len(talk.client.data("session.error")) == 1


@scenario(Reply(reasoning="only a thought"))
async def an_answer_of_thoughts(talk: Talk) -> None:
    await talk.client.turn()

    assert talk.client.data("session.error") == []


@scenario(LOOKS, "", tools=(FREE_LOOK,))
async def an_empty_answer_after_a_tool(talk: Talk) -> None:
    await talk.client.prompt()
    call = await talk.client.event("external_tool.requested")
    await talk.client.deliver(call, result="x")
    await talk.client.event("session.idle")

    assert talk.client.data("session.error") == []
