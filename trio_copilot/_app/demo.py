"""`trio-copilot demo`: the library at work, without an account or a network.

Strategy: a real CLI is kept offline against a scripted model on loopback; where there
is none and npm cannot bring one, a scripted CLI takes its place. Every step shows the
code that it runs, says what happened, and checks that this is what was promised.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import trio

from trio_copilot import CliNotFoundError, find_cli
from trio_copilot._transport.find_cli import PINNED_VERSION

from .connecting import cli_option
from .npm import InstallError, install
from .running import Work, trio_command
from .terminal import progress

if TYPE_CHECKING:
    from .page import Page

DEMO_TIMEOUT = 60.0
"""Seconds for all steps; they need 8."""


@trio_command("demo")
@cli_option
@click.option(
    "--scripted",
    is_flag=True,
    help="Use the scripted CLI even if there is a real one.",
)
def demo(cli: Path | None, scripted: bool) -> Work:
    """Show what this package does, in some seconds.

    Needs no account: the model is a script on this machine. A Copilot CLI is installed
    with npm if there is none. Exit status: 0 everything was as promised, 1 it was not.
    """
    if scripted and cli is not None:
        raise click.UsageError("--scripted uses no CLI and --cli names one: use one")
    return partial(_demo, cli=cli, scripted=scripted)


async def _demo(*, cli: Path | None, scripted: bool) -> int:
    from .page import Page
    from .performance import perform

    page = Page()
    path = None if scripted else await _choose_cli(page, cli)
    with trio.move_on_after(DEMO_TIMEOUT) as patience:
        await perform(page, path)
    if patience.cancelled_caught:
        page.problem(f"not done within {DEMO_TIMEOUT:g} s")
    return 1 if page.has_problem else 0


async def _choose_cli(page: Page, given: Path | None) -> Path | None:
    """Return the CLI to use, installed if need be; `None` is the scripted one."""
    try:
        return find_cli(given)
    except CliNotFoundError:
        if given is not None:
            raise
    try:
        with progress(f"Installing Copilot CLI {PINNED_VERSION} with npm") as tell:
            return await install(PINNED_VERSION, tell)
    except InstallError as error:
        page.finding(
            f"no Copilot CLI, and none can be installed: {error.message}",
            "the scripted CLI takes its place",
        )
        return None
