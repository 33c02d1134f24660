"""How a client ends a CLI that does not want to end, or does not answer.

The steps of the ladder are tested in `tests/transport/test_process.py`. Here a client
with an open turn climbs it, whatever made it leave its block.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.contract.stubborn_cli import StubbornCli, is_dead, is_reaped, stubborn_cli
from tests.processes import descriptors
from tests.turns import until_text
from trio_copilot import (
    Client,
    ClientClosedError,
    CliExitedError,
    SessionClosedError,
    open_client,
)
from trio_copilot._client import open_client as client_module
from trio_copilot._peer import farewell as farewell_module
from trio_copilot._session import state as session_module, turn_state as turn_module
from trio_copilot._transport import process as process_module
from trio_copilot._transport.process import PATIENCE, SHUTDOWN_TIMEOUT
from trio_copilot._transport.process_group import kill_group

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"),
    reason="waits for processes that are not its children",
)

SHORT = 0.8  # seconds for a ladder whose polite steps fail
SLOWNESS = 3.0  # seconds that a loaded machine may need besides
LONG = 80.0  # seconds for a ladder of which no step is to be waited for

SHUTDOWN, STDIN, TERM, KILL = "runtime.shutdown", "end of stdin", "SIGTERM", "SIGKILL"
DEAF = (SHUTDOWN, STDIN, TERM)


def steps(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The steps that the log reports as insufficient."""
    loggers = "trio_copilot.client", "trio_copilot.transport"
    said = [r.getMessage() for r in caplog.records if r.name in loggers]
    return [step for line in said for step in DEAF if f" {step}: " in line]


@asynccontextmanager
async def streaming(cli: StubbornCli, timeout: float) -> AsyncIterator[Client]:
    """A client with a turn that streams; it leaves neither processes nor descriptors."""
    before = descriptors()
    try:
        async with open_client(cli.command, shutdown_timeout=timeout) as client:
            async with client.open_session() as session, session.turn("?") as turn:
                await until_text(turn)
                yield client
    finally:
        pid, child = cli.pids
        assert is_reaped(pid)
        assert is_dead(child)
        assert descriptors() == before


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have less patience with what is not in question."""
    monkeypatch.setattr(turn_module, "GRACE", 0.2)
    monkeypatch.setattr(session_module, "RELEASE_TIMEOUT", 0.2)
    monkeypatch.setattr(client_module, "SHUTDOWN_REQUEST_TIMEOUT", 0.2)


LADDER = [
    pytest.param((), id="obeys"),
    pytest.param((SHUTDOWN,), id="ignores runtime.shutdown"),
    pytest.param((SHUTDOWN, STDIN), id="ignores the end of stdin"),
    pytest.param(DEAF, id="ignores SIGTERM"),
]


@pytest.mark.parametrize("ignored", LADDER)
async def test_no_step_is_taken_that_is_not_needed(
    ignored: tuple[str, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    short_waits: None,
) -> None:
    """Its child holds the pipes open; the block's own exception leaves it."""
    mistake = LookupError()
    with trio.fail_after(30), stubborn_cli(tmp_path, *ignored) as cli:
        with pytest.raises(LookupError) as caught:
            async with streaming(cli, 4 * SHORT):
                raise mistake
        assert caught.value is mistake
        assert steps(caplog) == list(ignored)
        assert "session.abort" in cli.noticed


@pytest.mark.parametrize("ignored", LADDER)
async def test_a_cancelled_client_climbs_as_far_and_is_cancelled_once(
    ignored: tuple[str, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    short_waits: None,
) -> None:
    with trio.fail_after(30), stubborn_cli(tmp_path, *ignored) as cli:
        with trio.CancelScope() as scope:
            async with streaming(cli, 4 * SHORT):
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert steps(caplog) == list(ignored)
        assert "session.abort" in cli.noticed


@pytest.mark.parametrize("group", [False, True])
async def test_one_that_is_stopped_in_mid_turn_is_killed(
    group: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, short_waits: None
) -> None:
    with trio.fail_after(30), stubborn_cli(tmp_path) as cli:
        with pytest.raises(LookupError):
            async with streaming(cli, SHORT):
                stop = os.killpg if group else os.kill
                stop(cli.pids[0], signal.SIGSTOP)
                raise LookupError
        assert steps(caplog) == list(DEAF)
        assert "is broken: The CLI did not obey an abort" in caplog.text


async def test_one_that_dies_in_mid_turn_leaves_no_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The child holds the pipes; leaving does not wait for it, and kills it."""
    with trio.fail_after(30), stubborn_cli(tmp_path, *DEAF) as cli:
        with pytest.raises(CliExitedError) as caught:
            async with streaming(cli, LONG) as client:
                os.kill(cli.pids[0], signal.SIGKILL)
                await client.ping()
        assert caught.value.returncode == -signal.SIGKILL
        assert steps(caplog) == []


def bound(shutdown_timeout: float) -> float:
    """The sum of all that leaving a client waits for, if the kernel kills at once."""
    return farewell_module.PATIENCE + 2 * PATIENCE * shutdown_timeout


async def test_the_end_is_bounded_with_a_turn_in_another_task(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopped in mid-turn, with a pipe full of what it has not read: nothing is quick."""

    async def work(client: Client, task_status: trio.TaskStatus[None]) -> None:
        with pytest.raises(SessionClosedError):
            async with client.open_session() as session, session.turn("?") as turn:
                await until_text(turn)
                task_status.started()
                await trio.sleep_forever()

    async def fill_the_pipe(client: Client) -> None:
        with pytest.raises(ClientClosedError):
            await client.ping("x" * 1_000_000)

    with trio.fail_after(30), stubborn_cli(tmp_path) as cli:
        async with trio.open_nursery() as nursery:
            async with open_client(cli.command, shutdown_timeout=SHORT) as client:
                await nursery.start(work, client)
                os.kill(cli.pids[0], signal.SIGSTOP)
                nursery.start_soon(fill_the_pipe, client)
                await trio.testing.wait_all_tasks_blocked()
                start = trio.current_time()
            took = trio.current_time() - start
        assert took < bound(SHORT) + SLOWNESS
        assert bound(SHUTDOWN_TIMEOUT) < 10
        assert steps(caplog) == list(DEAF)
        assert all(map(is_dead, cli.pids))


@pytest.mark.parametrize("stuck", [False, True], ids=["idle pipe", "full pipe"])
async def test_the_end_is_bounded_with_a_turn_in_the_same_task(
    stuck: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen in mid-turn: the drain takes most of the time, and leaves little."""
    monkeypatch.setattr(turn_module, "GRACE", 1.0)
    monkeypatch.setattr(farewell_module, "PATIENCE", 1.2)
    start = 0.0

    async def fill_the_pipe(client: Client) -> None:
        with pytest.raises(ClientClosedError):
            await client.ping("x" * 1_000_000)

    with trio.fail_after(30), stubborn_cli(tmp_path) as cli:
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                async with streaming(cli, SHORT) as client:
                    os.kill(cli.pids[0], signal.SIGSTOP)
                    if stuck:
                        nursery.start_soon(fill_the_pipe, client)
                        await trio.testing.wait_all_tasks_blocked()
                    start = trio.current_time()
                    scope.cancel()
                    await trio.sleep_forever()
            took = trio.current_time() - start

    assert 1.0 <= took < bound(SHORT) + SLOWNESS


@pytest.mark.parametrize("how", ["exception", "sibling"])
async def test_the_end_is_bounded_with_several_sessions_in_the_same_task(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen, and during the drain the client was not known to be closing."""
    monkeypatch.setattr(turn_module, "GRACE", 0.5)
    monkeypatch.setattr(farewell_module, "SILENCE", 0.5)
    start = 0.0

    async def fail() -> None:
        raise LookupError

    with trio.fail_after(60), stubborn_cli(tmp_path) as cli:
        with pytest.RaisesGroup(
            LookupError, flatten_subgroups=True, allow_unwrapped=True
        ):
            async with open_client(cli.command, shutdown_timeout=SHORT) as client:
                async with (
                    client.open_session(),
                    client.open_session(),
                    client.open_session() as session,
                    trio.open_nursery() as nursery,
                    session.turn("?") as turn,
                ):
                    await until_text(turn)
                    os.kill(cli.pids[0], signal.SIGSTOP)
                    start = trio.current_time()
                    if how == "exception":
                        raise LookupError
                    nursery.start_soon(fail)
                    await trio.sleep_forever()
        took = trio.current_time() - start

    # Without that each session would be waited for, and then the request to shut down.
    assert took < 0.5 + 2 * PATIENCE * SHORT + session_module.RELEASE_TIMEOUT


@pytest.mark.parametrize("cancelled_before", [False, True])
@pytest.mark.parametrize("step", ["session.detach", SHUTDOWN, STDIN, TERM, KILL])
async def test_a_cancellation_within_a_step(
    step: str,
    cancelled_before: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> None:
    """One within the polite steps kills at once; any other leaves nothing out."""
    cut_short = {STDIN: [SHUTDOWN], TERM: [SHUTDOWN, STDIN]}
    impatient = step in cut_short and not cancelled_before
    second = trio.CancelScope()

    def kill(process: trio.Process) -> None:
        second.cancel()
        kill_group(process)

    async def cancel_within_step() -> None:
        await cli.wait_for(step)
        second.cancel()

    with trio.fail_after(30), stubborn_cli(tmp_path, "session.detach", *DEAF) as cli:
        async with trio.open_nursery() as nursery:
            if step == KILL:
                monkeypatch.setattr(process_module, "kill_group", kill)
            else:
                nursery.start_soon(cancel_within_step)
            with second, trio.CancelScope() as first:
                async with streaming(cli, 4 if impatient else SHORT):
                    if cancelled_before:
                        first.cancel()
                        await trio.sleep_forever()
                await trio.lowlevel.checkpoint()
        assert second.cancelled_caught
        assert steps(caplog) == (cut_short[step] if impatient else list(DEAF))
