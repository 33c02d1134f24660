"""Which CLIs this client works with, and which error the others cause."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_copilot import (
    ClientClosedError,
    CliUnresponsiveError,
    ConnectError,
    IncompatibleCliError,
    RpcError,
    SessionBrokenError,
    SessionClosedError,
    open_client,
)
from trio_copilot._session.state import RELEASE_TIMEOUT
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import ErrorResponse, Response, encode_message
from trio_copilot.testing import Reply, open_scripted_cli


async def test_another_protocol_is_refused_by_name(autojump_clock) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli(version="0.9", protocol_version=2) as cli:
            with pytest.raises(IncompatibleCliError) as caught:
                async with open_client(cli.stream):
                    raise AssertionError

    message = str(caught.value)
    assert "speaks version 3" in message
    assert "0.9" in message
    assert "version 2" in message
    assert "install-cli" in message
    assert (caught.value.cli_version, caught.value.cli_protocol) == ("0.9", 2)


async def test_no_version_of_the_protocol_is_refused(autojump_clock) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli(protocol_version=None) as cli:
            with pytest.raises(IncompatibleCliError, match="speaks no version"):
                async with open_client(cli.stream):
                    raise AssertionError


def unknown(params: object) -> None:
    raise RpcError(-32601, "Unhandled method")


async def test_a_cli_without_connect_says_its_version_all_the_same(
    autojump_clock,
) -> None:
    """As CLIs up to 1.0.40 do."""
    old: dict[str, Any] = {"version": "0.0.403", "answers": {"connect": unknown}}
    with trio.fail_after(60):
        async with open_scripted_cli(**old) as cli, open_client(cli.stream) as client:
            assert client.cli_version == "0.0.403"
            assert client.protocol_version == 3

        async with open_scripted_cli(**old, protocol_version=2) as cli:
            with pytest.raises(IncompatibleCliError, match=r"0\.0\.403.* version 2"):
                async with open_client(cli.stream):
                    raise AssertionError


async def test_a_time_in_milliseconds_is_an_answer_to_ping(autojump_clock) -> None:
    """As CLIs up to 1.0.50 have it."""
    pong = {"message": "pong", "timestamp": 1795258646173, "protocolVersion": 3}
    with trio.fail_after(60):
        async with open_scripted_cli(answers={"ping": lambda _: pong}) as cli:
            async with open_client(cli.stream) as client:
                assert (await client.ping()).timestamp == "1795258646173"


async def test_a_cli_without_detach_is_told_to_destroy_the_session(
    autojump_clock,
) -> None:
    """As CLIs up to 1.0.60 want it; it can be resumed."""
    answers = {"session.detach": unknown}
    with trio.fail_after(60):
        async with open_scripted_cli(["Hello."], answers=answers) as cli:
            async with open_client(cli.stream) as client:
                async with client.open_session() as session:
                    await session.ask("?")
                assert len(cli.calls("session.destroy")) == 1
                async with client.resume_session(session.id):
                    pass


async def test_a_cli_without_connect_and_status_is_asked_by_ping(
    autojump_clock,
) -> None:
    near, far = trio.testing.memory_stream_pair()

    async def answer(*messages: Response | ErrorResponse) -> None:
        for message in messages:
            await far.receive_some()
            await far.send_all(encode_frame(encode_message(message)))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                answer,
                ErrorResponse(1, -32601, "Unhandled method connect", None),
                ErrorResponse(2, -32601, "Unhandled method status.get", None),
                Response(3, {"message": "pong", "protocolVersion": 3}),
                Response(4, None),
            )
            async with open_client(near) as client:
                assert client.protocol_version == 3
                assert client.cli_version == ""


async def test_the_end_of_the_block_asks_the_cli_to_shut_down(autojump_clock) -> None:
    """Sessions are released first, then the process ends."""
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli:
            async with open_client(cli.stream) as client:
                async with client.open_session(), client.open_session():
                    pass
            await cli.wait_gone()
            methods = [getattr(message, "method", "") for message in cli.received]

    assert methods[-1] == "runtime.shutdown"
    assert methods.count("session.detach") == 2
    assert not cli.torn


@pytest.mark.parametrize("method", ["runtime.shutdown", "session.detach"])
async def test_a_cli_that_does_not_answer_holds_nobody_up(
    method: str, autojump_clock
) -> None:
    """Leaving the client's block is bounded."""
    with trio.fail_after(60):
        async with open_scripted_cli([], ignore={method}) as cli:
            async with open_client(cli.stream) as client:
                async with client.open_session():
                    start = trio.current_time()

    assert trio.current_time() - start < 5


async def test_an_abort_that_is_not_obeyed_breaks_the_session(
    autojump_clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The drain is bounded; what made the caller leave propagates unchanged."""
    script = [Reply("word " * 999, delay=0.1)]
    with trio.fail_after(600):
        async with (
            open_scripted_cli(script, ignore={"session.abort"}) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            start = trio.current_time()
            with pytest.raises(LookupError):
                async with session.turn("?") as turn:
                    async for _ in turn:
                        raise LookupError
            took = trio.current_time() - start

            assert 5 <= took < 6
            assert turn.end.reason == "cancelled"
            with pytest.raises(SessionBrokenError, match="did not obey an abort"):
                await session.ask("?")
            async with client.open_session():
                pass  # the client lives on

    assert "is broken" in caplog.text
    assert len(cli.calls("session.detach")) == 2  # also the broken one is released


async def test_subscribers_of_a_broken_session_are_told_and_handlers_end(
    autojump_clock,
) -> None:
    """No event reaches them any more, so they must not wait for one."""
    script = [Reply("word " * 999, delay=0.1)]
    heard: list[str] = []
    with trio.fail_after(600):
        async with (
            open_scripted_cli(script, ignore={"session.abort"}) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
            session.subscribe() as events,
        ):
            session.on(lambda event: heard.append(event.type))
            end = await session.ask("?", timeout=1)
            with pytest.raises(SessionBrokenError, match="did not obey an abort"):
                async for _ in events:
                    pass
            with pytest.raises(SessionBrokenError):
                async with session.subscribe() as late:
                    await late.receive()

    assert end.cause == "deadline"
    assert "assistant.message_delta" in heard


async def test_a_prompt_that_is_not_admitted_in_time_breaks_the_session(
    autojump_clock,
) -> None:
    """Cancelled while the prompt is sent: waiting for its answer is bounded."""
    with trio.fail_after(60):
        async with (
            open_scripted_cli([], ignore={"session.send"}) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with trio.move_on_after(1) as scope:
                await session.ask("?")
            assert scope.cancelled_caught
            with pytest.raises(SessionBrokenError):
                await session.ask("?")


async def test_a_cli_that_does_not_answer_at_first_is_given_up(autojump_clock) -> None:
    with trio.fail_after(600):
        async with open_scripted_cli([], ignore={"connect"}) as cli:
            with pytest.raises(ConnectError, match="within 60 seconds"):
                async with open_client(cli.stream):
                    raise AssertionError


async def test_tasks_that_wait_when_the_block_is_left_are_woken(autojump_clock) -> None:
    heard: list[type[Exception]] = []

    with trio.fail_after(60):
        async with (
            open_scripted_cli([], ignore={"slow"}) as cli,
            trio.open_nursery() as nursery,
        ):
            async with open_client(cli.stream) as client:

                async def call() -> None:
                    try:
                        await client.call("slow")
                    except ClientClosedError as error:
                        heard.append(type(error))

                nursery.start_soon(call)
                await cli.wait_for("slow")

    assert heard == [ClientClosedError]


async def test_a_cancelled_call_is_cancelled_at_the_cli(autojump_clock) -> None:
    """Cancelled in any call that waits for its answer."""
    with trio.fail_after(60):
        async with (
            open_scripted_cli([], answer_after={"status.get": 5}) as cli,
            open_client(cli.stream) as client,
        ):
            with trio.move_on_after(1):
                await client.status()
            await client.ping()
            await trio.sleep(10)  # the late answer comes, and is dropped
            assert (await client.status()).protocol_version == 3

    (request,) = [m for m in cli.received if getattr(m, "id", 0) == 2]
    assert cli.calls("$/cancelRequest") == [{"id": request.id}]  # type: ignore[union-attr]


async def test_requests_of_the_cli_that_nobody_serves_are_answered(
    autojump_clock,
) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream):
            answer = await cli.request("hooks.invoke", {"sessionId": "x"})

    assert isinstance(answer, ErrorResponse)
    assert answer.code == -32601


async def test_a_session_cancelled_while_it_is_created_is_released(
    autojump_clock,
) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([], answer_after={"session.create": 1}) as cli,
            open_client(cli.stream) as client,
        ):
            with trio.move_on_after(0.5) as scope:
                async with client.open_session():
                    raise AssertionError
            assert scope.cancelled_caught
            assert len(cli.calls("session.detach")) == 1


@pytest.mark.parametrize("method", ["session.create", "session.resume"])
async def test_a_session_that_does_not_open_in_time_is_given_up(
    method: str, autojump_clock
) -> None:
    async with (
        open_scripted_cli(["hi"], ignore={method}) as cli,
        open_client(cli.stream) as client,
    ):
        block = (
            client.open_session(open_timeout=7)
            if method == "session.create"
            else client.resume_session("gone", open_timeout=7)
        )
        began = trio.current_time()
        with pytest.raises(CliUnresponsiveError, match="within 7 seconds"):
            async with block:
                raise AssertionError
        assert 7 <= trio.current_time() - began <= 7 + RELEASE_TIMEOUT
        await client.ping()
        assert client.statistics().open_sessions == 0


async def test_opening_a_session_has_a_bound_by_default(autojump_clock) -> None:
    async with (
        open_scripted_cli([], ignore={"session.create"}) as cli,
        open_client(cli.stream) as client,
    ):
        with trio.move_on_after(3600) as hour:
            with pytest.raises(CliUnresponsiveError):
                async with client.open_session():
                    raise AssertionError
        assert not hour.cancelled_caught
        with trio.move_on_after(3600) as hour:
            async with client.open_session(open_timeout=None):
                raise AssertionError
        assert hour.cancelled_caught


async def test_a_session_that_opens_too_late_is_released(autojump_clock) -> None:
    """Nobody waits for the session any more, and the CLI must not keep it."""
    async with (
        open_scripted_cli(["hi"], answer_after={"session.create": 30}) as cli,
        open_client(cli.stream) as client,
    ):
        with pytest.raises(CliUnresponsiveError):
            async with client.open_session(session_id="late", open_timeout=5):
                raise AssertionError
        assert cli.calls("session.detach") == []
        with trio.fail_after(60):
            released = await cli.wait_for("session.detach")
        assert released["sessionId"] == "late"
        assert len(cli.calls("session.detach")) == 1


async def test_an_open_timeout_is_a_number_of_seconds() -> None:
    async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
        with pytest.raises(ValueError, match="open_timeout must not be negative"):
            client.open_session(open_timeout=-1)
        with pytest.raises(TypeError, match="open_timeout must be a number of seconds"):
            client.resume_session("x", open_timeout="1")  # type: ignore[arg-type]


async def test_a_session_that_could_not_be_created_is_not_released(
    autojump_clock,
) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
            with pytest.raises(Exception, match="sessionId"):
                async with client.open_session(session_id="weird/../id"):
                    raise AssertionError
            assert cli.calls("session.detach") == []


async def test_an_observer_sees_the_last_events_before_the_block_is_left(
    autojump_clock,
) -> None:
    seen: list[str] = []

    async def look(event) -> None:
        await trio.sleep(0.01)  # slower than the events come
        seen.append(event.type)

    with trio.fail_after(60):
        async with (
            open_scripted_cli(["hello"]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            session.on(look, "assistant.message_delta", "session.idle")
            await session.ask("?")

    assert seen == ["assistant.message_delta", "session.idle"]


async def test_an_observer_that_fails_ends_the_session_block(autojump_clock) -> None:
    def fail(event: object) -> None:
        raise LookupError("observer")

    with trio.fail_after(60):
        async with open_scripted_cli([Reply("a", then="hang")]) as cli:
            async with open_client(cli.stream) as client:
                with pytest.raises(LookupError, match="observer"):
                    async with client.open_session() as session:
                        session.on(fail, "assistant.message_delta")
                        await session.ask("?")

    assert len(cli.calls("session.abort")) == 1


async def test_an_observer_can_be_taken_off(autojump_clock) -> None:
    seen: list[object] = []
    with trio.fail_after(60):
        async with (
            open_scripted_cli(["one", "two"]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            off = session.on(seen.append, "session.idle")
            await session.ask("?")
            await trio.testing.wait_all_tasks_blocked()
            off()
            off()
            await session.ask("?")

    assert len(seen) == 1


async def test_subscriptions_end_with_the_session(autojump_clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli(["hello"]) as cli,
            open_client(cli.stream) as client,
        ):
            async with client.open_session() as session:
                subscription = session.subscribe("session.idle")
                events = await subscription.__aenter__()
                await session.ask("?")
            types = [event.type async for event in events]  # type: ignore[union-attr]
            await subscription.__aexit__(None, None, None)

            assert types == ["session.idle"]
            with pytest.raises(SessionClosedError):
                session.on(print)


async def test_the_end_is_bounded_whatever_the_cli_ignores(autojump_clock) -> None:
    """With a turn open in another task. A real process would get 5 seconds more."""
    deaf = {"session.abort", "session.detach", "runtime.shutdown"}
    with trio.fail_after(60):
        async with (
            open_scripted_cli([Reply("a b", then="hang")], ignore=deaf) as cli,
            trio.open_nursery() as nursery,
        ):
            async with open_client(cli.stream) as client:

                async def work() -> None:
                    with pytest.raises(SessionClosedError):
                        async with client.open_session() as session:
                            await session.ask("?")

                nursery.start_soon(work)
                await cli.wait_request(1)
                start = trio.current_time()
            took = trio.current_time() - start

    assert took <= 5
