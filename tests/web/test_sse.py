"""Turns over HTTP, on the scripted CLI in simulated time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.bridge.peer import ENDLESS, PATIENCE
from tests.web.asgi import BEARER, open_web
from trio_copilot import CliExitedError
from trio_copilot.testing import Reply
from trio_copilot.web import TurnLimits

SHELL_REQUEST = {"kind": "shell", "fullCommandText": "touch file", "toolCallId": "c1"}


async def test_the_events_of_a_turn_go_from_ready_to_end(
    autojump_clock: MockClock,
) -> None:
    async with open_web(["Hello, wörld"], model="m") as web:
        turn = await web.start_turn()
        async with web.listen(turn) as listener:
            end = await listener.hear_until("end")
            assert await listener.block() == []

        types = [message["type"] for message in listener.heard]
        assert types[:2] == ["ready", "start"]
        assert listener.heard[0]["model"] == "m"
        assert (end["turn"], end["reason"]) == (
            turn.removeprefix("/turns/"),
            "complete",
        )
        assert listener.text == "Hello, wörld"
        assert listener.headers["content-type"] == "text/event-stream; charset=utf-8"
        await trio.sleep(1)  # its session is released after that
        assert web.scene.client.statistics().open_sessions == 0


async def test_a_listener_that_comes_back_gets_the_rest_and_runs_nothing_again(
    autojump_clock: MockClock,
) -> None:
    """From behind every single event, also in the middle of a text that has grown."""
    async with open_web(["one two three four five"]) as web:
        turn = await web.start_turn()
        async with web.listen(turn) as whole:
            await whole.hear_until("end")
        for known, last in enumerate(whole.ids[:-1], 1):
            async with web.listen(turn, last) as rest:
                await rest.hear_until("end")
            before = "".join(
                m["text"] for m in whole.heard[:known] if m["type"] == "delta"
            )
            assert before + rest.text == whole.text
            assert rest.ids[-1] == whole.ids[-1]
        answer = await web.request("GET", f"{turn}/events", last_event_id=whole.ids[-1])
        assert answer.status == 204
        assert len(web.scene.cli.requests) == 1


async def test_two_listeners_hear_the_same(autojump_clock: MockClock) -> None:
    async with open_web([Reply("a b c d", delay=1)]) as web:
        turn = await web.start_turn()
        async with web.listen(turn) as one, web.listen(turn) as other:
            await one.hear_until("end")
            await other.hear_until("end")
        assert one.text == other.text == "a b c d"


async def test_a_slow_listener_gets_what_waits_joined(
    autojump_clock: MockClock,
) -> None:
    async with open_web([Reply(["tick "] * 1000, delay=0.01)]) as web:
        turn = await web.start_turn()
        async with web.listen(turn) as listener:
            await listener.hear_until("delta")
            await trio.sleep(30)
            await listener.hear_until("end")
        assert listener.text == "tick " * 1000
        assert len([m for m in listener.heard if m["type"] == "delta"]) < 10


async def test_delete_stops_the_turn_and_its_end_says_so(
    autojump_clock: MockClock,
) -> None:
    async with open_web([ENDLESS]) as web:
        turn = await web.start_turn()
        async with web.listen(turn) as listener:
            await listener.hear_until("delta")
            assert (await web.request("DELETE", turn)).status == 204
            end = await listener.hear_until("end")
        assert (end["reason"], end["cause"]) == ("cancelled", "abort")
        assert web.scene.cli.disconnected == [1]


async def test_a_turn_can_be_stopped_before_it_has_begun(
    autojump_clock: MockClock,
) -> None:
    async with open_web([ENDLESS]) as web:
        turn = await web.start_turn()
        assert (await web.request("DELETE", turn)).status == 204
        async with web.listen(turn) as listener:
            end = await listener.hear_until("end")
        assert (end["reason"], end["cause"]) == ("cancelled", "abort")


@pytest.mark.parametrize("listens", [True, False])
async def test_a_turn_without_listeners_is_stopped_after_a_while(
    listens: bool, autojump_clock: MockClock
) -> None:
    async with open_web([ENDLESS], limits=TurnLimits(grace=7)) as web:
        begun = trio.current_time()
        turn = await web.start_turn()
        if listens:
            async with web.listen(turn) as listener:
                await listener.hear_until("delta")
                await trio.sleep(10)
                assert web.scene.cli.disconnected == []
            begun = trio.current_time()
        with trio.fail_after(PATIENCE):
            await web.scene.cli.wait_disconnect(1)
        assert 7 <= trio.current_time() - begun < 8


async def test_a_listener_that_comes_back_in_time_keeps_the_turn(
    autojump_clock: MockClock,
) -> None:
    async with open_web([ENDLESS], limits=TurnLimits(grace=7)) as web:
        turn = await web.start_turn()
        for _ in range(3):
            await trio.sleep(6)
            async with web.listen(turn) as listener:
                await listener.hear_until("delta")
        assert web.scene.cli.disconnected == []


async def test_a_silent_stream_has_a_heartbeat(autojump_clock: MockClock) -> None:
    limits = TurnLimits(heartbeat=5, retry=2.5)
    async with open_web([Reply(then="hang")], limits=limits) as web:
        async with web.listen(await web.start_turn()) as listener:
            assert await listener.block() == ["retry: 2500"]
            await listener.hear_until("start")
            begun = trio.current_time()
            while await listener.block() != [": still there"]:
                pass
            assert trio.current_time() - begun <= 5
            assert await listener.block() == [": still there"]


async def test_a_permission_is_asked_and_answered(autojump_clock: MockClock) -> None:
    async with open_web([ENDLESS]) as web:
        turn = await web.start_turn()
        async with web.listen(turn) as listener:
            session = (await listener.hear())["session"]
            await listener.hear_until("delta")
            request = {"requestId": "1", "permissionRequest": SHELL_REQUEST}
            web.scene.cli.emit(session, "permission.requested", request)
            asked = await listener.hear_until("permission")
            assert asked["summary"] == "touch file"
            answer = {"request": asked["request"], "decision": "allow"}
            path = f"{turn}/answers"
            assert (await web.request("POST", path, answer)).status == 204
            closed = await listener.hear_until("permission_closed")
            assert closed["outcome"] == "allowed"
            assert (await web.request("POST", path, answer)).status == 409


async def test_turns_are_forgotten_after_a_while_and_beyond_a_number(
    autojump_clock: MockClock,
) -> None:
    limits = TurnLimits(keep=60, kept=2)
    async with open_web(["a", "b", "c"], limits=limits) as web:
        turns = []
        for _ in range(3):
            turns.append(await web.start_turn())
            async with web.listen(turns[-1]) as listener:
                await listener.hear_until("end")
            await trio.sleep(1)

        async def status(turn: str) -> int:
            return (await web.request("GET", f"{turn}/events")).status

        assert [await status(turn) for turn in turns] == [404, 200, 200]
        await trio.sleep(60)
        assert [await status(turn) for turn in turns] == [404, 404, 404]


async def test_the_number_of_running_turns_is_limited(
    autojump_clock: MockClock,
) -> None:
    async with open_web([ENDLESS, "b"], limits=TurnLimits(running=1)) as web:
        turn = await web.start_turn()
        full = await web.request(
            "POST", "/turns", {"prompt": "x"}, authorization=BEARER
        )
        assert (full.status, full.headers["retry-after"]) == (503, "1")
        await web.request("DELETE", turn)
        async with web.listen(turn) as listener:
            await listener.hear_until("end")
        await trio.sleep(10)
        await web.start_turn()


async def test_a_turn_that_says_too_much_is_stopped(autojump_clock: MockClock) -> None:
    async with open_web([ENDLESS], limits=TurnLimits(size=2_000)) as web:
        async with web.listen(await web.start_turn()) as listener:
            assert (await listener.hear_until("error"))["code"] == "too_long"
            end = await listener.hear_until("end")
        assert end["reason"] == "cancelled"
        assert 1_000 < len(listener.text) < 3_000


async def test_a_lost_cli_is_the_end_of_the_turn(autojump_clock: MockClock) -> None:
    with pytest.raises(CliExitedError):  # the bridge ends, too
        async with open_web([ENDLESS]) as web:
            async with web.listen(await web.start_turn()) as listener:
                await listener.hear_until("delta")
                await web.scene.cli.stream.aclose()
                end = await listener.hear_until("end")
                assert end["reason"] == "error"
                await trio.sleep_forever()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (401, b'{"prompt": "x"}', {}),
        (401, b'{"prompt": "x"}', {"authorization": "Bearer wrong"}),
        (401, b'{"prompt": "x"}', {"authorization": BEARER.replace("Bearer", "Basic")}),
        (400, b"", {"authorization": BEARER}),
        (400, b"[]", {"authorization": BEARER}),
        (400, b"[" * 100_000, {"authorization": BEARER}),
        (400, b"{}", {"authorization": BEARER}),
        (400, b'{"prompt": 1}', {"authorization": BEARER}),
        (400, b'{"prompt": "x", "model": "y"}', {"authorization": BEARER}),
        (400, b'{"prompt": "\\ud800"}', {"authorization": BEARER}),
        (413, b"x" * (2**20 + 1), {"authorization": BEARER}),
        (403, b"", {"authorization": BEARER, "origin": "http://evil.example"}),
        (403, b"", {"authorization": BEARER, "origin": "null"}),
        (421, b"", {"authorization": BEARER, "host": "evil.example:8400"}),
        (421, b"", {"authorization": BEARER, "host": ""}),
    ],
)
async def test_a_wrong_request_begins_nothing(
    status: int, body: bytes, headers: dict[str, str], autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        answer = await web.request("POST", "/turns", body, **headers)
        assert answer.status == status, answer
        assert web.scene.cli.calls("session.create") == []


FIELDS = [
    ("model", ", only prompt"),
    ("promt", ": did you mean 'prompt'?"),
    ("text", ", only prompt"),
    ("turn", ", only prompt"),
    ("type", ", only prompt"),
    ("\u202ex" + "y" * 99, ", only prompt"),
]


@pytest.mark.parametrize(("name", "hint"), FIELDS)
async def test_an_unknown_field_is_named(
    name: str, hint: str, autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        body = {"prompt": "Go", name: "x"}
        answer = await web.request("POST", "/turns", body, authorization=BEARER)
        assert answer.status == 400
        complaint = answer.body.decode("ascii")
        assert complaint == f"there is no field {name[:40]!a}{hint}"
        assert web.scene.cli.calls("session.create") == []


@pytest.mark.parametrize("name", ["type", "turn", "Decision"])
async def test_an_unknown_field_of_an_answer_is_named(
    name: str, autojump_clock: MockClock
) -> None:
    async with open_web([ENDLESS]) as web:
        turn = await web.start_turn()
        body = {"request": "p1", "decision": "allow", name: "x"}
        answer = await web.request("POST", f"{turn}/answers", body)
        assert answer.status == 400
        assert f"there is no field '{name}'" in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/turns/unknown/events"),
        ("DELETE", "/turns/unknown"),
        ("POST", "/turns/unknown/answers"),
        ("GET", "/turns"),
    ],
)
async def test_an_unknown_id_is_not_found(
    method: str, path: str, autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        assert (await web.request(method, path)).status == 404


@pytest.mark.parametrize("last", ["x", "1", "1.2.3", "-1.0", "9999999999.0"])
async def test_a_wrong_last_event_id_is_refused(
    last: str, autojump_clock: MockClock
) -> None:
    async with open_web([ENDLESS]) as web:
        turn = await web.start_turn()
        answer = await web.request("GET", f"{turn}/events", last_event_id=last)
        assert answer.status == 400


async def test_pages_of_allowed_origins_may_read_and_ask_first(
    autojump_clock: MockClock,
) -> None:
    origin = "https://page.example"
    async with open_web(["a"], origins=[origin]) as web:
        asked = await web.request(
            "OPTIONS",
            "/turns",
            origin=origin,
            access_control_request_method="POST",
            access_control_request_headers="authorization,content-type",
        )
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (
            200,
            origin,
        )
        turn = await web.start_turn()
        path = f"{turn}/events"
        async with web.stream("GET", path, origin=origin) as listener:
            assert listener.headers["access-control-allow-origin"] == origin
            await listener.hear_until("end")
