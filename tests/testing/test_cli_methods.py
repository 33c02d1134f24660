"""What the scripted CLI answers to correct requests."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.testing.raw import (
    LOOK,
    RefusedError,
    open_raw,
    session,
)
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import (
    ErrorResponse,
)
from trio_copilot.testing import (
    Call,
    Reply,
)


async def test_the_cli_introduces_itself(autojump_clock: MockClock) -> None:
    async with open_raw(version="2.0", protocol_version=4) as (_, client):
        connect = await client.call("connect", supportedTaskKinds=["agent"])
        ping = await client.call("ping", message="hey")
        silent = await client.call("ping")
        status = await client.call("status.get")
        auth = await client.call("auth.getStatus")

    assert connect == {
        "ok": True,
        "protocolVersion": 4,
        "version": "2.0",
        "taskKinds": ["agent"],
    }
    assert ping["message"] == "pong: hey"
    assert ping["protocolVersion"] == 4
    assert silent["message"] == "pong"
    assert status == {"version": "2.0", "protocolVersion": 4}
    assert auth["isAuthenticated"] is False


async def test_the_cli_can_keep_its_protocol_to_itself(
    autojump_clock: MockClock,
) -> None:
    async with open_raw(protocol_version=None) as (_, client):
        connect = await client.call("connect")
        ping = await client.call("ping")

    assert "protocolVersion" not in connect.keys() | ping.keys()


async def test_models_are_listed_for_those_who_are_authenticated(
    autojump_clock: MockClock,
) -> None:
    async with open_raw() as (_, client):
        with pytest.raises(RefusedError, match="Not authenticated"):
            await client.call("models.list")
    async with open_raw(models=[{"id": "small"}]) as (_, client):
        assert await client.call("models.list") == {"models": [{"id": "small"}]}


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("no.such", {}, -32601, "Unhandled method no.such"),
        ("connect", {"token": "t"}, -32003, "AUTHENTICATION_NOT_CONFIGURED"),
        ("connect", {"tokn": "t"}, -32602, "unknown field `tokn`"),
        ("session.create", {"sessionId": "a/b"}, -32603, "invalid sessionId: a/b"),
        ("session.create", {"tools": [{"name": "a b"}]}, -32603, 'tool name "a b"'),
        ("session.send", {}, -32603, "Session not found for sessionId: the-session"),
    ],
)
async def test_what_the_cli_cannot_do_it_refuses(
    autojump_clock: MockClock,
    method: str,
    params: dict[str, Any],
    code: int,
    message: str,
) -> None:
    async with open_raw() as (_, client):
        with pytest.raises(RefusedError) as caught:
            await client.call(method, **params)

    assert caught.value.code == code
    assert message in caught.value.message


async def test_frames_that_are_no_requests_are_refused_and_forgiven(
    autojump_clock: MockClock,
) -> None:
    async with open_raw() as (_, client):
        for body in (b"{{{", b"[]"):
            await client.send.send_all(encode_frame(body))
        await client.call("ping")

    codes = [m.code for m in client.heard if isinstance(m, ErrorResponse)]

    assert codes == [-32700, -32600]


async def test_sessions_that_were_talked_to_are_listed(
    autojump_clock: MockClock,
) -> None:
    async with session(["a", "b"]) as (_, client):
        assert await client.call("session.getLastId") == {}
        assert await client.call("session.getMetadata") == {}
        await client.turn("First of all")
        await client.call("session.detach")
        client.session = "another"
        await client.create()
        await client.turn("And then")
        client.session = "silent"
        await client.create()
        sessions = (await client.call("session.list"))["sessions"]
        last = await client.call("session.getLastId")
        client.session = "the-session"
        found = await client.call("session.getMetadata")

    assert [s["sessionId"] for s in sessions] == ["the-session", "another"]
    assert [s["summary"] for s in sessions] == ["First of all", "And then"]
    assert last == {"sessionId": "another"}
    assert found == {"session": sessions[0]}


async def test_a_session_without_an_id_gets_one(autojump_clock: MockClock) -> None:
    async with open_raw() as (_, client):
        answer = await client.call("session.create", sessionId=None)

    assert answer["sessionId"] == "session-1"


async def test_a_session_that_was_let_go_is_deleted_too(
    autojump_clock: MockClock,
) -> None:
    async with session(["Hello"]) as (_, client):
        await client.turn()
        await client.call("session.detach")

        assert await client.call("session.delete") == {"success": True}
        assert (await client.call("session.list")) == {"sessions": []}


async def test_attachments_are_part_of_the_users_message(
    autojump_clock: MockClock,
) -> None:
    attached = [{"type": "file", "path": "/a"}]
    async with session(["Hello"]) as (_, client):
        await client.prompt(attachments=attached)
        await client.event("session.idle")

    assert client.data("user.message")[0]["attachments"] == attached


async def test_failures_that_last_end_with_the_last_of_them(
    autojump_clock: MockClock,
) -> None:
    script = [*[Reply(status=500)] * 6, *[Reply(status=429)] * 6]
    script += [*[Reply("a", then="drop")] * 6]
    async with session(script) as (cli, client):
        started = trio.current_time()
        for _ in range(3):
            await client.turn()

    errors = client.data("session.error")

    assert [e["errorType"] for e in errors] == ["query", "rate_limit", "query"]
    assert [e.get("statusCode") for e in errors] == [500, 429, None]
    assert "retried 5 times (total retry wait time: 16.10 s" in errors[0]["message"]
    assert len(cli.requests) == 18
    assert trio.current_time() - started == pytest.approx(16.1 + 59 + 5, abs=0.1)


async def test_an_exhausted_script_is_an_error_of_the_turn(
    autojump_clock: MockClock,
) -> None:
    async with session() as (cli, client):
        await client.turn()

    assert "exhausted" in client.data("session.error")[0]["message"]
    assert [request.number for request in cli.unanswered] == [1]


async def test_a_tool_call_that_is_aborted_on_the_way_goes_no_further(
    autojump_clock: MockClock,
) -> None:
    script = [Reply(calls=[Call("look")]), Reply(calls=[Call("look")])]
    async with session(script, LOOK) as (_, client):
        await client.prompt()
        await client.decide(await client.event("permission.requested"), "approve-once")
        await client.call("session.abort")
        await client.event("session.idle")
        client.forget()
        await client.prompt()
        await client.decide(await client.event("permission.requested"), "approve-once")
        call = await client.event("external_tool.requested")
        await client.deliver(call, result="x")
        await client.call("session.abort")
        await client.event("session.idle")

    assert client.trace.count("external_tool.requested") == 1
    assert client.data("tool.execution_complete") == []
