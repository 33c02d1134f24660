"""`login`: the CLI's own, with its arguments, its input and its status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.command import Command

ECHO = """#!/bin/sh
read line
echo "said: $* / $line"
echo "complained" >&2
exit 7
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A program that prints its arguments, and fails with its own status."""
    (program := tmp_path / "copilot").write_text(ECHO)
    program.chmod(0o755)
    return program


async def test_arguments_stdin_and_the_exit_status_are_the_clis(
    command: Command, stand_in: Path
) -> None:
    ended = await command.run(
        *("login", "--cli", stand_in, "--device-code", "--host", "https://ghe.example"),
        stdin=b"a token\n",
    )

    assert (
        ended.out == "said: login --device-code --host https://ghe.example / a token\n"
    )
    assert ended.err == "complained\n"
    assert ended.status == 7


async def test_it_is_the_cli_that_would_be_started(
    command: Command, stand_in: Path
) -> None:
    ended = await command.with_env(COPILOT_CLI_PATH=str(stand_in)).run("login")

    assert ended.out.startswith("said: login / ")


async def test_a_signal_that_ends_the_cli_is_told_as_by_a_shell(
    command: Command, stand_in: Path
) -> None:
    stand_in.write_text("#!/bin/sh\nkill -KILL $$\n")
    ended = await command.run("login", "--cli", stand_in)

    assert ended.status == 128 + 9


async def test_what_cannot_be_started_is_said(command: Command, stand_in: Path) -> None:
    stand_in.write_text("no program\n")
    stand_in.chmod(0o755)
    ended = await command.run("login", "--cli", stand_in)

    assert ended.status == 1
    assert f"{stand_in}" in ended.err
    assert "Traceback" not in ended.err


async def test_without_a_cli_it_says_how_to_get_one(command: Command) -> None:
    ended = await command.run("login")

    assert ended.status == 1
    assert "trio-copilot install-cli" in ended.err


@pytest.mark.cli
async def test_the_real_cli_has_a_login_that_takes_what_we_say_it_takes(
    command: Command, cli_path: Path
) -> None:
    ended = await command.run("login", "--cli", cli_path, "--", "--help")

    assert ended.status == 0
    for option in ("--device-code", "--host", "--with-token"):
        assert option in ended.out
    assert "COPILOT_GITHUB_TOKEN, GH_TOKEN" in " ".join(ended.out.split())
