"""What a terminal gets: our words in style, and no control character of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.app.command import Command, served
from trio_copilot.testing import Call, Reply

if sys.platform == "win32":
    pytest.skip("it has no pseudo terminals", allow_module_level=True)

import pty


class Screen:
    """A terminal that a command writes to, stdout and stderr alike."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.shown = b""

    async def read_all(self) -> str:
        """Read until the last writer has closed."""
        while True:
            await trio.lowlevel.wait_readable(self._master)
            try:
                self.shown += os.read(self._master, 4096)
            except OSError:  # how a pseudo terminal ends on Linux
                return self.shown.decode().replace("\r\n", "\n")


@asynccontextmanager
async def on_screen(command: Command, *arguments: str) -> AsyncGenerator[Screen]:
    """Run a command with a terminal at its stdout and stderr."""
    master, slave = pty.openpty()
    try:
        async with command.with_env(TERM="xterm").started(
            *arguments, stdout=slave, stderr=slave
        ):
            os.close(slave)
            yield Screen(master)
    finally:
        os.close(master)


async def test_a_model_cannot_control_the_terminal(command: Command) -> None:
    async with served("\x1b]0;title\x07red \x1b[31malert\x9b\n\tok") as (_, url):
        async with on_screen(command, "ask", "hi", "--url", url) as screen:
            shown = await screen.read_all()

    assert shown == "]0;titlered [31malert\n\tok\n"


async def test_what_is_said_in_mid_line_gets_a_line_of_its_own(
    command: Command,
) -> None:
    look = Reply("Looking", calls=[Call("find", {})])
    async with served([look, "Found."]) as (_, url):
        async with on_screen(command, "ask", "hi", "--url", url) as screen:
            shown = await screen.read_all()

    first, second, *_, last = shown.splitlines()
    assert first == "Looking"
    assert second.startswith("\x1b[2m[find] {}")
    assert last == "Found."


async def test_the_demo_is_coloured(command: Command) -> None:
    async with on_screen(command, "demo", "--scripted") as screen:
        shown = await screen.read_all()

    assert "\x1b[" in shown
    assert "everything was as promised" in shown


async def test_npm_is_followed_in_one_line(command: Command) -> None:
    async with on_screen(command, "install-cli", "--version", "0.0.0") as screen:
        shown = await screen.read_all()

    assert "Installing Copilot CLI 0.0.0 with npm" in shown
    assert "npm is not on PATH" in shown
