"""The options that say which CLI to talk to, and which model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from trio_copilot import Provider, Stdio, Tcp

from .runner import KEY_VARIABLE

TOKEN_VARIABLE = "COPILOT_CONNECTION_TOKEN"  # noqa: S105  # the name, not the token

F = TypeVar("F", bound=Callable[..., Any])

cli_option = click.option(
    "--cli",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The Copilot CLI to start; default: the first that `doctor` finds.",
)
url_option = click.option(
    "--url",
    metavar="HOST:PORT",
    help="Connect to a running CLI (`copilot --headless --port PORT`). Its token is taken "
    f"from {TOKEN_VARIABLE}.",
)

model_option = click.option(
    "--model", metavar="NAME", help="The model; default: the CLI's own."
)
system_option = click.option(
    "--system", metavar="TEXT", help="Append TEXT to the system prompt."
)
provider_option = click.option(
    "--provider-url",
    metavar="URL",
    help="Ask this OpenAI-compatible server instead of Copilot; needs --model. Its key "
    f"is taken from {KEY_VARIABLE}.",
)


def connection_options(function: F) -> F:
    """Give a command `--cli` and `--url`, which exclude each other."""
    return cli_option(url_option(function))


def connection_from(cli: Path | None, url: str | None) -> Stdio | Tcp:
    """Return the connection that these options describe.

    Raises:
      click.UsageError: both are given, or the address is not one.
    """
    if url is None:
        return Stdio(cli)
    if cli is not None:
        raise click.UsageError("--cli starts a CLI and --url connects to one: use one")
    try:
        return Tcp.at(url, token=os.environ.get(TOKEN_VARIABLE))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--url'") from error


def provider_from(url: str | None, model: str | None) -> Provider | None:
    """Return the provider that `--provider-url` describes.

    Raises:
      click.UsageError: there is no model.
    """
    if url is None:
        return None
    if not model:
        raise click.UsageError(
            "--provider-url needs --model: the name of the model on that server"
        )
    return Provider(base_url=url, api_key=os.environ.get(KEY_VARIABLE) or None)
