"""A session in the cloud gets its id from there."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from trio_copilot import RpcError, SessionOptions, Tool, allow_all, open_client
from trio_copilot.testing import open_scripted_cli, open_stage

CLOUD = {"repository": {"owner": "me", "name": "mine"}}


async def test_it_is_known_by_the_id_in_the_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """From its first event on, which comes in the same burst."""
    async with (
        open_scripted_cli(["hello"]) as cli,
        open_client(cli.stream) as client,
    ):
        async with client.open_session(cloud=CLOUD) as session:
            assert "sessionId" not in cli.calls("session.create")[0]
            assert session.id
            assert client.statistics().open_sessions == 1
            assert client.statistics().events["session.start"] == 1
            assert (await session.ask("Hello")).text == "hello"
        assert client.statistics().open_sessions == 0
        assert cli.calls("session.detach") == [{"sessionId": session.id}]


async def test_cancelled_while_it_is_created_it_is_released_by_that_id(
    autojump_clock: trio.testing.MockClock,
) -> None:
    slow = {"session.create": 1.0}
    async with (
        open_scripted_cli([], answer_after=slow) as cli,
        open_client(cli.stream) as client,
    ):
        with trio.move_on_after(0.5):
            async with client.open_session(cloud=CLOUD):
                raise AssertionError
        (released,) = cli.calls("session.detach")
        assert released["sessionId"]
        assert client.statistics().open_sessions == 0


def test_it_is_told_nothing_that_nobody_asked_for() -> None:
    """With any of it the CLI answers that it has no such method."""
    forbidden = {"includeSubAgentStreamingEvents", "requestPermission", "tools"}
    told = SessionOptions(cloud=CLOUD).to_wire(None)

    assert forbidden.isdisjoint(told)
    asked = SessionOptions(
        cloud=CLOUD,
        include_sub_agent_streaming_events=False,
        on_permission_request=allow_all,
        tools=[Tool("look")],
    )
    assert forbidden <= asked.to_wire(None).keys()


def test_nobody_else_gives_it_an_id() -> None:
    with pytest.raises(ValueError, match="cloud= and session_id= exclude each other"):
        SessionOptions(cloud=CLOUD, session_id="mine")


@pytest.mark.cli
async def test_the_real_cli_takes_it_so(cli_path: Path, cli_home: Path) -> None:
    """Up to the point where it needs an account."""
    with trio.fail_after(60):
        async with (
            open_stage([], cli=cli_path, home=cli_home) as stage,
            stage.open_client() as client,
        ):
            with pytest.raises(RpcError, match="cloud requires authentication"):
                async with client.open_session(cloud=CLOUD):
                    raise AssertionError
