"""`ask` with the real CLI, whose model is a script: the whole way, and its ends."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.app.command import Command, Running, exists
from trio_copilot.testing import (
    Call,
    Reply,
    Script,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

pytestmark = pytest.mark.cli

ENDLESS = Reply(["tick "] * 10_000, delay=0.02)


@pytest.fixture
def ask(cli_path: Path, cli_home: Path) -> Ask:
    """`ask` with the real CLI."""
    return Ask(cli_path, cli_home)


class Ask:
    """`trio-copilot ask` with a model that follows a script."""

    def __init__(self, cli: Path, home: Path) -> None:
        self._cli, self._home = cli, home
        self.arguments: tuple[str, ...] = ()

    @asynccontextmanager
    async def about(
        self, script: Script | Reply
    ) -> AsyncGenerator[tuple[Command, ScriptedModel]]:
        """Serve the model; gives a command that asks it."""
        async with open_scripted_model(script) as model:
            env = {**cli_environment(model, self._home), "PATH": "/usr/bin:/bin"}
            self.arguments = (
                *("ask", "Say hello", "--cli", str(self._cli)),
                *("--provider-url", model.base_url, "--model", model.name),
            )
            yield Command.at(self._home, **env), model


async def cli_of(running: Running) -> int:
    """Wait until a command has started a CLI, and return its process id."""
    while True:
        listing = await trio.run_process(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(running.process.pid)],
            capture_stdout=True,
            check=False,
        )
        for line in listing.stdout.splitlines():
            if b"--headless" in line:  # Python may have had others, for a moment
                return int(line.split()[0])


async def test_the_answer_comes_through(ask: Ask) -> None:
    async with ask.about("Hello, wörld") as (command, model):
        ended = await command.run(*ask.arguments)

    assert (ended.status, ended.out, ended.err) == (0, "Hello, wörld\n", "")
    assert "Say hello" in model.requests[0].prompt


async def test_a_built_in_tool_is_denied_and_the_model_is_told(ask: Ask) -> None:
    run = Call("bash", {"command": "echo hi > file", "description": "write"})
    async with ask.about([Reply(calls=[run]), Reply("I may not.")]) as (command, model):
        ended = await command.run(*ask.arguments)

    assert (ended.status, ended.out) == (0, "I may not.\n")
    assert "[denied] shell: echo hi > file" in ended.err
    assert "rejected" in str(model.requests[1].messages[-1]["content"])


async def test_allow_all_lets_it_run(ask: Ask) -> None:
    run = Call("bash", {"command": "echo $((6 * 7))", "description": "compute"})
    async with ask.about([Reply(calls=[run]), Reply("Done.")]) as (command, model):
        ended = await command.run(*ask.arguments, "--allow-all")

    assert (ended.status, ended.out) == (0, "Done.\n")
    assert "42" in str(model.requests[1].messages[-1]["content"])


async def test_ctrl_c_closes_the_connection_to_the_model_and_leaves_no_process(
    ask: Ask,
) -> None:
    async with ask.about(ENDLESS) as (command, model):
        async with command.started(*ask.arguments) as running:
            await running.read_until("tick tick")
            cli = await cli_of(running)
            running.interrupt()
            ended = await running.ended()

        assert (ended.status, ended.err.strip()) == (130, "cancelled")
        with trio.fail_after(5):
            await model.wait_disconnect()
        assert not exists(cli)


async def test_a_second_ctrl_c_kills_a_cli_that_does_not_react(ask: Ask) -> None:
    async with ask.about(ENDLESS) as (command, _):
        async with command.started(*ask.arguments) as running:
            await running.read_until("tick tick")
            cli = await cli_of(running)
            os.kill(cli, signal.SIGSTOP)
            running.interrupt()
            with pytest.raises(trio.TooSlowError), trio.fail_after(0.5):
                await running.process.wait()  # it waits for the CLI
            running.interrupt()
            with trio.fail_after(6):  # politeness would take 10 seconds
                ended = await running.ended()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")
    assert not exists(cli)


async def test_ctrl_c_while_the_cli_starts_leaves_no_process(ask: Ask) -> None:
    async with ask.about("never") as (command, _):
        async with command.started(*ask.arguments) as running:
            cli = await cli_of(running)
            running.interrupt()
            ended = await running.ended()

    lines = ended.err.splitlines()  # also how it had to be ended, if that took it long
    assert (ended.status, lines[-1]) == (130, "cancelled")
    assert not exists(cli)


async def test_a_closed_stdout_stops_the_turn(ask: Ask) -> None:
    async with ask.about(ENDLESS) as (command, model):
        async with command.started(*ask.arguments) as running:
            await running.read_until("tick tick")
            await running.stop_reading()
            ended = await running.ended()

        assert (ended.status, ended.err) == (141, "")
        with trio.fail_after(5):
            await model.wait_disconnect()
