"""Runs a subcommand in Trio: errors of the library and logging, once for all.

Ctrl-C needs nothing here: it unwinds the blocks of the library, which stops the turn,
releases the session and ends the CLI, and a second one kills it.
"""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import click
import trio

from trio_copilot import CopilotError, RpcError, TurnError
from trio_copilot._session.logged_out import LOGIN_ADVICE

from .terminal import fail, mute_stdout

FAILED = 1
OUTPUT_CLOSED = 128 + 13
"""As for a program that SIGPIPE ends; Windows has no such signal, so a number."""

KEY_VARIABLE = "TRIO_COPILOT_API_KEY"

Work: TypeAlias = Callable[[], Awaitable[int]]
"""What a subcommand does, in Trio; returns the exit status."""


def trio_command(
    name: str, **settings: Any
) -> Callable[[Callable[..., Work]], click.Command]:
    """Make a subcommand of a function that checks its options and returns the work.

    The options `--debug` and `--log` are added to those that click decorators declare;
    `settings` are those of click's context.
    """

    def decorate(function: Callable[..., Work]) -> click.Command:
        @click.command(name, context_settings=settings)
        @functools.wraps(function)
        def command(debug: bool, log: Path | None, **options: Any) -> int:
            work = function(**options)
            with _logging_to(log):
                return _run(work, debug)

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


def _run(work: Work, debug: bool) -> int:
    try:
        return trio.run(_reported, work, debug)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise KeyboardInterrupt from group  # what else is in it was caused by that


async def _reported(work: Work, debug: bool) -> int:
    """Say what the library raises in words, with what to do about it."""
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
    if _is_about_login(error):
        return (
            f"{LOGIN_ADVICE} The key for --provider-url is taken from {KEY_VARIABLE}."
        )
    if isinstance(error, (TurnError, RpcError)):
        return (
            "`trio-copilot doctor` checks the CLI; --log FILE shows what it was told."
        )
    return None


def _is_about_login(error: CopilotError) -> bool:
    if isinstance(error, TurnError):
        return error.kind == "authentication"
    # A token that GitHub does not take makes every session fail.
    return isinstance(error, RpcError) and "Authentication failed" in error.message


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
