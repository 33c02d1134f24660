"""Ctrl-C, as a terminal sends it: to a program of its own, on the real CLI.

Row 19. The program under test prints where it is; the test presses the key there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from trio_copilot.testing import (
    Call,
    Reply,
    Script,
    cli_environment,
    open_scripted_model,
)

PROGRAM = """
import json, sys, trio
from trio_copilot import TextDelta, open_client, tool

cli, env, options, phase = json.loads(sys.argv[1])

def say(*words):
    print(*words, flush=True)

@tool
async def wait() -> str:
    '''Wait for ever.'''
    if phase == "tool":
        say("here")
    try:
        await trio.sleep_forever()
    finally:
        say("tool cancelled")

async def main():
    try:
        if phase == "start":
            say("here")
        async with open_client(cli, env=env) as client:
            say("pid", client.pid)
            async with client.open_session(tools=[wait], **options) as session:
                try:
                    async with session.turn("?") as turn:
                        try:
                            async for event in turn:
                                if phase == "stream" and isinstance(event, TextDelta):
                                    say("here")
                        except KeyboardInterrupt:
                            say("interrupted")
                            raise
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


@attrs.define
class Program:
    """The program while it runs, and what it says."""

    process: trio.Process
    said: list[str] = attrs.field(factory=list[str])
    here: trio.Event = attrs.field(factory=trio.Event)
    silent: trio.Event = attrs.field(factory=trio.Event)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            self.said.extend(line.decode() for line in lines)
            if "here" in self.said:
                self.here.set()
        self.silent.set()

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    async def wait_end(self) -> None:
        await self.process.wait()
        await self.silent.wait()

    @property
    def left_processes(self) -> list[int]:
        pids = [int(line.split()[1]) for line in self.said if line.startswith("pid")]
        return [pid for pid in pids if is_running(pid)]


@asynccontextmanager
async def started(
    cli: str | list[str], env: dict[str, str], options: dict[str, Any], phase: str
) -> AsyncIterator[Program]:
    """The program, run to where it says `here`."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", PROGRAM, json.dumps([cli, env, options, phase])],
        stdout=subprocess.PIPE,
        start_new_session=True,  # as in a terminal of its own
    )
    running = Program(process)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(running.listen)
        try:
            await running.here.wait()
            yield running
        finally:
            process.kill()


@asynccontextmanager
async def program(
    script: Script, phase: str, cli_path: Path, cli_home: Path
) -> AsyncIterator[Program]:
    """The program on the real CLI."""
    async with open_scripted_model(script) as model:
        env = cli_environment(model, cli_home)
        options = {"model": model.name, "provider": model.provider}
        async with started(str(cli_path), env, options, phase) as running:
            yield running


LONG = Reply("word " * 400, delay=0.02)
WAIT = Reply(calls=[Call("wait")])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.cli
@pytest.mark.parametrize(
    ("phase", "script"),
    [("start", [LONG]), ("stream", [LONG]), ("tool", [WAIT]), ("leave", ["short"])],
)
async def test_ctrl_c_unwinds_and_leaves_trio_run_as_itself(
    phase: str, script: Script, cli_path: Path, cli_home: Path
) -> None:
    with trio.fail_after(60):
        async with program(script, phase, cli_path, cli_home) as running:
            running.press_ctrl_c()
            await running.wait_end()

    assert running.process.returncode == 0
    assert running.said[-2:] == ["left", "KeyboardInterrupt"]
    if phase in ("stream", "tool"):
        assert "end cancelled outer" in running.said
    if phase == "tool":
        assert "tool cancelled" in running.said
    assert running.left_processes == []


STUBBORN = """
import signal, sys, trio
from trio_copilot.testing import Reply, open_scripted_cli

signal.signal(signal.SIGTERM, signal.SIG_IGN)
DEAF = {"session.abort", "session.detach", "runtime.shutdown"}

async def pump(source, sink):
    async for chunk in source:
        await sink.send_all(chunk)

async def main():
    async with open_scripted_cli([Reply("word " * 999, delay=0.02)], ignore=DEAF) as cli:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, trio.lowlevel.FdStream(0), cli.stream)
            nursery.start_soon(pump, cli.stream, trio.lowlevel.FdStream(1))
            await trio.sleep_forever()  # not even the end of stdin ends it

trio.run(main)
"""


@pytest.mark.parametrize("times", [1, 2])
async def test_a_second_ctrl_c_kills_a_cli_that_does_not_listen(times: int) -> None:
    """A first one has patience: for the drain, the release, and each step of the end."""
    cli = [sys.executable, "-c", STUBBORN]
    with trio.fail_after(60):
        async with started(cli, dict(os.environ), {}, "stream") as running:
            start = trio.current_time()
            running.press_ctrl_c()
            if times == 2:
                while "interrupted" not in running.said:
                    await trio.lowlevel.checkpoint()
                running.press_ctrl_c()
            await running.wait_end()
            took = trio.current_time() - start

    assert running.said[-2:] == ["left", "KeyboardInterrupt"]
    assert took < 1.9 if times == 2 else 5 < took < 16
    assert running.left_processes == []
