"""`trio-copilot doctor`: is everything there, and what to do about what is not.

Strategy: look and say, in the order in which things depend on each other. Only what
keeps every program from working is a problem and makes the exit status 1; nobody being
logged in is not, for whom has a provider of his own.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from trio_copilot import (
    Client,
    CliNotFoundError,
    CopilotError,
    MalformedResultError,
    RpcError,
    Stdio,
    Tcp,
    find_cli,
    open_client,
)
from trio_copilot._transport.find_cli import PINNED_VERSION, cached_cli

from .connecting import connection_from, connection_options
from .running import Work, describe, hint_for, trio_command
from .versions import version_of

if TYPE_CHECKING:
    from .page import Page

ACCOUNT_TIMEOUT = 20.0
"""Seconds for what the CLI asks GitHub; it does not give up quickly without a network."""

MODELS_SHOWN = 5

# {extra: what it needs}
_EXTRAS = {
    "app": ("click", "rich", "h11"),
    "bridge": ("trio-websocket",),
    "telemetry": ("opentelemetry-api",),
    "testing": ("h11",),
}


@trio_command("doctor")
@connection_options
def doctor(cli: Path | None, url: str | None) -> Work:
    """Check the Copilot CLI, the account and the installation.

    Exit status: 0 the CLI can be used, 1 it cannot. That nobody is logged in is shown,
    and is no failure: with a provider of your own nobody has to be.
    """
    return partial(_doctor, connection=connection_from(cli, url))


async def _doctor(*, connection: Stdio | Tcp) -> int:
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
            await _look_at_client(page, connection)
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
    for extra, needed in _EXTRAS.items():
        if all(map(version_of, needed)):
            page.good(f"extra {extra}")
        else:
            page.fact(f"no extra {extra}: pip install 'trio-copilot[{extra}]'")


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


async def _look_at_client(page: Page, connection: Stdio | Tcp) -> None:
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
            if await _look_at_account(page, client):
                await _look_at_models(page, client)
        if patience.cancelled_caught:
            page.finding(
                f"no answer within {ACCOUNT_TIMEOUT:g} s",
                "check the network and the proxy",
            )


async def _look_at_account(page: Page, client: Client) -> bool:
    status = await client.auth_status()
    if status.is_authenticated:
        who, how = status.login or "somebody", status.auth_type or "?"
        page.good(f"logged in as {who} ({how})")
        return True
    page.finding(
        status.status_message or "not authenticated",
        "log in with `copilot login` or set GH_TOKEN; with a provider of your own "
        "(`ask --provider-url`) neither is needed",
    )
    return False


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
