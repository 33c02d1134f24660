"""`trio-copilot install-cli`: the CLI that this version of the package was made for."""

from __future__ import annotations

import re
from functools import partial

import click

from trio_copilot._transport.find_cli import PINNED_VERSION, cached_cli

from .npm import install
from .running import Work, trio_command
from .terminal import progress, say

_VERSION = re.compile(r"\d+\.\d+\.\d+[0-9A-Za-z.+-]*")


def _check_version(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no version such as {PINNED_VERSION}")
    return value


@trio_command("install-cli")
@click.option(
    "--version",
    default=PINNED_VERSION,
    show_default=True,
    callback=_check_version,
    help="The version of the CLI.",
)
@click.option("--force", is_flag=True, help="Replace one that is installed already.")
def install_cli(version: str, force: bool) -> Work:
    """Install the Copilot CLI with npm, where this package finds it.

    The path of the executable is printed at the end. Set TRIO_COPILOT_CACHE to install
    somewhere else.
    """
    return partial(_install_cli, version=version, force=force)


async def _install_cli(*, version: str, force: bool) -> int:
    path = cached_cli(version)
    if path.exists() and not force:
        say(f"Copilot CLI {version} is installed already; --force installs it again")
    else:
        with progress(f"Installing Copilot CLI {version} with npm") as tell:
            await install(version, tell)
    click.echo(path)
    if version != PINNED_VERSION:
        say(
            f"{PINNED_VERSION} is what is found by itself; set COPILOT_CLI_PATH for this"
        )
    return 0
