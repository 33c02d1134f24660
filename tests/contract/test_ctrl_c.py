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


Running = tuple[trio.Process, list[str]]


@asynccontextmanager
async def started(
    cli: str | list[str], env: dict[str, str], options: dict[str, Any], phase: str
) -> AsyncIterator[Running]:
    """The program, run to where it says `here`; what it says is collected."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", PROGRAM, json.dumps([cli, env, options, phase])],
        stdout=subprocess.PIPE,
        start_new_session=True,  # as in a terminal of its own
    )
    said: list[str] = []
    assert process.stdout is not None
    reader = process.stdout
    here = trio.Event()

    async def listen() -> None:
        rest = b""
        async for chunk in reader:
            *lines, rest = (rest + chunk).split(b"\n")
            said.extend(line.decode() for line in lines)
            if "here" in said:
                here.set()
        here.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        try:
            await here.wait()
            yield process, said
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def program(
    script: Script, phase: str, cli_path: Path, cli_home: Path
) -> AsyncIterator[Running]:
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
        async with program(script, phase, cli_path, cli_home) as (process, said):
            os.killpg(process.pid, signal.SIGINT)
            await process.wait()
            while "KeyboardInterrupt" not in said:
                await trio.lowlevel.checkpoint()

    assert process.returncode == 0
    assert said[-2:] == ["left", "KeyboardInterrupt"]
    if phase in ("stream", "tool"):
        assert "end cancelled outer" in said
    if phase == "tool":
        assert "tool cancelled" in said
    assert not [
        line for line in said if line.startswith("pid") and is_running(pid(line))
    ]


def pid(line: str) -> int:
    return int(line.split()[1])


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
async def test_a_second_ctrl_c_kills_a_cli_that_does_not_listen(
    times: int, tmp_path: Path
) -> None:
    """A first one has patience: for the drain, the release, and each step of the end."""
    cli = [sys.executable, "-c", STUBBORN]
    with trio.fail_after(60):
        async with started(cli, dict(os.environ), {}, "stream") as (process, said):
            start = trio.current_time()
            os.killpg(process.pid, signal.SIGINT)
            if times == 2:
                while not any("interrupted" in line for line in said):
                    await trio.lowlevel.checkpoint()
                os.killpg(process.pid, signal.SIGINT)
            await process.wait()
            took = trio.current_time() - start
            while "KeyboardInterrupt" not in said:
                await trio.lowlevel.checkpoint()

    assert took < 1.5 if times == 2 else 5 < took < 16
    assert not is_running(pid(next(line for line in said if line.startswith("pid"))))
