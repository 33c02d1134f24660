"""Prompts that come while others are being answered."""

from __future__ import annotations

from tests.testing.raw import FREE_LOOK
from tests.testing.scenarios.registry import (
    LOOKS,
    SLOW,
    Talk,
    scenario,
)


@scenario(SLOW, "two", "three")
async def queued_prompts_have_one_idle(talk: Talk) -> None:
    await talk.client.prompt("one")
    await talk.client.event("assistant.message_delta")
    await talk.client.prompt("two")
    await talk.client.prompt("three", mode="enqueue")
    await talk.client.event("session.idle")
    messages = talk.client.data("user.message")

    assert [m["delivery"] for m in messages] == ["idle", "queued", "queued"]


@scenario(SLOW, "both")
async def prompts_into_the_last_answer(talk: Talk) -> None:
    first = await talk.client.prompt("one")
    await talk.client.event("assistant.message_delta")
    await talk.client.prompt("two", mode="immediate")
    await talk.client.prompt("three", mode="immediate")
    await talk.client.event("session.idle")
    messages = talk.client.data("user.message")
    origins = {m["originatingMessageId"] for m in talk.client.data("assistant.message")}

    assert [m["delivery"] for m in messages] == ["idle", "queued", "steering"]
    assert origins == {first}


@scenario(SLOW, "two", "three")
async def a_prompt_that_overtakes_a_queued_one(talk: Talk) -> None:
    await talk.client.prompt("one")
    await talk.client.event("assistant.message_delta")
    await talk.client.prompt("three")
    await talk.client.prompt("two", mode="immediate")
    await talk.client.event("session.idle")


@scenario(LOOKS, "both", tools=(FREE_LOOK,))
async def a_prompt_into_a_tool_call(talk: Talk) -> None:
    await talk.client.prompt("one")
    call = await talk.client.event("external_tool.requested")
    await talk.client.prompt("two", mode="immediate")
    await talk.client.deliver(call, result="x")
    await talk.client.event("session.idle")
    roles = [message["role"] for message in talk.model.requests[1].messages]

    assert roles == ["system", "user", "assistant", "tool", "user"]


@scenario("one")
async def an_immediate_prompt_to_an_idle_session(talk: Talk) -> None:
    await talk.client.prompt("one", mode="immediate")
    await talk.client.event("session.idle")
