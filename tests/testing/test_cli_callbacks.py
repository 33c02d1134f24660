"""What the scripted CLI asks its client, beyond what `test_honesty` compares."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.testing.raw import (
    ANSWER_ELICITATION,
    ANSWER_USER_INPUT,
    FREE_LOOK,
    RawClient,
    RefusedError,
    open_raw,
)
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import ErrorResponse, Response, encode_message
from trio_copilot.testing import Call, Reply

LOOKS_TWICE = Reply(calls=[Call("look", {"at": "a"}), Call("look", {"at": "b"})])
ASKS = Reply(calls=[Call("ask_user", {"question": "Which?"})])
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def kinds(client: RawClient, event_type: str) -> list[str]:
    return [data["hookType"] for data in client.data(event_type)]


# -- requests


async def test_requests_of_a_test_and_of_a_session_get_their_own_answers(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([ASKS, "x"]) as (cli, client):
        await client.create(requestUserInput=True)
        await client.prompt()
        question = await client.next_request("userInput.request")
        results: list[Response | ErrorResponse] = []

        async def ask() -> None:
            results.append(await cli.request("some.method", {"n": 1}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            mine = await client.next_request("some.method")
            await client.reply(question, {"answer": "this", "wasFreeform": True})
            await client.reply(mine, "that")
        await client.event("session.idle")

    assert results == [Response(mine.id, "that")]
    assert client.data("user_input.completed")[0]["answer"] == "this"


async def test_an_answer_to_nothing_is_dropped(autojump_clock: MockClock) -> None:
    async with open_raw() as (_, client):
        await client.send.send_all(encode_frame(encode_message(Response(7, None))))

        assert (await client.call("ping"))["message"] == "pong"


# -- hooks


async def test_a_hook_that_says_no_object_says_nothing(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(["fine"]) as (_, client):
        await client.create(hooks=True)
        await client.prompt()
        for answer in (None, {"output": "block"}, ["block"]):
            await client.reply(await client.next_request("hooks.invoke"), answer)
        await client.answer_hooks("agentStop")
        await client.event("session.idle")

    assert all("output" not in data for data in client.data("hook.end"))
    assert kinds(client, "hook.start") == kinds(client, "hook.end")


async def test_a_hook_is_told_of_every_failure_of_the_model(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([Reply(status=500), Reply("no", status=400)]) as (_, client):
        await client.create(hooks=True)
        await client.prompt()
        await client.answer_hooks("errorOccurred")
        await client.answer_hooks("errorOccurred")
        await client.event("session.idle")

    assert kinds(client, "hook.end")[-2:] == ["errorOccurred"] * 2
    assert client.data("session.error")[0]["statusCode"] == 400


async def test_an_abort_that_waited_comes_before_the_next_try(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([Reply(status=500)]) as (cli, client):
        await client.create(hooks=True)
        await client.prompt()
        question = await client.hook("errorOccurred")
        aborts = [await client.write("session.abort") for _ in range(2)]
        await client.event("abort")
        await client.reply(question, {"output": None})
        answers = [await client.answer(number) for number in aborts]
        await client.event("session.idle")

        assert len(cli.requests) == 1
    assert answers == [{"success": True}] * 2
    assert len(client.data("abort")) == 1


async def test_an_abort_that_waited_stops_calls_that_still_run(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([LOOKS_TWICE]) as (_, client):
        await client.create(FREE_LOOK, hooks=True)
        await client.prompt()
        await client.answer_hooks("userPromptTransformed")
        for _ in range(2):
            await client.answer_hooks("preToolUse")
        await client.event("external_tool.requested")
        second = await client.event("external_tool.requested")
        await client.deliver(second, result="done")
        question = await client.hook("postToolUse")
        await client.write("session.abort")
        await client.event("abort")
        await client.reply(question, {"output": None})
        await client.event("session.idle")

    (done,) = client.data("tool.execution_complete")
    (interrupted,) = client.data("agent.interrupted")

    assert done["toolCallId"] == "call_1_1"
    assert interrupted["toolCallIds"] == ["call_1_0"]


async def test_an_abort_that_waited_is_answered_when_the_prompt_is_blocked(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(["fine"]) as (_, client):
        await client.create(hooks=True)
        await client.prompt()
        question = await client.hook("userPromptSubmitted")
        abort = await client.write("session.abort")
        await client.event("abort")
        block = {"decision": "block", "reason": "Not now."}
        await client.reply(question, {"output": block})
        assert await client.answer(abort) == {"success": True}
        idle = await client.event("session.idle")

    assert idle["aborted"] is True


async def test_hooks_look_at_results_one_after_the_other(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([LOOKS_TWICE, "x"]) as (cli, client):
        await client.create(FREE_LOOK, hooks=True)
        await client.prompt()
        for _ in range(2):
            await client.answer_hooks("preToolUse")
        for _ in range(2):
            call = await client.event("external_tool.requested")
            await client.deliver(call, result=call["arguments"]["at"])
        first = await client.hook("postToolUse")
        await client.call("ping")
        assert kinds(client, "hook.start").count("postToolUse") == 1
        changed = {"modifiedResult": {"textResultForLlm": "changed"}}
        await client.reply(first, {"output": changed})
        await client.answer_hooks("agentStop")
        await client.event("session.idle")

        results = [m["content"] for m in cli.requests[1].messages[-2:]]
    assert results == ["changed", "b"]


async def test_a_session_is_let_go_when_a_hook_has_answered_or_taken_too_long(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(["fine"]) as (_, client):
        for answers in (True, False):
            await client.create(hooks=True)
            started = trio.current_time()
            number = await client.write("session.destroy")
            question = await client.hook("sessionEnd")
            if answers:
                await client.reply(question, {"output": None})
            assert await client.answer(number) == {"success": True}

            assert (trio.current_time() - started < 1) is answers
    assert kinds(client, "hook.start") == ["sessionEnd"] * 2
    assert kinds(client, "hook.end") == ["sessionEnd"]
    assert len(client.data("session.shutdown")) == 2


async def test_letting_go_of_a_session_does_not_wait_for_a_hook_of_its_work(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(["one", "two"]) as (cli, client):
        await client.create(hooks=True)
        message_id = await client.prompt()
        question = await client.hook("userPromptSubmitted")
        abort = await client.write("session.abort")
        await client.event("abort")
        detach = await client.write("session.detach")
        await client.answer_hooks("sessionEnd")
        assert await client.answer(detach) == {"success": True}
        assert await client.answer(abort) == {"success": True}
        await client.reply(question, {"output": None})
        assert cli.fates == {message_id: "aborted"}
        assert client.data("session.idle") == []

        client.forget()
        await client.create()
        await client.turn()


# -- questions


@pytest.mark.parametrize("answer", [None, {}, {"answer": 1}, "a"])
async def test_an_answer_that_is_none_stands_for_a_failure(
    answer: Any, autojump_clock: MockClock
) -> None:
    async with open_raw([ASKS, "x"]) as (_, client):
        await client.create(requestUserInput=True)
        await client.prompt()
        await client.reply(await client.next_request("userInput.request"), answer)
        await client.event("session.idle")

    (completed,) = client.data("user_input.completed")

    assert completed["answer"] == "The user was unable to respond due to an error"
    assert completed["wasFreeform"] is True


async def test_the_model_knows_that_it_can_ask_where_it_can(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(["x", "x"]) as (cli, client):
        for client.session, asks in (("one", True), ("other", False)):
            await client.create(requestUserInput=asks)
            client.forget()
            await client.turn()

        first, second = ([t["function"] for t in r.tools] for r in cli.requests)
    assert [tool["name"] for tool in first] == ["ask_user"]
    assert second == []


async def test_a_question_is_forgotten_with_its_session(
    autojump_clock: MockClock,
) -> None:
    async with open_raw([ASKS, "x"]) as (_, client):
        await client.create(requestUserInput=True)
        await client.prompt()
        question = await client.next_request("userInput.request")
        await client.call("session.detach")
        client.forget()
        await client.reply(question, {"answer": "late", "wasFreeform": True})
        await client.call("ping")

    assert client.events == []


@pytest.mark.parametrize("method", [ANSWER_USER_INPUT, ANSWER_ELICITATION])
async def test_an_answer_names_its_question_and_says_something(
    method: str, autojump_clock: MockClock
) -> None:
    async with open_raw() as (_, client):
        await client.create()
        with pytest.raises(RefusedError, match="missing parameter 'requestId'"):
            await client.call(method)
        with pytest.raises(RefusedError, match="missing parameter 're"):
            await client.call(method, requestId="none")

        answer: dict[str, Any] = {"response": {}, "result": {}}
        late = await client.call(method, requestId="none", **answer)
        assert late == {"success": False}


# -- forms


async def test_a_test_shows_a_form(autojump_clock: MockClock) -> None:
    async with open_raw() as (cli, client):
        await client.create(requestElicitation=True)
        results: list[Any] = []

        async def show() -> None:
            results.append(await cli.elicit("the-session", "Who?", SCHEMA))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(show)
            asked = await client.event("elicitation.requested")
            answer = {"requestId": asked["requestId"], "result": {"action": "decline"}}
            await client.call(ANSWER_ELICITATION, **answer)
        await client.event("elicitation.completed")

    assert asked["message"] == "Who?"
    assert asked["requestedSchema"] == SCHEMA
    assert results == [{"action": "decline"}]


async def test_a_form_is_cancelled_with_its_session_only(
    autojump_clock: MockClock,
) -> None:
    async with open_raw() as (_, client):
        await client.create()
        form = {"message": "Who?", "requestedSchema": SCHEMA}
        number = await client.write("session.ui.elicitation", **form)
        await client.event("elicitation.requested")
        await client.call("session.abort")
        assert "answer 2" not in client.trace
        await client.call("session.detach")

        assert await client.answer(number) == {"action": "cancel"}
    assert client.data("elicitation.completed") == []
