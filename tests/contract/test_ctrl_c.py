"""Ctrl-C, as a terminal sends it: the key is pressed on a pseudo-terminal.

The terminal interrupts every process of its foreground group: the program, and not the
CLI. The program, or a stubborn CLI, reports where it is; there the test presses the key.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.contract.stubborn_cli import StubbornCli, is_dead, stubborn_cli
from tests.processes import children
from trio_copilot.testing import (
    Call,
    Reply,
    Script,
    cli_environment,
    open_scripted_model,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="asks /proc and pidfd_open who is running"
)

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys, trio
from trio_copilot import TextDelta, open_client, tool

cli, env, options, phase = json.loads(sys.argv[1])

def say(*words):
    print(*words, flush=True)

async def wait_in(name):
    try:
        if phase == name:
            say("here")
        await trio.sleep_forever()
    finally:
        say(name, "cancelled")

@tool
async def wait() -> str:
    '''Wait for ever.'''
    await wait_in("tool")

async def permit(request):
    await wait_in("permission")

if phase == "permission":
    options["on_permission_request"] = permit

async def main():
    try:
        if phase == "start":
            say("here")
        async with open_client(cli, env=env) as client:
            async with client.open_session(tools=[wait], **options) as session:
                try:
                    async with session.turn("?") as turn:
                        async for event in turn:
                            if phase == "stream" and isinstance(event, TextDelta):
                                say("here")
                            if phase == "break" and isinstance(event, TextDelta):
                                break
                finally:
                    say("end", turn.end.reason, turn.end.cause)
                if phase == "leave":
                    say("here")
    finally:
        say("left")

try:
    trio.run(main)
except KeyboardInterrupt:
    say("KeyboardInterrupt")
"""

LOGIN = """
import fcntl, os, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the leader of a session takes its terminal
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@attrs.define
class Program:
    """A program in a terminal, and its output through a pipe, as `program | cat`."""

    process: trio.Process
    keyboard: int
    out: str = ""
    clis: set[int] = attrs.field(factory=set[int])
    _news: trio.Event = attrs.field(factory=trio.Event)
    _silent: trio.Event = attrs.field(factory=trio.Event)

    @property
    def said(self) -> list[str]:
        return self.out.splitlines()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for chunk in self.process.stdout:
            self.out += chunk.decode()
            self._news.set()
        self._silent.set()
        self._news.set()

    async def wait_for(self, text: str) -> None:
        while text not in self.out:
            assert not self._silent.is_set(), self.out
            self._news = trio.Event()
            await self._news.wait()

    def press_ctrl_c(self) -> None:
        self.clis |= children(self.process.pid)
        assert os.tcgetpgrp(self.keyboard) == self.process.pid
        os.write(self.keyboard, b"\x03")

    async def wait_end(self) -> None:
        await self.process.wait()
        await self._silent.wait()


@asynccontextmanager
async def in_terminal(*arguments: str, env: dict[str, str]) -> AsyncIterator[Program]:
    """Run Python in the foreground of a new terminal."""
    keyboard, terminal = os.openpty()
    try:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-S", "-c", LOGIN, *arguments],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    finally:
        os.close(terminal)
    assert process.stdout is not None
    running = Program(process, keyboard)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.listen)
            yield running
            await running.wait_end()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        await process.stdout.aclose()
        os.close(keyboard)


@asynccontextmanager
async def program(
    cli: str | list[str], env: dict[str, str], options: dict[str, Any], phase: str
) -> AsyncIterator[Program]:
    """The program, and its end."""
    arguments = json.dumps([cli, env, options, phase])
    async with in_terminal("-c", PROGRAM, arguments, env=dict(os.environ)) as running:
        yield running
    assert running.process.returncode == 0
    assert running.said[-2:] == ["left", "KeyboardInterrupt"]
    assert all(map(is_dead, running.clis))


# --- on the real CLI

LONG = Reply("word " * 400, delay=0.02)
WAIT = Reply(calls=[Call("wait")])
SHELL = Reply(calls=[Call("bash", {"command": "touch x", "description": "write"})])


@pytest.mark.cli
@pytest.mark.parametrize(
    ("phase", "script"),
    [
        ("start", [LONG]),
        ("stream", [LONG]),
        ("tool", [WAIT]),
        ("permission", [SHELL]),
        ("leave", ["short"]),
    ],
)
async def test_ctrl_c_unwinds_and_leaves_trio_run_as_itself(
    phase: str, script: Script, cli_path: Path, cli_home: Path
) -> None:
    with trio.fail_after(60):
        async with open_scripted_model(script) as model:
            env = cli_environment(model, cli_home)
            options = {"model": model.name, "provider": model.provider}
            async with program(str(cli_path), env, options, phase) as running:
                await running.wait_for("here\n")
                running.press_ctrl_c()

    if phase in ("stream", "tool", "permission"):
        assert "end cancelled outer" in running.said
        assert len(running.clis) == 1
    if phase in ("tool", "permission"):
        assert f"{phase} cancelled" in running.said


@pytest.mark.cli
async def test_ctrl_c_in_an_example_stops_its_agent(
    cli_path: Path, cli_home: Path
) -> None:
    """As a user of `examples/02_streaming.py` sees it."""
    example = str(ROOT / "examples" / "02_streaming.py")
    with trio.fail_after(60):
        async with open_scripted_model([LONG]) as model:
            env = cli_environment(model, cli_home)
            env |= {"COPILOT_CLI_PATH": str(cli_path), "PYTHONPATH": str(ROOT)}
            async with in_terminal(example, env=env) as running:
                await running.wait_for("word ")
                running.press_ctrl_c()
            await model.wait_disconnect(1)

    assert running.process.returncode != 0
    assert running.said[-1] == "KeyboardInterrupt"
    assert "ExceptionGroup" not in running.out
    assert len(running.clis) == 1
    assert all(map(is_dead, running.clis))


# --- on a CLI that ignores signals, and reports them

ABORT, DETACH = "session.abort", "session.detach"
SHUTDOWN, STDIN, TERM = DEAF = "runtime.shutdown", "end of stdin", "SIGTERM"


@asynccontextmanager
async def on_stubborn(cli: StubbornCli, phase: str) -> AsyncIterator[Program]:
    """The program; the terminal's SIGINT does not reach its CLI, nor is that left."""
    async with program(cli.command, dict(os.environ), {}, phase) as running:
        yield running
    assert "SIGINT" not in cli.noticed
    assert all(map(is_dead, cli.pids))


@pytest.mark.parametrize(
    ("phase", "notice", "ignored"),
    [
        ("start", "connect", ("connect",)),
        pytest.param("break", ABORT, (ABORT, *DEAF), marks=pytest.mark.all),
        ("break", SHUTDOWN, (SHUTDOWN,)),
        ("break", STDIN, (SHUTDOWN, STDIN)),
        ("break", TERM, DEAF),
    ],
)
async def test_ctrl_c_reaches_the_program_alone_while_it_starts_and_ends(
    phase: str, notice: str, ignored: tuple[str, ...], tmp_path: Path
) -> None:
    with trio.fail_after(60), stubborn_cli(tmp_path, *ignored) as cli:
        async with on_stubborn(cli, phase) as running:
            await cli.wait_for(notice)
            [process, child] = cli.pids
            assert os.getpgid(process) == os.getpgid(child) == process
            running.press_ctrl_c()
        assert cli.noticed.count(notice) == 1


@pytest.mark.parametrize(
    ("second", "ignored"),
    [
        pytest.param(None, (ABORT, DETACH, *DEAF), marks=pytest.mark.all),
        (ABORT, (ABORT, DETACH, *DEAF)),
        (DETACH, (DETACH, *DEAF)),
        (SHUTDOWN, DEAF),
        (STDIN, DEAF),
    ],
)
async def test_a_second_ctrl_c_kills_a_cli_that_does_not_listen(
    second: str | None, ignored: tuple[str, ...], tmp_path: Path
) -> None:
    """A first one has patience: for the drain, the release, and each step of the end."""
    with trio.fail_after(60), stubborn_cli(tmp_path, *ignored) as cli:
        async with on_stubborn(cli, "stream") as running:
            await running.wait_for("here\n")
            start = trio.current_time()
            running.press_ctrl_c()
            if second is not None:
                await cli.wait_for(second)
                start = trio.current_time()
                running.press_ctrl_c()
            await running.wait_end()
            took = trio.current_time() - start

        assert took < 4 if second else 5 < took < 16
        assert (TERM in cli.noticed) == (second is None)  # the next step of politeness
