"""`trio-copilot doctor`: is everything there, and what to do about what is not.

Strategy: look and say, in the order in which things depend on each other. Only what
keeps every program from working is a problem and makes the exit status 1. No model is
asked, for that costs, unless somebody says so.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import trio

from trio_copilot import (
    Client,
    CliNotFoundError,
    CopilotError,
    MalformedResultError,
    RpcError,
    SessionOptions,
    Stdio,
    Tcp,
    TurnEndReason,
    find_cli,
    open_client,
)
from trio_copilot._extras import how_to_add, missing_by_extra, version_of
from trio_copilot._session.logged_out import LOGGED_OUT, LOGIN_ADVICE, is_logged_out
from trio_copilot._transport.find_cli import PINNED_VERSION, cached_cli

from .connecting import (
    connection_from,
    connection_options,
    model_option,
    provider_from,
    provider_option,
)
from .running import Work, describe, hint_for, trio_command

if TYPE_CHECKING:
    from .page import Page

ACCOUNT_TIMEOUT = 20.0
"""Seconds for what the CLI asks GitHub; it does not give up quickly without a network."""

MODELS_SHOWN = 5

PROMPT_TIMEOUT = 120.0
"""Seconds for an answer of two words, the retries of the CLI included."""


@trio_command("doctor")
@click.option(
    "--prompt",
    "asks",
    is_flag=True,
    help="Ask the model for two words, too. This may cost.",
)
@model_option
@provider_option
@connection_options
def doctor(
    asks: bool,
    model: str | None,
    provider_url: str | None,
    cli: Path | None,
    url: str | None,
) -> Work:
    """Check the Copilot CLI, the account and the installation.

    Exit status: 0 the CLI can be used, 1 it cannot: there is none, it does not start,
    or nobody is logged in and there is no provider. No model is asked without --prompt.
    """
    return partial(
        _doctor,
        connection=connection_from(cli, url),
        options=SessionOptions(
            model=model,
            provider=provider_from(provider_url, model),
            client_name="trio-copilot",
        ),
        asks=asks,
    )


async def _doctor(
    *, connection: Stdio | Tcp, options: SessionOptions, asks: bool
) -> int:
    from .page import Page

    page = Page()
    _look_at_installation(page)
    page.title("Copilot CLI")
    if isinstance(connection, Tcp):
        page.fact(f"at {connection.host}, port {connection.port}")
    else:
        _look_for_cli(page, connection.path)
    if not page.has_problem:
        try:
            await _look_at_client(page, connection, options, asks)
        except CopilotError as error:
            page.problem(describe(error), hint_for(error))
    page.line("")
    page.line("It cannot be used: see ✗" if page.has_problem else "It can be used.")
    return 1 if page.has_problem else 0


def _look_at_installation(page: Page) -> None:
    page.title("Installation")
    ours, trios = version_of("trio-copilot"), version_of("trio")
    page.fact(f"trio-copilot {ours or '(not installed)'}, trio {trios}")
    page.fact(f"Python {platform.python_version()} on {platform.platform()}")
    for extra, missing in missing_by_extra().items():
        if missing:
            lacks = ", ".join(missing)
            page.fact(f"no extra {extra}, it lacks {lacks}; {how_to_add(extra)}")
        else:
            page.good(f"extra {extra}")


def _look_for_cli(page: Page, given: str | os.PathLike[str] | None) -> None:
    """Show every place, and which of them is taken."""
    try:
        taken = find_cli(given)
    except CliNotFoundError as error:
        for place in error.places:
            page.problem(place)
        page.problem("no CLI", "trio-copilot install-cli")
        return
    cached = cached_cli()
    places = {
        "COPILOT_CLI_PATH": os.environ.get("COPILOT_CLI_PATH"),
        "copilot on PATH": shutil.which("copilot"),
        "our cache": str(cached) if cached.exists() else None,
    }
    _show_places(page, {"--cli": str(given)} if given is not None else places)
    page.fact(f"so it is {taken}")


def _show_places(page: Page, places: Mapping[str, str | None]) -> None:
    """Show what is in each place; the first that has something is taken."""
    taken = False
    for name, place in places.items():
        if place and not taken:
            taken = True
            page.good(f"{name}: {place}")
        else:
            page.fact(f"{name}: {place or 'none'}")


async def _look_at_client(
    page: Page, connection: Stdio | Tcp, options: SessionOptions, asks: bool
) -> None:
    begun = trio.current_time()
    async with open_client(connection) as client:
        took = trio.current_time() - begun
        page.good(
            f"version {client.cli_version}, protocol {client.protocol_version}, "
            f"answered after {took:.2f} s"
        )
        if client.cli_version != PINNED_VERSION:
            page.fact(f"this package was made for version {PINNED_VERSION}")
        page.title("Account")
        with trio.move_on_after(ACCOUNT_TIMEOUT) as patience:
            await _look_at_account(page, client, options)
        if asks and not page.has_problem:
            await _ask(page, client, options)
        if patience.cancelled_caught:
            page.finding(
                f"no answer within {ACCOUNT_TIMEOUT:g} s",
                "check the network and the proxy",
            )


async def _look_at_account(page: Page, client: Client, options: SessionOptions) -> None:
    status = await client.auth_status()
    if status.is_authenticated:
        who, how = status.login or "somebody", status.auth_type or "?"
        page.good(f"logged in as {who} ({how})")
        await _look_at_models(page, client)
        return
    async with client.open_session(options) as session:
        if await is_logged_out(session):
            page.problem(LOGGED_OUT, LOGIN_ADVICE)
        else:
            page.good("nobody is logged in, and nobody needs to be: it has a provider")


async def _ask(page: Page, client: Client, options: SessionOptions) -> None:
    page.title("Model")
    async with client.open_session(options) as session:
        end = await session.ask("Reply with: All well.", timeout=PROMPT_TIMEOUT)
    if end.reason is TurnEndReason.CANCELLED:
        page.problem(f"no answer within {PROMPT_TIMEOUT:g} s", "try another --model")
    else:
        page.good(f"it answered: {end.answer}")


async def _look_at_models(page: Page, client: Client) -> None:
    try:
        models = await client.list_models()
    except RpcError as error:
        page.finding(error.message, "check that the account has Copilot")
        return
    except MalformedResultError as error:
        page.finding(str(error), "update trio-copilot: the CLI is newer")
        return
    names = [model.id for model in models]
    more = ", …" * (len(names) > MODELS_SHOWN)
    page.good(f"{len(names)} models: {', '.join(names[:MODELS_SHOWN])}{more}")
