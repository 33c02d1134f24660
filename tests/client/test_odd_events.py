"""No event can kill a client, whatever is in its fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.protocol.conftest import SamplesWithAny
from trio_copilot import (
    Abstain,
    Client,
    CliExitedError,
    Hooks,
    InternalError,
    Lagged,
    Session,
    SessionClosedError,
    SessionEvent,
    Subscription,
    Tool,
    Turn,
    allow_all,
    open_client,
)
from trio_copilot._protocol import codec
from trio_copilot._protocol.index import EVENTS
from trio_copilot._session.state import SessionState
from trio_copilot._session.transcript import Transcript
from trio_copilot._wire.framing import encode_frame
from trio_copilot.rpc import ClientHandlers, GitHubTelemetryHandler
from trio_copilot.testing import ModelRequest, Reply, open_scripted_cli

DEEP = '{"a":' * 3000 + "1" + "}" * 3000
ODD = [
    *("{}", "[]", "null", "5", "-1.5", "true", '"text"', '"\\ud83d"', '[[{"a": 1}]]'),
    *("1" + "0" * 400, "1" * 5000, "1e999", DEEP),
]
"""JSON that fits hardly anywhere."""
LONG = pytest.mark.all


def members(fields: Mapping[str, str]) -> str:
    """A JSON object of values that are JSON already."""
    return "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in fields.items()) + "}"


def frame(session_id: str, event: str) -> bytes:
    params = f'{{"sessionId":{json.dumps(session_id)},"event":{event}}}'
    said = f'{{"jsonrpc":"2.0","method":"session.event","params":{params}}}'
    return encode_frame(said.encode())


def payloads(wire_type: str) -> Iterator[str]:
    """Payloads of a type that are not an object, or have one odd field.

    Not each field with each oddity: every fourth, and another fourth for the next one.
    """
    yield from ODD
    for sample in SamplesWithAny().payloads(codec._class(wire_type)):
        whole = {name: json.dumps(value) for name, value in sample.items()}
        for number, name in enumerate(whole):
            for odd in ODD[number % 4 :: 4]:
                yield members({**whole, name: odd})


def odd_frames(session_id: str, wire_type: str) -> Iterator[bytes]:
    kind = {"type": json.dumps(wire_type)}
    for payload in payloads(wire_type):
        yield frame(session_id, members({**kind, "data": payload}))
    for name in ("id", "parentId", "timestamp", "ephemeral", "agentId", "more"):
        for odd in ODD:
            yield frame(session_id, members({**kind, "data": "{}", name: odd}))


async def look_at(events: Subscription[SessionEvent]) -> None:
    async for event in events:
        if not isinstance(event, Lagged):
            assert event.type == event.raw.get("type")
            assert event.data is not None
            repr((event, event.payload is None, event.timestamp, event.parent_id))


def model(request: ModelRequest) -> Reply:
    return Reply("innocent") if "And you" in request.prompt else Reply(then="hang")


async def form(request: object) -> Mapping[str, Any]:
    await trio.lowlevel.checkpoint()
    return {}


def some_types() -> list[Any]:
    """Every type that a turn or a session reads, and some of the others."""
    read = Transcript._READERS.keys() | SessionState._EFFECTS.keys()
    return [
        name if name in read or number % 8 == 0 else pytest.param(name, marks=LONG)
        for number, name in enumerate(sorted(EVENTS))
    ]


@pytest.mark.repetitive
@pytest.mark.parametrize("wire_type", some_types())
async def test_an_event_with_an_odd_field_harms_nobody(
    wire_type: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    declared = Tool("text", handler=None)
    with trio.fail_after(600):
        async with (
            open_scripted_cli(model) as cli,
            open_client(cli.stream) as client,
            client.open_session() as other,
            client.open_session(
                tools=[declared], on_permission_request=allow_all, on_elicitation=form
            ) as session,
            session.subscribe(capacity=100_000) as events,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(look_at, events)
            turn: Turn | None = None
            try:
                async with session.turn("?") as turn:
                    for odd in odd_frames(session.id, wire_type):
                        cli.send_bytes(odd)
                        if turn.ended:
                            break
                    await client.ping()
                    await turn.abort()
            except SessionClosedError:
                assert wire_type == "session.shutdown"
            assert turn is not None
            assert turn.ended
            assert (await other.ask("And you?")).text == "innocent"
            await events.aclose()


@pytest.mark.parametrize("odd", ODD)
async def test_a_notification_with_odd_fields_harms_nobody(
    odd: str, autojump_clock: MockClock
) -> None:
    class Hears(GitHubTelemetryHandler):
        async def event(self, request: object) -> None:
            raise AssertionError("it does not fit")

    async with (
        open_scripted_cli(["innocent"]) as cli,
        open_client(
            cli.stream, handlers=ClientHandlers(github_telemetry=Hears())
        ) as client,
        client.open_session() as session,
        client.lifecycle() as changes,
    ):
        for method in ("session.lifecycle", "session.event", "gitHubTelemetry.event"):
            for params in (
                odd,
                f'{{"sessionId": {odd}, "type": {odd}, "event": {odd}}}',
            ):
                said = f'{{"jsonrpc":"2.0","method":"{method}","params":{params}}}'
                cli.send_bytes(encode_frame(said.encode()))
        with trio.fail_after(600):
            assert (await session.ask("?")).text == "innocent"
        assert changes.statistics().current_buffer_used > 0


REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "userInput.request": {"question": "?", "choices": ["a"], "allowFreeform": True},
    "exitPlanMode.request": {"summary": "s", "planContent": "p", "actions": ["a"]},
    "autoModeSwitch.request": {"errorCode": "e", "retryAfterSeconds": 3},
    "hooks.invoke": {"hookType": "preToolUse", "input": {"toolName": "t"}},
    "systemMessage.transform": {"sections": {"identity": {"content": "x"}}},
}


def odd_requests(session_id: str) -> Iterator[tuple[str, str]]:
    """Methods, and parameters of which one is odd."""
    to_session = {"sessionId": json.dumps(session_id)}
    for method, fields in REQUESTS.items():
        whole = to_session | {name: json.dumps(it) for name, it in fields.items()}
        for odd in ODD:
            yield method, odd
            for name in whole:
                yield method, members({**whole, name: odd})


@pytest.mark.repetitive
async def test_a_request_with_odd_parameters_harms_nobody(
    autojump_clock: MockClock,
) -> None:
    asked = set[str]()

    async def look_at(question: object, *_: object) -> None:
        await trio.lowlevel.checkpoint()
        repr(question)
        asked.add(type(question).__name__)

    async def leave_it(question: object) -> Abstain:
        await look_at(question)
        return Abstain()

    moments = [each.name for each in attrs.fields(Hooks) if each.name != "fails_open"]
    hooks: dict[str, Any] = dict.fromkeys(moments, look_at)
    with trio.fail_after(600):
        async with (
            open_scripted_cli(["innocent"]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as other,
            client.open_session(
                hooks=Hooks(**hooks),
                on_user_input=leave_it,
                on_exit_plan_mode=leave_it,
                on_auto_mode_switch=leave_it,
            ) as session,
        ):
            for number, (method, params) in enumerate(odd_requests(session.id)):
                head = f'"jsonrpc":"2.0","id":"odd {number}","method":"{method}"'
                cli.send_bytes(encode_frame(f'{{{head},"params":{params}}}'.encode()))
            await client.ping()
            assert (await other.ask("?")).text == "innocent"
    assert asked == {
        *("AutoModeSwitchRequest", "ExitPlanModeRequest", "HookInput"),
        "UserInputRequest",
    }


@pytest.mark.parametrize("odd", ['"\\ud83d"', "1" + "0" * 400])
async def test_a_request_whose_id_cannot_be_written_harms_nobody(
    odd: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer would have to repeat it."""
    with trio.fail_after(600):
        async with (
            open_scripted_cli(["innocent"]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            asked = f'{{"jsonrpc":"2.0","id":{odd},"method":"no.such","params":{{}}}}'
            cli.send_bytes(encode_frame(asked.encode()))
            assert (await session.ask("?")).text == "innocent"
    assert "no.such cannot be answered" in caplog.text
    assert caplog.text.encode()  # what a log can write


# -- our own faults


@attrs.define
class Woken:
    """Which handler got what, and when."""

    errors: dict[str, BaseException] = attrs.field(factory=dict)

    async def note(self, who: str, waiting: Any) -> None:
        try:
            await waiting()
        except (InternalError, CliExitedError) as error:
            self.errors[who] = error


async def asking(session: Session) -> None:
    await session.ask("?")


async def iterating(session: Session) -> None:
    async with session.turn("?") as turn:
        async for _ in turn:
            pass


async def subscribed(session: Session) -> None:
    async with session.subscribe() as events:
        async for _ in events:
            pass


async def calling(client: Client) -> None:
    await client.call("ping")


@pytest.mark.parametrize("at", ["reader", "writer"])
async def test_a_fault_of_ours_wakes_everybody_at_once(
    at: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = ZeroDivisionError("something secret")

    def fail(*_: object) -> None:
        raise fault

    async def fail_to_send(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise fault

    woken = Woken()
    async with (
        open_scripted_cli([Reply(then="hang")] * 2, ignore={"ping"}) as cli,
        trio.open_nursery() as nursery,
    ):
        with trio.fail_after(600):
            async with (
                open_client(cli.stream) as client,
                client.open_session() as one,
                client.open_session() as two,
            ):
                waiters = {
                    "ask": lambda: asking(one),
                    "turn": lambda: iterating(two),
                    "subscription": lambda: subscribed(one),
                    "call": lambda: calling(client),
                }
                for who, waiting in waiters.items():
                    nursery.start_soon(woken.note, who, waiting)
                await cli.wait_request(2)
                await trio.testing.wait_all_tasks_blocked()
                began = trio.current_time()
                if at == "reader":
                    monkeypatch.setattr(Transcript, "feed", fail)
                    cli.emit(two.id, "assistant.message_delta", {"deltaContent": "x"})
                else:
                    monkeypatch.setattr(cli.stream, "send_all", fail_to_send)
                    nursery.start_soon(woken.note, "last", lambda: calling(client))
                while len(woken.errors) < len(waiters):
                    await trio.testing.wait_all_tasks_blocked()
                assert trio.current_time() == began
                with pytest.raises(InternalError):
                    await client.ping()
            assert trio.current_time() - began < 1

    assert set(woken.errors) >= set(waiters)
    for error in woken.errors.values():
        assert isinstance(error, InternalError)
        assert error.fault is fault
        assert error.__cause__ is fault
        assert "ZeroDivisionError" in str(error)
        assert "secret" not in str(error)  # it may hold anything
