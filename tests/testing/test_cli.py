"""What the scripted CLI sends, in which order, and what it remembers."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from tests.testing.raw import (
    FREE_LOOK,
    LOOK,
    RefusedError,
    open_raw,
    session,
)
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import (
    Notification,
    encode_message,
)
from trio_copilot.testing import (
    ModelRequest,
    Reply,
)


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
    async with open_raw(["never"]) as (_, client):
        create = await client.write("session.create")
        with pytest.raises(RefusedError, match="Session not found for sessionId: "):
            await client.prompt()

        assert (await client.answer(create))["sessionId"] == "the-session"


async def test_several_sessions_are_answered_side_by_side(
    autojump_clock: MockClock,
) -> None:
    def script(request: ModelRequest) -> Reply:
        return Reply(f"{request.prompt[-1]} a b c", delay=1)

    async with open_raw(script) as (cli, client):
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
        async with open_raw(script) as (cli, client):
            ids = [f"session {number}" for number in range(8)]
            for client.session in ids:
                await client.create()
            for client.session in ids:
                await client.write("session.send", prompt=client.session)
            await trio.sleep(10)
            await client.call("ping")
            prompts = [request.prompt[-9:] for request in cli.requests]

            assert prompts == ids
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
