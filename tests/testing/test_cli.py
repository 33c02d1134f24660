"""The scripted CLI by itself: its order, its records, and how it misbehaves."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.testing.raw import LOOK, RawClient, RefusedError
from trio_copilot import RpcError
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import (
    ErrorResponse,
    Notification,
    Request,
    Response,
    encode_message,
)
from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    ScriptedCli,
    open_scripted_cli,
)

TIMEOUT = 100  # simulated seconds
FREE_LOOK = {**LOOK, "skipPermission": True}


@asynccontextmanager
async def connected(
    script: Any = (), **behaviour: Any
) -> AsyncIterator[tuple[ScriptedCli, RawClient]]:
    with trio.fail_after(TIMEOUT):
        async with open_scripted_cli(script, **behaviour) as cli:
            yield cli, RawClient(cli.stream, cli.stream)


@asynccontextmanager
async def session(
    script: Any = (), *tools: Any, **behaviour: Any
) -> AsyncIterator[tuple[ScriptedCli, RawClient]]:
    async with connected(script, **behaviour) as (cli, client):
        await client.create(*tools)
        yield cli, client


# -- order


async def test_creating_a_session_is_announced_before_it_is_answered(
    autojump_clock: MockClock,
) -> None:
    async with session() as (_, client):
        await client.call("ping")

    assert client.trace == [
        "session.lifecycle",
        "answer 1",
        "session.start",
        "session.lifecycle",
        "session.managed_settings_resolved",
        "session.lifecycle",
        "answer 2",
    ]


async def test_a_turn_makes_the_noise_of_a_real_one(autojump_clock: MockClock) -> None:
    async with session(["Hello"]) as (_, client):
        await client.settle()
        await client.turn()

    news = [kind for kind in client.trace if kind != "session.lifecycle"]

    assert news == [
        "pending_messages.modified",
        "answer 3",
        "pending_messages.modified",
        "session.title_changed",
        "session.skills_loaded",
        "session.mcp_servers_loaded",
        "session.tools_updated",
        "user.message",
        "system.message",
        "assistant.turn_start",
        "session.usage_info",
        "model.call_start",
        "assistant.streaming_delta",
        "assistant.message_start",
        "assistant.message_delta",
        "assistant.usage",
        "assistant.message",
        "assistant.turn_end",
        "assistant.idle",
        "session.idle",
    ]
    assert client.trace.count("session.lifecycle") == 5


async def test_an_abort_is_answered_between_its_effect_and_the_idle(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply("one two", then="hang")]) as (_, client):
        await client.prompt()
        await client.event("assistant.message_delta")
        await client.settle()
        await client.call("session.abort")
        await client.event("session.idle")

    news = [kind for kind in client.trace if kind != "session.lifecycle"]

    assert news == [
        "abort",
        "pending_messages.modified",
        "agent.interrupted",
        "assistant.turn_end",
        "answer 4",
        "session.background_tasks_changed",
        "assistant.idle",
        "session.idle",
    ]


async def test_a_prompt_on_the_heels_of_an_abort_swallows_its_idle(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply("one", then="hang"), "two"]) as (_, client):
        await client.prompt()
        await client.event("assistant.message_delta")
        await client.call("session.abort")
        await client.turn()

    assert client.data("assistant.idle") == [{}]
    assert [data["delivery"] for data in client.data("user.message")] == ["idle"] * 2


async def test_an_abort_after_an_abort_finds_nothing_to_abort(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply("one", then="hang")]) as (_, client):
        await client.prompt()
        await client.event("assistant.message_delta")
        await client.call("session.abort")

        assert await client.call("session.abort") == {"success": True}
        await client.event("session.idle")
        await client.call("ping")

    assert len(client.data("abort")) == len(client.data("session.idle")) == 1


async def test_a_session_that_was_left_says_nothing_more(
    autojump_clock: MockClock,
) -> None:
    async with session(["one", Reply("two", then="hang"), "three"]) as (_, client):
        await client.turn()
        await client.prompt()
        await client.event("assistant.message_delta")
        await client.write("session.abort")
        await client.write("session.send", prompt="too late")
        await client.call("session.detach")
        await client.settle()
        await trio.sleep(1)
        await client.call("ping")
        assert client.events == []

        await client.call("session.resume")
        await client.turn()

    assert client.data("assistant.message")[0]["content"] == "three"


async def test_prompts_that_are_sent_together_are_admitted_in_order(
    autojump_clock: MockClock,
) -> None:
    prompts = [f"prompt {number}" for number in range(20)]
    async with session(itertools.repeat("ok")) as (_, client):
        for prompt in prompts:
            await client.write("session.send", prompt=prompt)
        await client.event("session.idle")

    assert [data["content"] for data in client.data("user.message")] == prompts


async def test_a_prompt_that_overtakes_its_session_finds_none(
    autojump_clock: MockClock,
) -> None:
    async with connected(["never"]) as (_, client):
        create = await client.write("session.create")
        with pytest.raises(RefusedError, match="Session not found for sessionId: "):
            await client.prompt()

        assert (await client.answer(create))["sessionId"] == "the-session"


async def test_several_sessions_are_answered_side_by_side(
    autojump_clock: MockClock,
) -> None:
    def script(request: ModelRequest) -> Reply:
        return Reply(f"{request.prompt[-1]} a b c", delay=1)

    async with connected(script) as (cli, client):
        ids = [f"session {number}" for number in range(5)]
        for client.session in ids:
            await client.create()
        started = trio.current_time()
        for client.session in ids:
            await client.prompt(client.session)
        for client.session in ids:
            client.read_up_to = 0
            await client.event("session.idle")
            (message,) = client.data("assistant.message")

            assert message["content"] == f"{client.session[-1]} a b c"
        assert trio.current_time() - started < 4
        assert len(cli.requests) == 5


async def test_several_sessions_are_as_predictable_as_one(
    autojump_clock: MockClock,
) -> None:
    async def hear() -> str:
        script = [Reply(f"{number} x y z", delay=1) for number in range(8)]
        async with connected(script) as (cli, client):
            ids = [f"session {number}" for number in range(8)]
            for client.session in ids:
                await client.create()
            for client.session in ids:
                await client.write("session.send", prompt=client.session)
            await trio.sleep(10)
            await client.call("ping")
            said = [request.prompt[-9:] for request in cli.requests]

            assert said == ids
            return repr([getattr(m, "params", None) for m in client.heard])

    assert len({await hear() for _ in range(5)}) == 1


async def test_every_event_follows_one_that_is_kept(autojump_clock: MockClock) -> None:
    async with session(["Hello"]) as (_, client):
        await client.turn()
        history = await client.call("session.getMessages")

    kept = [event for event in client.events if not event.get("ephemeral")]
    ids = [event["id"] for event in client.events]

    assert history["events"] == kept
    assert len(set(ids)) == len(ids)
    assert [event["parentId"] for event in kept] == [
        None,
        *(event["id"] for event in kept[:-1]),
    ]
    assert client.events[0]["timestamp"] == "2026-01-01T00:00:00.050Z"


async def test_halves_of_a_pair_arrive_as_they_were_scripted(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply(["\ud83d", "\ude00"])]) as (_, client):
        await client.turn()

    deltas = [data["deltaContent"] for data in client.data("assistant.message_delta")]
    (message,) = client.data("assistant.message")

    assert deltas == ["\ud83d", "\ude00"]
    assert message["content"] == "😀"


# -- methods


async def test_the_cli_introduces_itself(autojump_clock: MockClock) -> None:
    async with connected(version="2.0", protocol_version=4) as (_, client):
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
    async with connected(protocol_version=None) as (_, client):
        connect = await client.call("connect")
        ping = await client.call("ping")

    assert "protocolVersion" not in connect.keys() | ping.keys()


async def test_models_are_listed_for_those_who_are_authenticated(
    autojump_clock: MockClock,
) -> None:
    async with connected() as (_, client):
        with pytest.raises(RefusedError, match="Not authenticated"):
            await client.call("models.list")
    async with connected(models=[{"id": "small"}]) as (_, client):
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
    async with connected() as (_, client):
        with pytest.raises(RefusedError) as caught:
            await client.call(method, **params)

    assert caught.value.code == code
    assert message in caught.value.message


async def test_frames_that_are_no_requests_are_refused_and_forgiven(
    autojump_clock: MockClock,
) -> None:
    async with connected() as (_, client):
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
    async with connected() as (_, client):
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


# -- records


async def test_what_the_client_says_is_recorded(autojump_clock: MockClock) -> None:
    async with session(["Hello"]) as (cli, client):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.turn, "one")
            params = await cli.wait_for("session.send")
        hint = Notification("$/cancelRequest", {"id": 1})
        await client.send.send_all(encode_frame(encode_message(hint)))
        await cli.wait_for("$/cancelRequest")

        assert params == {"sessionId": "the-session", "prompt": "one"}
        assert cli.calls("session.send") == [params]
        assert cli.calls("$/cancelRequest") == [{"id": 1}]
        assert [getattr(m, "method", None) for m in cli.received] == [
            "session.create",
            "session.send",
            "$/cancelRequest",
        ]
        assert repr(cli) == "<ScriptedCli running, 3 message(s) received>"


async def test_a_model_call_can_be_waited_for_and_given_up(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply(then="hang")]) as (cli, client):
        await client.prompt("Hello?")
        request = await cli.wait_request()
        assert cli.disconnected == []
        await client.call("session.detach")
        await cli.wait_disconnect()

    assert "Hello?" in request.prompt
    assert [message["role"] for message in request.messages] == ["system", "user"]
    assert request.stream


async def test_the_model_is_shown_the_tools(autojump_clock: MockClock) -> None:
    async with session(["Hello"], FREE_LOOK) as (cli, client):
        await client.turn()

    assert cli.requests[0].tools == [{"type": "function", "function": LOOK}]


# -- the end


async def test_a_shutdown_is_answered_and_then_the_stream_ends(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply(then="hang")]) as (cli, client):
        await client.prompt()

        assert await client.call("runtime.shutdown") is None
        assert await client.rest() == b""
        await cli.wait_gone()
        with pytest.raises(trio.BrokenResourceError):
            await client.call("ping")
        assert "gone" in repr(cli)
        cli.notify("too.late", {})  # nobody hears it, nobody minds


async def test_the_end_of_stdin_ends_the_cli(autojump_clock: MockClock) -> None:
    async with session() as (cli, client):
        await cli.stream.send_eof()
        await cli.wait_gone()

        assert await client.rest() is not None
        assert not cli.torn


async def test_a_stream_that_ends_within_a_frame_is_torn(
    autojump_clock: MockClock,
) -> None:
    async with connected() as (cli, client):
        await client.send.send_all(b"Content-Length: 100\r\n\r\n{")
        await client.send.aclose()
        await cli.wait_gone()

        assert cli.torn


async def test_a_long_write_that_is_cancelled_is_torn(
    autojump_clock: MockClock,
) -> None:
    async with connected() as (cli, client):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cli.wait_for, "never")
                nursery.start_soon(cli.stream.send_all, encode_frame(b"x" * 10**7))
                for _ in range(20):  # two for every 64 KiB
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        await client.send.aclose()
        await cli.wait_gone()

        assert cli.torn


async def test_what_is_closed_cannot_be_written_to(autojump_clock: MockClock) -> None:
    async with connected() as (cli, _):
        await cli.stream.wait_send_all_might_not_block()
        await cli.stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await cli.stream.send_all(b"x")
        await cli.wait_gone()


@pytest.mark.parametrize("mid_frame", [False, True])
async def test_a_cli_that_dies_sends_what_it_had_to_say(
    autojump_clock: MockClock, mid_frame: bool
) -> None:
    async with session() as (cli, client):
        await client.settle()
        cli.notify("last.words", {})
        await cli.die(mid_frame=mid_frame)
        tail = await client.rest()

    words = encode_frame(encode_message(Notification("last.words", {})))

    assert tail.startswith(words)
    assert (tail != words) is mid_frame


async def test_leaving_the_block_ends_everything(autojump_clock: MockClock) -> None:
    async with session([Reply(then="hang")]) as (cli, client):
        await client.prompt()
        await cli.wait_request()

    assert cli.disconnected == [1]
    assert await client.rest() is not None


async def test_an_exception_of_the_script_leaves_the_block_as_itself(
    autojump_clock: MockClock,
) -> None:
    def script(request: ModelRequest) -> Reply:
        raise LookupError(f"no reply to call {request.number}")

    async def run() -> None:
        async with session(script) as (_, client):
            await client.turn()

    with pytest.raises(LookupError, match="no reply to call 1"):
        await run()


# -- misbehaviour


async def test_an_ignored_method_is_neither_obeyed_nor_answered(
    autojump_clock: MockClock,
) -> None:
    async with session([Reply("a b", delay=1)], ignore={"session.abort"}) as (
        cli,
        client,
    ):
        await client.prompt()
        abort = await client.write("session.abort")
        await client.event("session.idle")

        assert f"answer {abort}" not in client.trace
        assert client.data("abort") == []
        assert len(cli.calls("session.abort")) == 1


async def test_a_slow_method_is_obeyed_late_and_holds_up_no_other(
    autojump_clock: MockClock,
) -> None:
    async with connected(answer_after={"status.get": 30}) as (_, client):
        status = await client.write("status.get")
        ping = await client.write("ping")
        await client.answer(status)

        assert client.trace == [f"answer {ping}", f"answer {status}"]
        assert trio.current_time() == pytest.approx(30, abs=0.1)


async def test_methods_can_be_added_and_replaced(autojump_clock: MockClock) -> None:
    def refuse(params: dict[str, Any]) -> None:
        raise RpcError(-32001, f"not {params['what']}", "because")

    answers = {
        "session.model.switchTo": lambda params: {"to": params["modelId"]},
        "status.get": lambda _: "busy",
        "no.way": refuse,
    }
    async with connected(answers=answers) as (_, client):
        switched = await client.call("session.model.switchTo", modelId="small")

        assert switched == {"to": "small"}
        assert await client.call("status.get") == "busy"
        with pytest.raises(RefusedError, match="not this"):
            await client.call("no.way", what="this")

    assert client.heard[-1] == ErrorResponse(3, -32001, "not this", "because")


async def test_events_notifications_and_bytes_can_be_sent_at_will(
    autojump_clock: MockClock,
) -> None:
    async with session() as (cli, client):
        await client.settle()
        sent = cli.emit("the-session", "new.type", {"a": 1}, agentId="helper", id="x")
        cli.emit("unheard-of", "session.idle")
        cli.notify("host.event", {"kind": "noise"})
        cli.send_bytes(encode_frame(json.dumps({"method": "raw"}).encode()))
        await client.call("ping")

    (event,) = client.events

    assert event == sent
    assert (event["data"], event["agentId"], event["id"]) == ({"a": 1}, "helper", "x")
    assert event["ephemeral"] is True
    assert client.trace == [
        "new.type",
        "session.event",
        "host.event",
        "raw",
        "answer 3",
    ]


async def test_the_cli_can_ask_the_client(autojump_clock: MockClock) -> None:
    async def reply(client: RawClient) -> None:
        for answer in (Response(1, "yes"), ErrorResponse(2, -1, "no")):
            message = await client.at(answer.id - 1)  # type: ignore[operator] # an int
            assert message == Request(answer.id, "userInput.request", {"q": answer.id})  # type: ignore[arg-type] # an int
            await client.send.send_all(encode_frame(encode_message(answer)))

    async with connected() as (cli, client), trio.open_nursery() as nursery:
        nursery.start_soon(reply, client)

        assert await cli.request("userInput.request", {"q": 1}) == Response(1, "yes")
        assert await cli.request("userInput.request", {"q": 2}) == ErrorResponse(
            2, -1, "no"
        )


async def test_deltas_can_be_sent_again_late_and_out_of_order(
    autojump_clock: MockClock,
) -> None:
    words = Reply([f"{number} " for number in range(20)])
    async with session([words], duplicate_deltas=True) as (_, client):
        await client.turn()

    events = [e for e in client.events if e["type"] == "assistant.message_delta"]
    first: dict[str, str] = {}  # {event id: the text it brought}
    for event in events:
        first.setdefault(event["id"], event["data"]["deltaContent"])
    kinds = [event["type"] for event in client.events]

    assert "".join(first.values()) == words.content
    assert len(events) > 2 * len(words.deltas)
    assert [e["id"] for e in events] != sorted(e["id"] for e in events)
    assert "assistant.message_delta" not in kinds[kinds.index("assistant.message") :]


async def test_background_work_keeps_the_session_from_being_idle(
    autojump_clock: MockClock,
) -> None:
    script = ["one", Reply(then="hang"), "two"]
    async with session(script, background_work=True) as (_, client):
        await client.prompt()
        await client.event("assistant.idle")
        await client.call("session.abort")
        of_nothing = await client.event("assistant.idle")
        await client.prompt()
        await client.event("assistant.turn_start")
        await client.call("session.abort")
        of_a_turn = await client.event("assistant.idle")
        await client.prompt()
        await client.event("assistant.idle")
        await client.call("ping")

    assert of_nothing == of_a_turn == {"aborted": True}
    assert client.data("session.idle") == []
    assert len(client.data("abort")) == 2
