"""Runs a subcommand in Trio: Ctrl-C, errors of the library and logging, once for all.

Strategy: signals are events that a task waits for, not exceptions that strike anywhere.
The first one cancels the work, which stops the turn at the CLI, releases the session
and ends the process. The second one kills the CLI's process group, so that nothing of
this has to be waited for any more.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import click
import trio

from trio_copilot import Client, CopilotError, RpcError, TurnError
from trio_copilot._scopes import one_error

from .terminal import fail, mute_stdout, say_cancelled

FAILED = 1
INTERRUPTED = 128 + signal.SIGINT
OUTPUT_CLOSED = 128 + 13
"""As for a program that SIGPIPE ends; Windows has no such signal, so a number."""

KEY_VARIABLE = "TRIO_COPILOT_API_KEY"

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@attrs.define
class Interrupts:
    """What Ctrl-C, or SIGTERM, does to the work: the first cancels, the second kills."""

    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _client: Client | None = attrs.field(default=None, init=False)
    received: int = attrs.field(default=0, init=False)
    """The first signal; 0 while there was none."""
    impatient: bool = attrs.field(default=False, init=False)
    """Whether there was a second one."""

    @contextmanager
    def kill(self, client: Client) -> Generator[None]:
        """Let a second signal kill this client's CLI, for the length of the block."""
        self._client = client
        try:
            yield
        finally:
            self._client = None

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Cancel the block at the first signal."""
        with one_error():
            async with trio.open_nursery() as nursery:
                await nursery.start(self._watch)
                with self._scope:
                    yield
                nursery.cancel_scope.cancel()

    # Protected, so that the Ctrl-C which it raises reaches the main task: the work.
    @trio.lowlevel.enable_ki_protection
    async def _watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(*SIGNALS) as signals:
            task_status.started()
            self.received = await anext(signals)
            self._scope.cancel()
            await anext(signals)
        self.impatient = True
        if self._client is not None and self._client.pid is not None:
            _kill_group(self._client.pid)
        signal.raise_signal(signal.SIGINT)


if sys.platform == "win32":  # pragma: no cover - this half runs on Windows only

    def _kill_group(pid: int) -> None:
        with suppress(OSError):  # it is gone
            os.kill(pid, signal.SIGTERM)

else:

    def _kill_group(pid: int) -> None:
        with suppress(ProcessLookupError):  # it is gone
            os.killpg(pid, signal.SIGKILL)


Work: TypeAlias = Callable[[Interrupts], Awaitable[int]]
"""What a subcommand does, in Trio; returns the exit status."""


def trio_command(name: str) -> Callable[[Callable[..., Work]], click.Command]:
    """Make a subcommand of a function that checks its options and returns the work.

    The options `--debug` and `--log` are added to those that click decorators declare.
    """

    def decorate(function: Callable[..., Work]) -> click.Command:
        @click.command(name)
        @functools.wraps(function)
        def command(debug: bool, log: Path | None, **options: Any) -> int:
            work = function(**options)
            with _logging_to(log):
                return trio.run(_run, work, debug)

        command.params += _common_options()
        return command

    return decorate


def _common_options() -> list[click.Parameter]:
    file = click.Path(dir_okay=False, path_type=Path)
    log_help = "Append what happens inside to FILE."
    return [
        click.Option(["--debug"], is_flag=True, help="Show tracebacks of errors."),
        click.Option(["--log"], type=file, metavar="FILE", help=log_help),
    ]


async def _run(work: Work, debug: bool) -> int:
    interrupts = Interrupts()
    status = FAILED
    try:
        async with interrupts.watched():
            status = await _reported(work(interrupts), debug)
    except (KeyboardInterrupt, BaseExceptionGroup):
        if not interrupts.impatient:  # else it is what the kill has caused
            raise
    if interrupts.received:
        say_cancelled()
        return 128 + interrupts.received
    return status


async def _reported(working: Awaitable[int], debug: bool) -> int:
    """Say what the library raises in words, with what to do about it."""
    try:
        return await working
    except CopilotError as error:
        if debug:
            traceback.print_exception(error)
        fail(describe(error), hint_for(error))
        return FAILED
    except BrokenPipeError:
        mute_stdout()
        return OUTPUT_CLOSED


def describe(error: CopilotError) -> str:
    """Return the message of an error with the notes that were added to it."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def hint_for(error: CopilotError) -> str | None:
    """Return what to do about an error whose message does not say it."""
    if isinstance(error, TurnError) and _is_about_login(error):
        return (
            "log in with `copilot login` or set GH_TOKEN; the key for --provider-url "
            f"is taken from {KEY_VARIABLE}."
        )
    if isinstance(error, (TurnError, RpcError)):
        return (
            "`trio-copilot doctor` checks the CLI; --log FILE shows what it was told."
        )
    return None


def _is_about_login(error: TurnError) -> bool:
    # Without any login the CLI calls it a failed "query" and says what it lacks.
    return error.kind == "authentication" or "OAuth token" in str(error)


@contextmanager
def _logging_to(file: Path | None) -> Generator[None]:
    if file is None:
        yield
        return
    try:
        handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logger = logging.getLogger("trio_copilot")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
