"""What an abort stops, and what it leaves behind."""

from __future__ import annotations

import trio

from tests.testing.raw import FREE_LOOK, LOOK
from tests.testing.scenarios.registry import (
    HANGS,
    LOOKS,
    LOOKS_TWICE,
    SLOW,
    Talk,
    scenario,
)
from trio_copilot.testing import Reply


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
