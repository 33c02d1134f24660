"""`trio-copilot doctor`: what is there, what is missing, and what to do about that.

Strategy: check in the order in which things depend on each other. Only what keeps every
program from working is a problem and makes the exit status 1. No model is asked without
`--prompt`, because that costs.
"""

from __future__ import annotations

import os
import platform
import shutil
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
from .runner import describe, hint_for, trio_command

if TYPE_CHECKING:
    from .report import Report

ACCOUNT_TIMEOUT = 20.0
"""Seconds for what the CLI asks GitHub: without a network it is slow to give up."""

MODELS_SHOWN = 5

PROMPT_TIMEOUT = 120.0
"""Seconds for an answer of two words, including the CLI's retries."""


@trio_command("doctor")
@click.option(
    "--prompt",
    "asks",
    is_flag=True,
    help="Also ask the model for two words. This may cost.",
)
@model_option
@provider_option
@connection_options
async def doctor(
    asks: bool,
    model: str | None,
    provider_url: str | None,
    cli: Path | None,
    url: str | None,
) -> int:
    """Check the Copilot CLI, the account and the installation.

    Exit status: 0 the CLI can be used, 1 it cannot: there is none, it does not start,
    or nobody is logged in and there is no provider. No model is asked without --prompt.
    """
    connection = connection_from(cli, url)
    options = SessionOptions(
        model=model,
        provider=provider_from(provider_url, model),
        client_name="trio-copilot",
    )

    from .report import Report  # which loads rich

    report = Report()
    _show_installation(report)
    report.title("Copilot CLI")
    if isinstance(connection, Tcp):
        report.fact(f"at {connection.host}, port {connection.port}")
    else:
        _show_places(report, connection.path)
    if not report.has_problem:
        try:
            await _check_client(report, connection, options, asks)
        except CopilotError as error:
            report.problem(describe(error), hint_for(error))
    report.line("")
    unusable = "It cannot be used: see ✗"
    report.line(unusable if report.has_problem else "It can be used.")
    return 1 if report.has_problem else 0


def _show_installation(report: Report) -> None:
    report.title("Installation")
    ours, trios = version_of("trio-copilot"), version_of("trio")
    report.fact(f"trio-copilot {ours or '(not installed)'}, trio {trios}")
    report.fact(f"Python {platform.python_version()} on {platform.platform()}")
    for extra, missing in missing_by_extra().items():
        if missing:
            lacks = ", ".join(missing)
            report.fact(f"no extra {extra}, it lacks {lacks}; {how_to_add(extra)}")
        else:
            report.good(f"extra {extra}")


def _show_places(report: Report, given: str | os.PathLike[str] | None) -> None:
    """Show every place where a CLI is looked for, and which CLI is taken."""
    try:
        taken = find_cli(given)
    except CliNotFoundError as error:
        for place in error.places:
            report.problem(place)
        report.problem("no CLI", "trio-copilot install-cli")
        return
    cached = cached_cli()
    places = {
        "COPILOT_CLI_PATH": os.environ.get("COPILOT_CLI_PATH"),
        "copilot on PATH": shutil.which("copilot"),
        "our cache": str(cached) if cached.exists() else None,
    }
    if given is not None:
        places = {"--cli": str(given)}
    first = next((name for name, path in places.items() if path), None)
    for name, path in places.items():
        show = report.good if name == first else report.fact
        show(f"{name}: {path or 'none'}")
    report.fact(f"so it is {taken}")


async def _check_client(
    report: Report, connection: Stdio | Tcp, options: SessionOptions, asks: bool
) -> None:
    begun = trio.current_time()
    async with open_client(connection) as client:
        took = trio.current_time() - begun
        report.good(
            f"version {client.cli_version}, protocol {client.protocol_version}, "
            f"answered after {took:.2f} s"
        )
        if client.cli_version != PINNED_VERSION:
            report.fact(f"this package was made for version {PINNED_VERSION}")
        report.title("Account")
        with trio.move_on_after(ACCOUNT_TIMEOUT) as patience:
            await _check_account(report, client, options)
        if asks and not report.has_problem:
            await _ask(report, client, options)
        if patience.cancelled_caught:
            report.finding(
                f"no answer within {ACCOUNT_TIMEOUT:g} s",
                "check the network and the proxy",
            )


async def _check_account(
    report: Report, client: Client, options: SessionOptions
) -> None:
    status = await client.auth_status()
    if not status.is_authenticated:
        async with client.open_session(options) as session:
            if await is_logged_out(session.call):
                report.problem(LOGGED_OUT, LOGIN_ADVICE)
            else:
                report.good("nobody is logged in, which is fine: there is a provider")
        return
    name, kind = status.login or "somebody", status.auth_type or "?"
    report.good(f"logged in as {name} ({kind})")
    try:
        models = await client.list_models()
    except RpcError as error:
        report.finding(error.message, "check that the account has Copilot")
    except MalformedResultError as error:
        report.finding(str(error), "update trio-copilot: the CLI is newer")
    else:
        names = [model.id for model in models]
        more = ", …" * (len(names) > MODELS_SHOWN)
        report.good(f"{len(names)} models: {', '.join(names[:MODELS_SHOWN])}{more}")


async def _ask(report: Report, client: Client, options: SessionOptions) -> None:
    report.title("Model")
    async with client.open_session(options) as session:
        end = await session.ask("Reply with: All well.", timeout=PROMPT_TIMEOUT)
    if end.reason is TurnEndReason.CANCELLED:
        report.problem(f"no answer within {PROMPT_TIMEOUT:g} s", "try another --model")
    else:
        report.good(f"it answered: {end.answer}")
