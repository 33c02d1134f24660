"""`trio-copilot login`: the CLI's own login, on this terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import trio

from trio_copilot import ConnectError, find_cli

from .connecting import cli_option
from .runner import trio_command


@trio_command("login", ignore_unknown_options=True)
@cli_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
async def login(cli: Path | None, arguments: Sequence[str]) -> int:
    """Log in to GitHub Copilot, with the CLI's own login.

    ARGUMENTS are the CLI's: `--device-code`, `--host URL`, `--with-token`; list them all
    with `trio-copilot login -- --help`.

    Exit status: that of the CLI.
    """
    program = str(find_cli(cli))
    try:
        done = await trio.run_process(
            [program, "login", *arguments], stdin=None, check=False
        )
    except OSError as error:
        raise ConnectError(f"{program} cannot be started: {error.strerror}") from error
    status = done.returncode
    return status if status >= 0 else 128 - status  # for a signal, as in a shell
