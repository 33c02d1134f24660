"""`doctor`: what it finds, what it advises, and when it fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.app.command import Command, served
from trio_copilot._transport.find_cli import PINNED_VERSION
from trio_copilot.testing import Reply, cli_environment, open_scripted_model

LOGGED_IN = {
    "auth.getStatus": lambda _: {
        "isAuthenticated": True,
        "login": "octocat",
        "authType": "user",
    }
}


def models(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "name": name, "capabilities": {}} for name in names]


async def test_without_a_cli_it_lists_every_place_and_fails(command: Command) -> None:
    ended = await command.run("doctor")

    assert ended.status == 1
    assert "✗ COPILOT_CLI_PATH: not set" in ended.out
    assert "✗ copilot on PATH: " in ended.out
    assert "(our cache): no such file" in ended.out
    assert "-> trio-copilot install-cli" in ended.out
    assert ended.err == ""


async def test_the_place_that_is_taken_is_marked(
    command: Command, tmp_path: Path
) -> None:
    (program := tmp_path / "copilot").write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    ended = await command.with_env(PATH=str(tmp_path)).run("doctor")

    assert "· COPILOT_CLI_PATH: none" in ended.out
    assert f"✓ copilot on PATH: {program}" in ended.out
    assert "· our cache: none" in ended.out


async def test_a_cli_that_ends_at_once_is_a_problem(command: Command) -> None:
    ended = await command.run("doctor", "--cli", "/bin/true")

    assert ended.status == 1
    assert "✓ --cli: /bin/true" in ended.out
    assert "✗ The Copilot CLI exited with status 0" in ended.out
    assert "Is it a Copilot CLI?" in ended.out
    assert "Traceback" not in ended.err


async def test_installed_versions_and_extras_are_shown(command: Command) -> None:
    ended = await command.run("doctor")

    assert f"Python {sys.version.split()[0]}" in ended.out
    assert "trio 0." in ended.out
    for extra in ("app", "bridge", "telemetry", "testing", "web"):
        assert f"✓ extra {extra}\n" in ended.out


async def test_an_account_and_its_models_are_shown(command: Command) -> None:
    some = models("gpt-5", "a", "b", "c", "d", "e")
    async with served((), answers=LOGGED_IN, models=some) as (_, url):
        ended = await command.run("doctor", "--url", url)

    assert ended.status == 0
    assert "✓ logged in as octocat (user)" in ended.out
    assert "✓ 6 models: gpt-5, a, b, c, d, …" in ended.out
    assert f"✓ version {PINNED_VERSION}, protocol 3" in ended.out
    assert "It can be used." in ended.out


async def test_an_account_without_models_is_a_finding(command: Command) -> None:
    async with served((), answers=LOGGED_IN) as (_, url):
        ended = await command.run("doctor", "--url", url)

    assert ended.status == 0
    assert "-> check that the account has Copilot" in ended.out


async def test_another_version_of_the_cli_is_said(command: Command) -> None:
    async with served((), version="9.9.9") as (_, url):
        ended = await command.run("doctor", "--url", url)

    assert ended.status == 0
    assert f"this package was made for version {PINNED_VERSION}" in ended.out


async def test_another_protocol_is_a_problem(command: Command) -> None:
    async with served((), protocol_version=99) as (_, url):
        ended = await command.run("doctor", "--url", url)

    assert ended.status == 1
    assert "speaks version 99" in ended.out


async def test_marks_are_ascii_where_there_is_nothing_else(command: Command) -> None:
    async with served((), answers=LOGGED_IN, models=models(*"abcdef")) as (_, url):
        ended = await command.with_env(PYTHONIOENCODING="ascii").run(
            "doctor", "--url", url
        )

    assert "+ 6 models: a, b, c, d, e, ..." in ended.out
    assert ended.out.isascii()


async def test_a_closed_stdout_ends_it_quietly(command: Command) -> None:
    async with served((), ignore=["auth.getStatus"]) as (_, url):
        async with command.started("doctor", "--url", url) as running:
            await running.stop_reading()
            ended = await running.ended()

    assert (ended.status, ended.err) == (141, "")


async def test_ctrl_c_while_it_waits(command: Command) -> None:
    async with served((), ignore=["auth.getStatus"]) as (cli, url):
        async with command.started("doctor", "--url", url) as running:
            await cli.wait_for("auth.getStatus")
            running.interrupt()
            ended = await running.ended()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")


@pytest.mark.cli
async def test_the_real_cli_offline(cli_path: Path, cli_home: Path) -> None:
    """A provider makes logging in unnecessary."""
    async with open_scripted_model(()) as model:
        command = Command.at(cli_home, **cli_environment(model, cli_home))
        ended = await command.run("doctor", "--cli", cli_path)

    assert (ended.status, ended.err) == (0, "")
    assert f"✓ version {PINNED_VERSION}, protocol 3, answered after" in ended.out
    assert "✓ nobody is logged in, which is fine: there is a provider" in ended.out
    assert model.requests == []


@pytest.mark.cli
async def test_an_answer_of_the_model_is_asked_for_when_somebody_says_so(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    async with open_scripted_model(["All well.", Reply("broken", status=400)]) as model:
        command = Command.at(Path()).with_env(**logged_out)
        provider = ("--provider-url", model.base_url, "--model", model.name)
        words = ("doctor", "--cli", cli_path, *provider)

        ended = await command.run(*words)
        assert (ended.status, ended.err, model.requests) == (0, "", [])

        ended = await command.run(*words, "--prompt")
        assert (ended.status, ended.err) == (0, "")
        assert "✓ it answered: All well." in ended.out

        ended = await command.run(*words, "--prompt")
        assert ended.status == 1
        assert "✗ " in ended.out
        assert "broken" in ended.out


@pytest.mark.cli
async def test_being_logged_out_without_a_provider_is_a_problem(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    command = Command.at(Path()).with_env(**logged_out)
    for words in (("doctor",), ("doctor", "--prompt")):
        ended = await command.run(*words, "--cli", cli_path)

        assert (ended.status, ended.err) == (1, "")
        assert "✗ Nobody is logged in to Copilot" in ended.out
        assert "-> Log in with `trio-copilot login`" in ended.out


@pytest.mark.cli
async def test_the_same_from_the_command_that_asks(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    command = Command.at(Path()).with_env(**logged_out)
    ended = await command.run("ask", "Say hello", "--cli", cli_path)

    assert (ended.status, ended.out) == (1, "")
    assert "`trio-copilot login`" in ended.err
    assert "Hint" not in ended.err  # it is in the error


@pytest.mark.cli
async def test_a_token_that_github_does_not_take_is_a_problem(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    command = Command.at(Path()).with_env(**logged_out, GH_TOKEN="github_pat_no")
    ended = await command.run("doctor", "--cli", cli_path)

    assert ended.status == 1
    assert "Authentication failed" in ended.out
    assert "-> Log in with `trio-copilot login`" in ended.out


@pytest.mark.cli
async def test_the_words_of_a_cli_that_refuses_to_start(
    cli_path: Path, cli_home: Path
) -> None:
    """Offline it needs a provider, and complains on stderr before it exits."""
    command = Command.at(cli_home, COPILOT_OFFLINE="true", PATH="/usr/bin:/bin")
    ended = await command.run("doctor", "--cli", cli_path)

    assert ended.status == 1
    assert "COPILOT_PROVIDER_BASE_URL" in ended.out
