"""What only a newer CLI sends arrives, all of it, in order."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.abc import Clock

from trio_copilot import (
    Allow,
    Lagged,
    MalformedResultError,
    PermissionRequest,
    RpcError,
    allow_all,
)
from trio_copilot.events import AssistantMessageDelta, MalformedEvent, UnknownEvent
from trio_copilot.testing import Reply, ScriptedCli, Stage, open_stage

PERMISSION = "session.permissions.handlePendingPermissionRequest"


def cli_of(stage: Stage) -> ScriptedCli:
    assert stage.cli is not None
    return stage.cli


def raw_delta(**data: Any) -> dict[str, Any]:
    return {"type": "assistant.message_delta", "id": repr(data), "data": data}


async def test_one_bad_event_does_not_spoil_a_history(autojump_clock: Clock) -> None:
    events = [
        raw_delta(messageId="m", deltaContent="good"),
        raw_delta(messageId=7, deltaContent="bad"),
        {"type": "moon.rise", "data": {"full": True}},
        "no object",
    ]
    answers = {"session.getMessages": lambda params: {"events": events}}
    async with (
        open_stage(scripted={"answers": answers}) as stage,
        stage.open_client() as client,
        client.open_session() as session,
    ):
        good, bad, new, odd = await session.history()

    assert isinstance(good.data, AssistantMessageDelta)
    assert isinstance(bad.data, MalformedEvent)
    assert bad.data.raw == events[1]["data"]  # type: ignore[index]  # it is a dict
    assert new.data == UnknownEvent("moon.rise", {"full": True})
    assert odd.type == ""


async def test_what_is_new_arrives_between_what_is_known(autojump_clock: Clock) -> None:
    async with (
        open_stage([Reply(then="hang")]) as stage,
        stage.open_client() as client,
        client.open_session() as session,
        session.subscribe() as events,
    ):
        await session.send("?")
        await stage.model.wait_request()
        for data in ({"messageId": "m", "deltaContent": "a"}, {"messageId": None}):
            cli_of(stage).emit(session.id, "assistant.message_delta", data)
            cli_of(stage).emit(session.id, "moon.rise", data)
        seen: list[object] = []
        async for event in events:
            assert not isinstance(event, Lagged)
            if event.type in ("assistant.message_delta", "moon.rise"):
                seen.append(event.data)
            if len(seen) == 4:
                break

    kinds = [type(data) for data in seen]
    assert kinds == [AssistantMessageDelta, UnknownEvent, MalformedEvent, UnknownEvent]


@pytest.mark.parametrize("handler", [None, allow_all])
async def test_a_permission_of_an_unknown_kind_is_asked_for_or_denied(
    handler: Any, autojump_clock: Clock
) -> None:
    asked: list[PermissionRequest] = []

    async def note(request: PermissionRequest) -> Allow:
        asked.append(request)
        return Allow()

    async with (
        open_stage([Reply(then="hang")]) as stage,
        stage.open_client() as client,
        client.open_session(on_permission_request=note if handler else None) as session,
    ):
        await session.send("?")
        await stage.model.wait_request()
        with trio.fail_after(5):
            request = {"kind": "teleport", "to": "the moon"}
            data = {"requestId": "p1", "permissionRequest": request}
            cli_of(stage).emit(session.id, "permission.requested", data)
            answer = await cli_of(stage).wait_for(PERMISSION)

    assert answer["requestId"] == "p1"
    kind = "approve-once" if handler else "reject"
    assert answer["result"]["kind"] == kind
    assert [each.details for each in asked] == ([request] if handler else [])


async def test_an_answer_that_does_not_fit_says_so_and_the_next_call_works(
    autojump_clock: Clock,
) -> None:
    raw = {"exists": "maybe", "content": None, "path": None}
    answers = {
        "session.plan.read": lambda params: raw,
        "session.name.get": lambda params: {"name": "Mine", "new": 1},
    }
    async with (
        open_stage(scripted={"answers": answers}) as stage,
        stage.open_client() as client,
        client.open_session() as session,
    ):
        with pytest.raises(MalformedResultError) as caught:
            await session.rpc.plan.read()
        name = await session.rpc.name.get()

        assert caught.value.raw == raw
        assert caught.value.reason == "expected a boolean, got a string @ result.exists"
        assert (name.name, name.extra) == ("Mine", {"new": 1})


async def test_the_raw_door_takes_what_nobody_has_heard_of(
    autojump_clock: Clock,
) -> None:
    answers = {"session.moon.rise": lambda params: params}
    async with (
        open_stage(scripted={"answers": answers}) as stage,
        stage.open_client() as client,
        client.open_session() as session,
    ):
        risen = await session.call("session.moon.rise", {"phase": "full"})
        with pytest.raises(RpcError, match=r"moon\.set"):
            await client.call("moon.set")

    assert risen == {"sessionId": session.id, "phase": "full"}
