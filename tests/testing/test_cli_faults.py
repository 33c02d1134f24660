"""How the scripted CLI ends, and how it misbehaves on demand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.testing.raw import (
    RawClient,
    RefusedError,
    open_raw,
    session,
)
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
    ModelRequest,
    Reply,
)

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
        cli.notify("too.late", {})  # no client is listening, and that is fine


async def test_the_end_of_stdin_ends_the_cli(autojump_clock: MockClock) -> None:
    async with session() as (cli, client):
        await cli.stream.send_eof()
        await cli.wait_gone()

        assert await client.rest() is not None
        assert not cli.torn


async def test_a_stream_that_ends_within_a_frame_is_torn(
    autojump_clock: MockClock,
) -> None:
    async with open_raw() as (cli, client):
        await client.send.send_all(b"Content-Length: 100\r\n\r\n{")
        await client.send.aclose()
        await cli.wait_gone()

        assert cli.torn


async def test_a_long_write_that_is_cancelled_is_torn(
    autojump_clock: MockClock,
) -> None:
    async with open_raw() as (cli, client):
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
    async with open_raw() as (cli, _):
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
    async with open_raw(answer_after={"status.get": 30}) as (_, client):
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
    async with open_raw(answers=answers) as (_, client):
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

    async with open_raw() as (cli, client), trio.open_nursery() as nursery:
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
