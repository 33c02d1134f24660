"""`heartbeat=`: a CLI that is there and does not answer is noticed."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import (
    CliExitedError,
    CliUnresponsiveError,
    TurnEndReason,
    open_client,
)
from trio_copilot.testing import Reply, open_scripted_cli

LONG = Reply("word " * 400, delay=0.1)


async def test_a_silent_cli_is_given_up(autojump_clock: Clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([Reply(then="hang")], ignore={"ping"}) as cli,
            open_client(cli.stream, heartbeat=5) as client,
            client.open_session() as session,
        ):
            begun = trio.current_time()
            with pytest.raises(
                CliUnresponsiveError, match="within 5 seconds"
            ) as caught:
                async with session.turn("?") as turn:
                    async for _ in turn:
                        pass
            assert trio.current_time() - begun < 11
            assert caught.value.silence == 5
            assert isinstance(caught.value, CliExitedError)
            assert turn.end.reason is TurnEndReason.ERROR
            with pytest.raises(CliUnresponsiveError):
                await client.ping()


async def test_a_cli_that_answers_is_left_alone(autojump_clock: Clock) -> None:
    with trio.fail_after(600):
        async with (
            open_scripted_cli([LONG]) as cli,
            open_client(cli.stream, heartbeat=5) as client,
            client.open_session() as session,
        ):
            end = await session.ask("?")
            assert 5 <= len(cli.calls("ping")) <= 10

    assert end.reason is TurnEndReason.COMPLETE


@pytest.mark.cli
async def test_a_stopped_cli_is_given_up_and_killed(real: World) -> None:
    with trio.fail_after(real.patience):
        async with real.stage([LONG]) as stage:
            async with stage.open_client(heartbeat=0.5, shutdown_timeout=1) as client:
                assert client.pid is not None
                async with client.open_session() as session:
                    with pytest.raises(CliUnresponsiveError):
                        async with session.turn("?") as turn:
                            async for _ in turn:
                                os.kill(client.pid, signal.SIGSTOP)
                given_up = trio.current_time()
            assert trio.current_time() - given_up < 3
            with pytest.raises(ProcessLookupError):
                os.kill(client.pid, 0)


@pytest.mark.parametrize("heartbeat", [0, -1, float("nan")])
async def test_a_heartbeat_takes_time(heartbeat: Any, autojump_clock: Clock) -> None:
    with pytest.raises(ValueError, match="heartbeat must be above 0 seconds"):
        async with open_client(heartbeat=heartbeat):
            pass
