"""`trio-copilot install-cli`: the CLI that this version of the package is made for."""

from __future__ import annotations

import re

import click

from trio_copilot._transport.find_cli import PINNED_VERSION, cached_cli

from .npm import install
from .runner import trio_command
from .terminal import progress, say

_VERSION = re.compile(r"\d+\.\d+\.\d+[0-9A-Za-z.+-]*")


@trio_command("install-cli")
@click.option(
    "--version",
    default=PINNED_VERSION,
    show_default=True,
    help="The version of the CLI.",
)
@click.option("--force", is_flag=True, help="Replace it if it is installed already.")
async def install_cli(version: str, force: bool) -> int:
    """Install the Copilot CLI with npm where this package finds it.

    Prints the path of the executable. Set TRIO_COPILOT_CACHE to install it elsewhere.
    """
    if not _VERSION.fullmatch(version):
        message = f"{version!r} is not a version such as {PINNED_VERSION}"
        raise click.BadParameter(message, param_hint="'--version'")
    path = cached_cli(version)
    if path.exists() and not force:
        say(f"Copilot CLI {version} is installed already; --force installs it again")
    else:
        with progress(f"Installing Copilot CLI {version} with npm") as show:
            await install(version, show)
    click.echo(path)
    if version != PINNED_VERSION:
        say(
            f"Only {PINNED_VERSION} is found by itself: set COPILOT_CLI_PATH to this one"
        )
    return 0
