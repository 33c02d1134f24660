"""The messages about a turn, on the scripted CLI in simulated time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.bridge.peer import ENDLESS, open_scene
from trio_copilot import RpcError, ToolError, allow_all, tool
from trio_copilot.testing import Call, Reply


@tool
async def shout(word: str) -> str:
    """Say it louder."""
    if word == "fail":
        raise ToolError("too quiet")
    return word.upper()


async def test_turns_follow_each_other_in_one_session(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(["Hello, wörld", "And again"], model="tiny") as scene:
        async with scene.peer() as peer:
            for name in ("1", "2"):
                await peer.say("prompt", turn=name, text=f"Say {name}")
                end = await peer.hear_until("end")
                assert (end["turn"], end["reason"]) == (name, "complete")
                assert end["usage"]["calls"] == 1

    ready = peer.heard[0]
    assert (ready["type"], ready["model"], ready["protocol"]) == ("ready", "tiny", 1)
    assert peer.text() == "Hello, wörldAnd again"
    assert len({m["message"] for m in peer.heard if m["type"] == "delta"}) == 2
    assert [p.prompt.split()[-1] for p in scene.cli.requests] == ["1", "2"]
    assert {c["sessionId"] for c in scene.cli.calls("session.send")} == {
        ready["session"]
    }


async def test_everything_is_reported_in_order(
    autojump_clock: MockClock,
) -> None:
    script: list[Reply | str] = [
        Reply("Hm", reasoning="Think", calls=[Call("shout", {"word": "hi"})]),
        Reply(calls=[Call("shout", {"word": "fail"})]),
        "Done",
    ]
    async with open_scene(
        script, tools=[shout], on_permission_request=allow_all
    ) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="t", text="go")
            end = await peer.hear_until("end")

    events = [m for m in peer.heard if m["type"] not in ("ready", "usage", "notice")]
    assert {m["turn"] for m in events} == {"t"}
    assert [m["type"] for m in events] == [
        *("start", "reasoning", "delta", "tool_call", "tool_result"),
        *("tool_call", "tool_result", "delta", "end"),
    ]
    start, _, _, call, result, _, failure, *_ = events
    assert start["message_id"]
    assert (call["name"], call["arguments"]) == ("shout", {"word": "hi"})
    assert (result["call"], result["success"]) == (call["call"], True)
    assert result["text"] == "HI"
    assert (failure["success"], failure["text"]) == (False, "too quiet")
    used = [m["usage"] for m in peer.heard if m["type"] == "usage"]
    assert [each["calls"] for each in used] == [1, 2, 3][: len(used)]
    assert end["usage"]["calls"] == 3
    assert "agent" not in call


async def test_text_of_a_call_that_is_made_again_is_taken_back(
    autojump_clock: MockClock,
) -> None:
    script: list[Reply | str] = [Reply("Half an answer", then="drop"), "A whole one"]
    async with open_scene(script) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="go")
        await peer.hear_until("end", reason="complete")

    shown = ""
    for message in peer.heard:
        if message["type"] == "delta":
            shown += message["text"]
        elif message["type"] == "retry":
            assert shown.endswith(message["dropped"])
            shown = shown.removesuffix(message["dropped"])
    assert "retry" in peer.types()
    assert shown == "A whole one"


async def test_what_a_sub_agent_says_carries_its_name(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(ENDLESS) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="go")
        await peer.hear_until("delta")
        data = {"messageId": "m", "deltaContent": "Hi from below"}
        session = peer.heard[0]["session"]
        scene.cli.emit(session, "assistant.message_delta", data, agentId="helper")

        assert await peer.hear_until("delta", text="Hi from below", agent="helper")


async def test_a_message_that_was_streamed_wrongly_is_corrected(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(ENDLESS) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="go")
        await peer.hear_until("delta")
        session = peer.heard[0]["session"]
        for piece in ("b", "a"):
            data = {"messageId": "m", "deltaContent": piece}
            scene.cli.emit(session, "assistant.message_delta", data, agentId="helper")
        message = {"messageId": "m", "content": "ab"}
        scene.cli.emit(session, "assistant.message", message, agentId="helper")

        correction = await peer.hear_until("correction")
        assert (correction["message"], correction["agent"]) == ("m", "helper")
        assert (correction["was"], correction["text"]) == ("ba", "ab")


async def test_a_blank_line_separates_two_messages(autojump_clock: MockClock) -> None:
    script: list[Reply | str] = [
        Reply("Let me see.", calls=[Call("shout", {"word": "hi"})]),
        Reply(["It is ", "loud."]),
    ]
    async with open_scene(script, tools=[shout]) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="go")
        await peer.hear_until("end", reason="complete")

    deltas = [message for message in peer.heard if message["type"] == "delta"]
    assert [(each.get("separator"), each["text"]) for each in deltas[-2:]] == [
        ("\n\n", "It is "),
        (None, "loud."),
    ]


async def test_progress_of_tools_and_notices_are_reported(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(ENDLESS) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="go")
        await peer.hear_until("delta")
        session = peer.heard[0]["session"]
        part = {"toolCallId": "c", "progressMessage": "50 %"}
        scene.cli.emit(session, "tool.execution_progress", part)
        scene.cli.emit(
            session, "session.info", {"infoType": "model", "message": "Another one"}
        )

        assert await peer.hear_until("tool_progress", turn="t", call="c", text="50 %")
        assert await peer.hear_until("notice", kind="model", text="Another one")


async def test_a_stop_ends_the_turn_and_the_next_one_works(
    autojump_clock: MockClock,
) -> None:
    async with open_scene([ENDLESS, "Again"]) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("delta")
        await peer.say("stop", turn="1")
        end = await peer.hear_until("end")
        assert (end["reason"], end["cause"]) == ("cancelled", "abort")
        assert len(scene.cli.calls("session.abort")) == 1
        with trio.fail_after(1):
            await scene.cli.wait_disconnect()

        await peer.say("prompt", turn="2", text="go on")
        await peer.hear_until("end", turn="2", reason="complete")


async def test_a_stop_right_behind_its_prompt_stops_it(
    autojump_clock: MockClock,
) -> None:
    """Also before the CLI has taken it."""
    slow = {"answer_after": {"session.send": 1}}
    async with open_scene(["Never", "Again"], scripted=slow) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text="go")
            await peer.say("stop", turn="1")
            end = await peer.hear_until("end")
            assert (end["turn"], end["cause"]) == ("1", "abort")
            assert peer.text() == ""
            await peer.say("prompt", turn="2", text="go on")
            await peer.hear_until("end", turn="2", reason="complete")


async def test_what_was_said_before_the_stop_still_arrives(
    autojump_clock: MockClock,
) -> None:
    """A slow peer that stops a turn gets everything that came before the end."""
    script = Reply([f"{n} " for n in range(500)], then="hang")
    async with open_scene(script) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("delta", text="0 ")
        await trio.sleep(1)
        await peer.say("stop", turn="1")
        await peer.hear_until("end")

    assert peer.text() == "".join(f"{n} " for n in range(500))


async def test_one_turn_at_a_time(autojump_clock: MockClock) -> None:
    async with open_scene([ENDLESS]) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("start")
        await peer.say("prompt", turn="2", text="me too")
        refusal = await peer.hear_until("error")
        assert (refusal["code"], refusal["turn"]) == ("busy", "2")
        await peer.hear_until("delta", turn="1")


async def test_only_the_open_turn_can_be_stopped(autojump_clock: MockClock) -> None:
    async with open_scene(["Hi"]) as scene, scene.peer() as peer:
        await peer.say("stop", turn="1")
        await peer.hear_until("error", code="unknown_turn", turn="1")
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("end")
        await peer.say("stop", turn="1")
        await peer.hear_until("error", code="unknown_turn", turn="1")


async def test_a_turn_that_fails_says_why(autojump_clock: MockClock) -> None:
    script: list[Reply | str] = [Reply("Out of order", status=400), "Again"]
    async with open_scene(script) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        end = await peer.hear_until("end")
        assert end["reason"] == "error"
        assert "Out of order" in end["error"]["message"]
        assert end["error"]["status_code"] == 400
        await peer.say("prompt", turn="2", text="go")
        await peer.hear_until("end", reason="complete")


async def test_a_prompt_that_the_cli_refuses_ends_its_turn(
    autojump_clock: MockClock,
) -> None:
    def refuse(params: object) -> object:
        raise RpcError(-32603, "not today")

    refusing = {"answers": {"session.send": refuse}}
    async with open_scene(scripted=refusing) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        end = await peer.hear_until("end")

    assert (end["reason"], end["error"]["kind"]) == ("error", "refused")
    assert "not today" in end["error"]["message"]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('{"type": "prompt", "turn": "1"}', "required field `text`"),
        ('{"type": "hello", "token": "open sesame"}', "first message only"),
        ("nonsense", "not a JSON object"),
        (b"\x00\x01", "text frames"),
    ],
)
async def test_a_bad_message_is_refused_and_nothing_else_happens(
    said: str | bytes, complaint: str, autojump_clock: MockClock
) -> None:
    async with open_scene(["Hi"]) as scene, scene.peer() as peer:
        await peer.ws.send_message(said)
        refusal = await peer.hear()
        assert (refusal["type"], refusal["code"]) == ("error", "bad_message")
        assert complaint in refusal["message"]
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("end", reason="complete")


async def test_a_message_before_the_session_is_open_is_refused(
    autojump_clock: MockClock,
) -> None:
    slow = {"answer_after": {"session.create": 1}}
    async with open_scene(["Hi"], scripted=slow) as scene:
        async with scene.door() as peer:
            await peer.say("hello", token="open sesame")
            await peer.say("prompt", turn="1", text="go")
            assert (await peer.hear())["message"] == "wait for ready"
            await peer.hear_until("ready")


async def test_two_peers_have_two_sessions(autojump_clock: MockClock) -> None:
    async with open_scene(lambda request: request.prompt.split()[-1].upper()) as scene:
        async with scene.peer() as one, scene.peer() as two:
            assert scene.bridge.connections == 2
            assert one.heard[0]["session"] != two.heard[0]["session"]
            await one.say("prompt", turn="1", text="first")
            await two.say("prompt", turn="1", text="second")
            await one.hear_until("end")
            await two.hear_until("end")

    assert (one.text(), two.text()) == ("FIRST", "SECOND")
