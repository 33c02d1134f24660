"""Tool calls and permissions."""

from __future__ import annotations

from tests.testing.raw import FREE_LOOK, LOOK
from tests.testing.scenarios.registry import (
    LOOKS,
    LOOKS_TWICE,
    Talk,
    scenario,
)
from trio_copilot.testing import Call, Reply


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
