"""Conversations with a CLI, in frames, that must go alike on the real and the fake.

What a scenario asserts holds on both; that they hear the same events besides is what
`test_honesty` looks at. Each one has a session of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio

from tests.testing.raw import LOOK, RawClient, RefusedError
from trio_copilot.testing import Call, Reply, ScriptedCli, ScriptedModel


@attrs.frozen
class Talk:
    """A scenario under way."""

    client: RawClient
    model: ScriptedCli | ScriptedModel
    options: dict[str, Any]
    """What to resume the session with."""


@attrs.frozen
class Scenario:
    """What is said, by the model and to the CLI."""

    name: str
    script: tuple[Reply | str, ...]
    tools: tuple[dict[str, Any], ...]
    options: dict[str, Any]
    chancy: bool
    """Whether the real CLI may do otherwise, which no client can rely on."""
    play: Callable[[Talk], Awaitable[None]]


SCENARIOS: list[Scenario] = []

FREE_LOOK = {**LOOK, "skipPermission": True}
LOOKS = Reply(calls=[Call("look", {"at": "it"})])
LOOKS_TWICE = Reply(calls=[Call("look", {"at": "a"}), Call("look", {"at": "b"})])
SLOW = Reply("one two three", delay=0.05)
HANGS = Reply("one two", delay=0.01, then="hang")


def scenario(
    *script: Reply | str,
    tools: tuple[dict[str, Any], ...] = (),
    chancy: bool = False,
    **options: Any,
) -> Callable[[Callable[[Talk], Awaitable[None]]], Callable[[Talk], Awaitable[None]]]:
    def add(
        play: Callable[[Talk], Awaitable[None]],
    ) -> Callable[[Talk], Awaitable[None]]:
        name = getattr(play, "__name__", "")
        SCENARIOS.append(Scenario(name, script, tools, options, chancy, play))
        return play

    return add


# -- answers


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


# -- tools and permissions


@scenario(Reply("Let me", calls=LOOKS.calls), "blue", tools=(LOOK,))
async def a_tool_call(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    assert await talk.client.decide(asked, "approve-once")
    call = await talk.client.event("external_tool.requested")
    assert await talk.client.deliver(call, result="the sky")
    await talk.client.event("session.idle")

    assert talk.model.requests[1].messages[-1]["content"] == "the sky"


@scenario(LOOKS, "blue", tools=(LOOK,), streaming=False)
async def a_tool_call_without_streaming(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "approved")  # an old word for approve-once
    call = await talk.client.event("external_tool.requested")
    await talk.client.deliver(call, result={"textResultForLlm": "the sky"})
    await talk.client.event("session.idle")


@scenario(LOOKS_TWICE, "blue", tools=(LOOK,))
async def two_tool_calls_at_once(talk: Talk) -> None:
    await talk.client.prompt()
    first = await talk.client.event("permission.requested")
    second = await talk.client.event("permission.requested")
    await talk.client.decide(second, "approve-once")
    second = await talk.client.event("external_tool.requested")
    await talk.client.decide(first, "approve-once")
    first = await talk.client.event("external_tool.requested")
    await talk.client.deliver(second, result="b")
    await talk.client.event("tool.execution_complete")
    await talk.client.deliver(first, result="a")
    await talk.client.event("session.idle")
    results = [m["content"] for m in talk.model.requests[1].messages[-2:]]

    assert first["arguments"] == {"at": "a"}
    assert results == ["a", "b"]


@scenario(LOOKS, "blue", tools=(FREE_LOOK,))
async def a_tool_without_permission_and_late_answers(talk: Talk) -> None:
    await talk.client.prompt()
    call = await talk.client.event("external_tool.requested")

    assert await talk.client.deliver(call, result="x")
    assert not await talk.client.deliver(call, result="again")
    assert not await talk.client.deliver({"requestId": "none"}, result="x")
    assert not await talk.client.decide({"requestId": "none"}, "approve-once")
    await talk.client.event("session.idle")


@scenario(LOOKS, "no", tools=(LOOK,))
async def a_refusal_with_a_reason(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "reject", feedback="too dark")
    await talk.client.event("session.idle")

    assert "too dark" in talk.model.requests[1].messages[-1]["content"]


@scenario(LOOKS, "never said", tools=(LOOK,))
async def a_bare_refusal_ends_the_turn(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.prompt("queued and dropped")
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "reject")
    idle = await talk.client.event("session.idle")

    assert "aborted" not in idle
    assert len(talk.model.requests) == 1


@scenario(LOOKS_TWICE, "after", tools=(LOOK,))
async def a_bare_refusal_lets_other_calls_end(talk: Talk) -> None:
    await talk.client.prompt()
    first = await talk.client.event("permission.requested")
    second = await talk.client.event("permission.requested")
    await talk.client.decide(first, "reject", feedback="")
    await talk.client.event("tool.execution_complete")
    await talk.client.decide(second, "approve-once")
    await talk.client.deliver(await talk.client.event("external_tool.requested"))
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario(LOOKS, "nobody", tools=(LOOK,))
async def nobody_to_ask(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "user-not-available")
    await talk.client.event("session.idle")


@scenario(LOOKS, "denied", tools=(LOOK,), requestPermission=False)
async def a_session_that_is_never_asked(talk: Talk) -> None:
    await talk.client.turn()
    (done,) = talk.client.data("tool.execution_complete")

    assert done["error"]["code"] == "denied"


@scenario(LOOKS, "blue", LOOKS, "red", tools=(LOOK,))
async def a_permission_for_the_session(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    approval = {"kind": "custom-tool", "toolName": "look"}
    await talk.client.decide(asked, "approve-for-session", approval=approval)
    for _ in range(2):
        call = await talk.client.event("external_tool.requested")
        await talk.client.deliver(call, result="x")
        await talk.client.event("session.idle")
        if len(talk.model.requests) == 2:
            await talk.client.prompt()

    assert len(talk.client.data("permission.requested")) == 1


@scenario(LOOKS, "blue", LOOKS, tools=(LOOK,))
async def a_permission_for_the_session_that_names_nothing(talk: Talk) -> None:
    for _ in range(2):
        await talk.client.prompt()
        asked = await talk.client.event("permission.requested")
        await talk.client.decide(asked, "approve-for-session")
        call = await talk.client.event("external_tool.requested")
        if len(talk.model.requests) == 1:
            await talk.client.deliver(call, result="x")
            await talk.client.event("session.idle")


@scenario(LOOKS, "confused", tools=(LOOK,))
async def an_answer_that_is_none(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "bogus")
    done = await talk.client.event("tool.execution_complete")
    await talk.client.event("session.idle")

    assert "malformed" in done["error"]["message"]


@scenario(LOOKS, "x", LOOKS, "x", LOOKS, "x", tools=(FREE_LOOK,))
async def tools_that_fail(talk: Talk) -> None:
    failed = {"textResultForLlm": "it broke", "resultType": "failure"}
    for outcome in (
        {"error": "never told"},
        {"result": {**failed, "error": "boom"}},
        {"result": {**failed, "resultType": "denied"}},
    ):
        await talk.client.prompt()
        call = await talk.client.event("external_tool.requested")
        await talk.client.deliver(call, **outcome)
        await talk.client.event("session.idle")
    told = [request.messages[-1]["content"] for request in talk.model.requests[1::2]]

    assert "never told" not in told[0]
    assert told[1:] == ["it broke", "it broke"]


@scenario(Reply(calls=[Call("peek")]), "x")
async def a_tool_that_does_not_exist(talk: Talk) -> None:
    await talk.client.turn()


# -- model calls that fail


@scenario(Reply("no", status=400), "next")
async def an_error_without_retry(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.turn()
    (error,) = talk.client.data("session.error")

    assert error["message"] == "400 no"
    assert talk.client.data("assistant.turn_retry") == []


@scenario(Reply(status=500), "fine")
async def an_error_with_retry(talk: Talk) -> None:
    await talk.client.turn()

    assert talk.client.data("session.error") == []


@scenario(Reply(status=429, retry_after=1), "fine")
async def a_rate_limit(talk: Talk) -> None:
    await talk.client.turn()


@scenario(*[Reply(status=401)] * 3)
async def a_wrong_key(talk: Talk) -> None:
    await talk.client.turn()
    (error,) = talk.client.data("session.error")

    assert error["errorType"] == "authentication"


@scenario(Reply(status=403))
async def a_forbidden_model(talk: Talk) -> None:
    await talk.client.turn()


@scenario(Reply("half a", then="drop"), "half a loaf")
async def a_dropped_answer_is_streamed_again(talk: Talk) -> None:
    await talk.client.turn()
    starts = talk.client.data("assistant.message_start")

    assert len({start["messageId"] for start in starts}) == 2


@scenario(Reply("half a", then="drop"), "half a loaf", streaming=False)
async def a_dropped_answer_without_streaming(talk: Talk) -> None:
    await talk.client.turn()


# -- aborts


@scenario(HANGS, "next")
async def an_abort_in_mid_stream(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    assert await talk.client.call("session.abort") == {"success": True}
    await talk.model.wait_disconnect()
    idle = await talk.client.event("session.idle")
    await talk.client.turn()

    assert idle["aborted"] is True
    assert talk.model.disconnected == [1]


@scenario(Reply(before=60), "next")
async def an_abort_before_the_first_token(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.event("assistant.turn_start")
    await talk.model.wait_request()
    await trio.sleep(0.05)
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario(HANGS, "next", streaming=False)
async def an_abort_without_streaming(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.model.wait_request()
    await trio.sleep(0.1)
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario("next")
async def an_abort_right_after_the_answer_to_send(talk: Talk) -> None:
    await talk.client.prompt("never heard of again")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    assert talk.client.data("user.message") == []
    await talk.client.turn()


@scenario(SLOW, "next", chancy=True)
async def an_abort_that_overtakes_the_prompt_is_lost(talk: Talk) -> None:
    send = await talk.client.write("session.send", prompt="Hello?")
    abort = await talk.client.write("session.abort")
    await talk.client.answer(send)
    await talk.client.answer(abort)
    idle = await talk.client.event("session.idle")

    assert "aborted" not in idle
    assert talk.client.data("abort") == []


@scenario("one")
async def an_abort_of_nothing(talk: Talk) -> None:
    await talk.client.turn()
    assert await talk.client.call("session.abort") == {"success": True}

    assert talk.client.data("abort") == []


@scenario(HANGS, "next")
async def two_aborts_at_once(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    both = [await talk.client.write("session.abort") for _ in range(2)]
    assert [await talk.client.answer(n) for n in both] == [{"success": True}] * 2
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario(LOOKS, "next", tools=(FREE_LOOK,))
async def an_abort_while_a_tool_runs(talk: Talk) -> None:
    await talk.client.prompt()
    call = await talk.client.event("external_tool.requested")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    assert not await talk.client.deliver(call, result="late")
    await talk.client.turn()


@scenario(LOOKS, "next", tools=(LOOK,))
async def an_abort_while_a_permission_is_asked_for(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    assert not await talk.client.decide(asked, "approve-once")
    await talk.client.turn()


@scenario(LOOKS_TWICE, "next", tools=(LOOK,))
async def an_abort_when_one_of_two_calls_is_over(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("permission.requested")
    await talk.client.event("permission.requested")
    await talk.client.decide(asked, "reject", feedback="no")
    await talk.client.event("tool.execution_complete")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario(Reply(status=500), "next")
async def an_abort_between_two_tries(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.event("model.call_failure")
    await trio.sleep(0.1)
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    await talk.client.turn()


@scenario(HANGS, "next")
async def an_abort_drops_what_is_queued(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.prompt("dropped")
    await talk.client.prompt("dropped, too")
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    await talk.client.turn()

    assert len(talk.client.data("user.message")) == 2


@scenario(HANGS, "next", chancy=True)
async def a_prompt_that_swallows_the_idle_of_an_abort(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    abort = await talk.client.write("session.abort")
    send = await talk.client.write("session.send", prompt="new")
    await talk.client.answer(abort)
    await talk.client.answer(send)
    idle = await talk.client.event("session.idle")

    assert "aborted" not in idle


# -- several prompts


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


# -- the life of a session


@scenario("one", HANGS, "after")
async def a_session_is_left_and_resumed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    assert await talk.client.call("session.detach") == {"success": True}
    assert talk.client.data("abort") == []
    assert talk.client.data("session.idle") == [{"mode": "interactive"}]
    assert await talk.client.call("session.detach") == {"success": True}
    assert await talk.client.call("session.destroy") == {"success": False}
    await refused(talk, "session.send", "Session not found for sessionId: ")
    await refused(talk, "session.abort", "Session not found for sessionId: ")
    await refused(talk, "session.getMessages", "Session not found: ")

    await talk.client.call("session.resume", **talk.options)
    history = await talk.client.call("session.getMessages")
    await talk.client.turn()

    assert history["events"][-1]["type"] == "session.resume"
    assert "assistant.message_delta" not in {e["type"] for e in history["events"]}
    assert talk.client.data("assistant.message")[-1]["content"] == "after"


@scenario("one", HANGS)
async def a_session_is_destroyed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")

    assert await talk.client.call("session.destroy") == {"success": True}


@scenario("one", HANGS)
async def a_session_is_deleted(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    assert await talk.client.call("session.delete") == {"success": True}
    again = await talk.client.call("session.delete")

    assert again["error"].startswith("Session file not found for ")
    await refused(talk, "session.resume", "Failed to load session events: Session not")


@scenario("one", Reply("one two", delay=1))
async def a_session_that_is_open_is_created_and_resumed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    created = await talk.client.call("session.create", streaming=True)
    resumed = await talk.client.call("session.resume", **talk.options)
    await talk.client.event("session.idle")

    assert created["startTime"] == resumed["startTime"]


async def refused(talk: Talk, method: str, reason: str) -> None:
    """Make a call that the CLI refuses for that reason."""
    with pytest.raises(RefusedError, match=reason) as caught:
        await talk.client.call(method, prompt="Hello?")

    assert caught.value.code == -32603
    assert caught.value.message.startswith(f"Request {method} failed with message: ")
