"""A process is owned by a block: what it may do meanwhile, and that nothing is left.

The processes are real, and small. Their first line means that they are ready.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_copilot._errors import CliExitedError, ConnectError
from trio_copilot._scopes import open_block
from trio_copilot._transport import process as process_module
from trio_copilot._transport.process import STDERR_TAIL, CliProcess, open_process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and groups")
needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="waits for a process that is not its child"
)

SHORT = 0.4  # seconds for a ladder whose polite steps fail
LONG = 40.0  # seconds for a ladder of which no step is to be waited for

ECHO = """
import sys
while line := sys.stdin.buffer.readline():
    sys.stdout.buffer.write(line); sys.stdout.flush()
"""
DEAF = "print('ready', flush=True); import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {DEAF}"
UNTIL_END = "import sys; sys.stdin.read()"


def with_child(then: str, *, escapes: bool = False) -> str:
    """A script that starts a child which holds its pipes, says its pid, and goes on.

    A child that escapes is in a group of its own.
    """
    return f"""
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session={escapes}
)
print(child.pid, flush=True)
{then}
"""


def fd_count() -> int:
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.exists() else 0


@asynccontextmanager
async def run(script: str, **options):
    """Own a process that runs `script`; afterwards it is reaped and no fd is left."""
    options = {"shutdown_timeout": LONG} | options
    before = fd_count()
    cli = None
    try:
        with trio.fail_after(10):
            async with open_process([sys.executable, "-c", script], **options) as cli:
                yield cli
    finally:
        assert fd_count() == before
        if cli is not None:
            assert cli.returncode is not None
            with pytest.raises(ChildProcessError):
                os.waitpid(cli.pid, os.WNOHANG)


async def read_line(cli: CliProcess) -> str:
    line = b""
    while not line.endswith(b"\n"):
        chunk = await cli.stream.receive_some(1)
        assert chunk, "the stream ended"
        line += chunk
    return line.decode().strip()


async def read_rest(cli: CliProcess) -> bytes:
    rest = b""
    while chunk := await cli.stream.receive_some():
        rest += chunk
    return rest


async def dies(pid: int) -> None:
    """Wait until another process's child is dead; reaping it is not our task."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with trio.fail_after(5):
            await trio.lowlevel.wait_readable(fd)
    finally:
        os.close(fd)


def steps(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The signals that the ladder logged."""
    return [record.getMessage().rpartition(" ")[2] for record in caplog.records]


# --- while the block lasts


async def test_bytes_go_both_ways():
    async with run(ECHO) as cli:
        await cli.stream.send_all(b"hello\n")
        assert await read_line(cli) == "hello"
        assert repr(cli) == f"<CliProcess {cli.pid}, running>"
    assert cli.returncode == 0
    assert repr(cli) == f"<CliProcess {cli.pid}, exited with 0>"


async def test_the_process_gets_the_environment_and_directory_and_a_group(tmp_path):
    script = "import os; print(os.environ['WORD'], os.getcwd(), os.getpgrp())"
    env = {**os.environ, "WORD": "sesame"}
    async with run(script, env=env, cwd=tmp_path) as cli:
        assert await read_line(cli) == f"sesame {tmp_path.resolve()} {cli.pid}"


async def test_a_process_that_dies_ends_the_stream_and_says_why():
    script = "import sys; sys.stderr.buffer.write(b'no provider: \\xff'); sys.exit(3)"
    async with run(script) as cli:
        assert await read_rest(cli) == b""
        error = await cli.exit_error()
    assert isinstance(error, CliExitedError)
    assert (error.returncode, error.stderr_tail) == (3, "no provider: \ufffd")


async def test_a_process_that_is_killed_says_by_which_signal():
    async with run(DEAF) as cli:
        assert await read_line(cli) == "ready"
        os.kill(cli.pid, signal.SIGKILL)
        assert await read_rest(cli) == b""
        assert "killed by signal 9" in str(await cli.exit_error())


async def test_stderr_is_always_read_and_only_its_last_bytes_are_kept():
    script = "import sys; sys.stderr.write('x' * 2**20 + 'the end'); print('ready')"
    async with run(script) as cli:
        assert await read_line(cli) == "ready"
        assert await read_rest(cli) == b""
        error = await cli.exit_error()
    assert len(error.stderr_tail) == STDERR_TAIL
    assert error.stderr_tail.endswith("xthe end")
    async with run(script, stderr_limit=3) as cli:
        assert (await cli.exit_error()).stderr_tail == "end"


async def test_a_process_that_closes_its_stdout_and_lives_on_has_no_status(monkeypatch):
    monkeypatch.setattr(process_module, "EXIT_STATUS_TIMEOUT", 0.01)
    script = "import os, sys; os.close(1); sys.stderr.write('hm'); sys.stdin.read()"
    async with run(script) as cli:
        assert await read_rest(cli) == b""
        assert (await cli.exit_error()).returncode is None
    assert cli.returncode is not None


@needs_pidfd
async def test_a_child_that_holds_the_pipes_does_not_delay_the_end_of_the_stream():
    async with run(with_child("sys.exit(4)")) as cli:
        child = int(await read_line(cli))
        assert await read_rest(cli) == b""
        assert (await cli.exit_error()).returncode == 4
        await dies(child)  # before the block is left


async def test_nor_does_a_child_that_has_left_the_group():
    async with run(with_child("sys.exit(4)", escapes=True)) as cli:
        child = int(await read_line(cli))
        try:
            assert await read_rest(cli) == b""
            assert await read_rest(cli) == b""
            assert (await cli.exit_error()).returncode == 4
        finally:
            os.kill(child, signal.SIGKILL)


CHATTERBOX = """
import os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-c", "while True: print('noise', flush=True)"],
    start_new_session=True,
)
print(child.pid, flush=True)
time.sleep(0.1)
os._exit(5)
"""


async def test_nor_does_a_child_that_never_stops_writing():
    async with run(CHATTERBOX) as cli:
        child = int(await read_line(cli))
        try:
            with trio.fail_after(10):
                await read_rest(cli)
            with trio.fail_after(10):
                assert (await cli.exit_error()).returncode == 5
        finally:
            os.kill(child, signal.SIGKILL)


async def test_the_last_bytes_are_not_lost_on_a_slow_reader(monkeypatch):
    """Silence ends the stream after the exit, not the time that has passed since."""
    monkeypatch.setattr(process_module, "LAST_BYTES_TIMEOUT", 0.05)
    script = with_child("print('x' * 50_000); sys.exit()", escapes=True)
    async with run(script) as cli:
        child = int(await read_line(cli))
        try:
            await cli._wait()
            await trio.sleep(0.1)
            for _ in range(50):
                assert await cli.stream.receive_some(1000) == b"x" * 1000
            assert await read_rest(cli) == b"\n"
        finally:
            os.kill(child, signal.SIGKILL)


# --- leaving the block


async def test_end_of_stdin_is_enough_for_most(caplog):
    async with run(UNTIL_END) as cli:
        pass
    assert (cli.returncode, steps(caplog)) == (0, [])


async def test_one_that_ignores_the_end_of_stdin_is_terminated(caplog):
    async with run(DEAF, shutdown_timeout=3 * SHORT) as cli:
        assert await read_line(cli) == "ready"
    assert (cli.returncode, steps(caplog)) == (-signal.SIGTERM, ["SIGTERM"])


async def test_one_that_ignores_that_too_is_killed(caplog):
    async with run(STUBBORN, shutdown_timeout=SHORT) as cli:
        assert await read_line(cli) == "ready"
    assert (cli.returncode, steps(caplog)) == (-signal.SIGKILL, ["SIGTERM", "SIGKILL"])


async def test_a_deadline_that_passes_on_the_ladder_hides_no_exception():
    error = LookupError()
    with trio.CancelScope() as scope:
        with pytest.raises(LookupError) as caught:
            async with run(STUBBORN, shutdown_timeout=SHORT) as cli:
                assert await read_line(cli) == "ready"
                scope.deadline = trio.current_time() + SHORT / 8
                raise error
    assert caught.value is error


async def test_one_that_is_stopped_is_killed():
    async with run(UNTIL_END, shutdown_timeout=SHORT) as cli:
        os.kill(cli.pid, signal.SIGSTOP)
    assert cli.returncode == -signal.SIGKILL


async def test_one_that_waits_for_us_to_read_can_still_exit(caplog):
    script = """
import sys
sys.stdin.read()
sys.stdout.write("x" * 2**20); sys.stderr.write("y" * 2**20)
"""
    async with run(script) as cli:
        pass
    assert (cli.returncode, steps(caplog)) == (0, [])
    assert cli.stderr_tail == "y" * STDERR_TAIL


async def test_one_whose_stream_was_closed_already_exits_as_well(caplog):
    async with run(UNTIL_END) as cli:
        await cli.stream.aclose()
    assert (cli.returncode, steps(caplog)) == (0, [])


async def test_one_that_is_dead_already_is_left_in_peace(caplog):
    async with run("") as cli:
        await cli.exit_error()
    assert (cli.returncode, steps(caplog)) == (0, [])


@needs_pidfd
async def test_what_it_leaves_in_its_group_is_killed(caplog):
    async with run(with_child("sys.stdin.read()")) as cli:
        child = int(await read_line(cli))
    assert steps(caplog) == []
    await dies(child)


@needs_pidfd
async def test_the_group_of_one_that_is_killed_is_killed_with_it():
    script = with_child("import signal, time; signal.pause()").replace(
        "child =", "import signal; signal.signal(15, signal.SIG_IGN); child =", 1
    )
    async with run(script, shutdown_timeout=SHORT) as cli:
        child = int(await read_line(cli))
    assert cli.returncode == -signal.SIGKILL
    await dies(child)


async def test_one_that_cannot_be_killed_holds_nobody_up(monkeypatch, caplog):
    monkeypatch.setattr(process_module, "kill_group", lambda _process: None)
    with trio.fail_after(5):
        async with open_process(
            [sys.executable, "-c", STUBBORN], shutdown_timeout=SHORT
        ) as cli:
            assert await read_line(cli) == "ready"
    assert caplog.messages[-1] == f"The Copilot CLI (pid {cli.pid}) cannot be killed"
    cli._process.kill()
    await cli._process.wait()


# --- exceptions and cancellation


@pytest.mark.parametrize("script", [UNTIL_END, STUBBORN])
async def test_an_exception_leaves_the_block_as_itself(script):
    mistake = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with run(script, shutdown_timeout=SHORT):
            raise mistake
    assert caught.value is mistake


async def test_a_cancelled_block_climbs_the_whole_ladder(caplog):
    """The shield: a polite exit still gets its time, although we are cancelled."""
    with trio.CancelScope() as scope:
        async with run(UNTIL_END) as polite:
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert (polite.returncode, steps(caplog)) == (0, [])


async def test_a_cancelled_block_leaves_no_stubborn_process_either(caplog):
    with trio.CancelScope() as scope:
        async with run(STUBBORN, shutdown_timeout=SHORT) as cli:
            assert await read_line(cli) == "ready"
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert (cli.returncode, steps(caplog)) == (-signal.SIGKILL, ["SIGTERM", "SIGKILL"])


@pytest.mark.parametrize("signals_sent", [0, 1])
async def test_a_cancellation_within_the_ladder_kills_at_once(signals_sent, caplog):
    """With LONG steps only a cancellation can end this in time."""
    cut_short = trio.CancelScope()

    class CancelAfterStep(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            cut_short.cancel()

    async def cancel_when_the_ladder_waits() -> None:
        await trio.testing.wait_all_tasks_blocked()
        cut_short.cancel()

    handler = CancelAfterStep()
    async with trio.open_nursery() as nursery:
        with cut_short:
            timeout = SHORT if signals_sent else LONG
            async with run(STUBBORN, shutdown_timeout=timeout) as cli:
                assert await read_line(cli) == "ready"
                if signals_sent:
                    process_module.logger.addHandler(handler)
                else:
                    nursery.start_soon(cancel_when_the_ladder_waits)
    process_module.logger.removeHandler(handler)
    assert cut_short.cancelled_caught
    assert cli.returncode == -signal.SIGKILL
    assert len(steps(caplog)) == signals_sent


@pytest.mark.parametrize("when", ["before", "while spawning", "spawned"])
async def test_a_cancellation_on_the_way_in_leaves_no_process(when, monkeypatch):
    """Trio spawns in a thread that nothing can interrupt: what it made is owned."""
    made: list[trio.Process] = []
    scope = trio.CancelScope()
    open_it = trio.lowlevel.open_process

    async def spy(*args, **options):
        if when == "while spawning":
            nursery.start_soon(cancel)
        made.append(await open_it(*args, **options))
        if when == "spawned":
            scope.cancel()
        return made[-1]

    async def cancel() -> None:
        await trio.lowlevel.checkpoint()
        assert not made
        scope.cancel()

    monkeypatch.setattr(trio.lowlevel, "open_process", spy)
    before = fd_count()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            with scope:
                if when == "before":
                    scope.cancel()
                async with open_process([sys.executable, "-c", UNTIL_END]):
                    await trio.sleep_forever()
    assert scope.cancelled_caught
    assert [process.returncode for process in made] == [0] * (when != "before")
    assert fd_count() == before


async def test_waiting_for_the_reason_can_be_cancelled():
    async with run(UNTIL_END) as cli:
        with trio.move_on_after(0) as scope:
            await cli.exit_error()
        assert scope.cancelled_caught


def interrupted(script: str, *, times: int) -> CliProcess:
    """Press Ctrl-C once within the block, then whenever everybody waits."""
    made: list[CliProcess] = []

    @trio.lowlevel.enable_ki_protection  # the terminal does not press within a task
    async def press() -> None:
        for _ in range(times):
            await trio.testing.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        argv = [sys.executable, "-c", script]
        with trio.fail_after(10):
            async with open_block() as nursery:
                async with open_process(argv, shutdown_timeout=LONG) as cli:
                    made.append(cli)
                    assert await read_line(cli) == "ready"
                    nursery.start_soon(press)
                    await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    return made[0]


def test_ctrl_c_climbs_the_ladder_and_leaves_it_as_itself(caplog):
    cli = interrupted(f"print('ready', flush=True); {UNTIL_END}", times=1)
    assert (cli.returncode, steps(caplog)) == (0, [])


@pytest.mark.parametrize("times", [2, 3])
def test_a_second_ctrl_c_kills_at_once_and_a_third_changes_nothing(times, caplog):
    cli = interrupted(STUBBORN, times=times)
    assert (cli.returncode, steps(caplog)) == (-signal.SIGKILL, [])


# --- what cannot be started


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0, "No such file"),
        ("#!/bin/sh\n", 0o600, "Permission denied"),
        ("\x00\x01no executable", 0o700, "Exec format error"),
    ],
)
async def test_what_cannot_be_started_is_named(content, mode, reason, tmp_path):
    cli = tmp_path / "copilot"
    if content is not None:
        cli.write_text(content)
        cli.chmod(mode)
    before = fd_count()
    with pytest.raises(ConnectError, match=f"{cli}.*cannot be started: {reason}") as e:
        async with open_process([cli, "--token", "sesame"]):
            raise AssertionError
    assert isinstance(e.value.__cause__, OSError)
    assert "sesame" not in str(e.value)
    assert fd_count() == before


async def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConnectError, match=f"cannot be started in '{tmp_path}/no'"):
        async with open_process([sys.executable], cwd=tmp_path / "no"):
            raise AssertionError
