"""Runs a subcommand in Trio, reports the library's errors, and logs.

Ctrl-C needs no code here: it unwinds the library's blocks, which stops the turn, releases
the session and ends the CLI; a second one kills it.
"""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import click
import trio

from trio_copilot import CopilotError, RpcError, TurnError
from trio_copilot._session.logged_out import LOGIN_ADVICE

from .terminal import fail, mute_stdout

FAILED = 1
OUTPUT_CLOSED = 128 + 13
"""As if SIGPIPE had ended the program; a number, because Windows has no such signal."""

KEY_VARIABLE = "TRIO_COPILOT_API_KEY"

Subcommand: TypeAlias = Callable[..., Awaitable[int]]
"""Takes the options and returns the exit status."""


def trio_command(name: str, **settings: Any) -> Callable[[Subcommand], click.Command]:
    """Make a subcommand of an async function.

    The options `--debug` and `--log` are added to those that click decorators declare;
    `settings` are those of click's context.
    """

    def decorate(function: Subcommand) -> click.Command:
        @click.command(name, context_settings=settings)
        @functools.wraps(function)
        def command(debug: bool, log: Path | None, **options: Any) -> int:
            with _logging_to(log):
                try:
                    return trio.run(_report_errors, partial(function, **options), debug)
                except BaseExceptionGroup as group:
                    if group.subgroup(KeyboardInterrupt) is None:
                        raise
                    # Ctrl-C caused whatever else is in it.
                    raise KeyboardInterrupt from group

        command.params += [
            click.Option(["--debug"], is_flag=True, help="Show tracebacks of errors."),
            click.Option(
                ["--log"],
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Append a debug log to FILE.",
            ),
        ]
        return command

    return decorate


async def _report_errors(work: Callable[[], Awaitable[int]], debug: bool) -> int:
    """Report the library's errors in words, with what to do about them."""
    try:
        return await work()
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
    if LOGIN_ADVICE in str(error):
        return None
    # With a token that GitHub rejects, a session cannot be opened; else a turn fails.
    if (isinstance(error, TurnError) and error.kind == "authentication") or (
        isinstance(error, RpcError) and "Authentication failed" in error.message
    ):
        return (
            f"{LOGIN_ADVICE} The key for --provider-url is taken from {KEY_VARIABLE}."
        )
    if isinstance(error, TurnError | RpcError):
        return (
            "`trio-copilot doctor` checks the CLI; --log FILE records what it is sent."
        )
    return None


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
