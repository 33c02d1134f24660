"""What the command does before it has a CLI to talk to, or without one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.app.command import Command, served
from trio_copilot import _app

COMMANDS = ("ask", "demo", "doctor", "install-cli", "login", "serve")


async def test_help_names_the_commands(command: Command) -> None:
    ended = await command.run("--help")

    assert ended.status == 0
    for name in COMMANDS:
        assert f"  {name}" in ended.out


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_has_help_and_the_common_options(
    command: Command, name: str
) -> None:
    ended = await command.run(name, "--help")

    assert ended.status == 0
    assert "--debug" in ended.out
    assert "--log FILE" in ended.out


async def test_version_is_that_of_the_package(command: Command) -> None:
    ended = await command.run("--version")

    assert ended.status == 0
    assert ended.out.startswith("trio-copilot, version ")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ask", "Missing argument 'PROMPT'"),
        ("ask hi --bogus", "No such option"),
        ("ask hi --timeout 0", "'--timeout'"),
        ("ask hi --timeout soon", "'--timeout'"),
        ("ask hi --url nonsense", "not the address of a CLI"),
        ("ask hi --url 127.0.0.1:1 --cli x", "use one"),
        ("ask hi --provider-url http://127.0.0.1/v1", "needs --model"),
        ("ask -", "prompt is empty"),
        ("demo --scripted --cli x", "use one"),
        ("install-cli --version ../..", "not a version"),
        ("nonsense", "No such command"),
        ("aks hi", "Did you mean 'ask'?"),
        ("ask hi --modle x", "Did you mean '--model'?"),
        (
            "serve --allow-orgin x",
            "Did you mean one of: '--allow-all', '--allow-origin'?",
        ),
    ],
)
async def test_a_wrong_command_line_is_explained(
    command: Command, line: str, complaint: str
) -> None:
    ended = await command.run(*line.split())

    assert (ended.status, ended.out) == (2, "")
    assert complaint in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("cli", "complaint"),
    [
        ("/nonexistent", "/nonexistent (given): no such file"),
        (__file__, "not executable"),
        (sys.executable, "Is it a Copilot CLI?"),
        ("/bin/true", "Is it a Copilot CLI?"),
    ],
)
async def test_what_is_no_cli_is_an_error_in_words(
    command: Command, cli: str, complaint: str
) -> None:
    ended = await command.run("ask", "hi", "--cli", cli)

    assert (ended.status, ended.out) == (1, "")
    assert complaint in ended.err
    assert "Traceback" not in ended.err


async def test_without_any_cli_it_says_how_to_get_one(command: Command) -> None:
    ended = await command.run("ask", "hi")

    assert ended.status == 1
    assert "trio-copilot install-cli" in ended.err


async def test_nobody_listens_at_the_address(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ended = await command.run("ask", "hi", "--url", f"127.0.0.1:{port}")

    assert ended.status == 1
    assert f"copilot --headless --port {port}" in ended.err


async def test_a_log_that_cannot_be_written_is_said(
    command: Command, tmp_path: Path
) -> None:
    ended = await command.run("ask", "hi", "--log", tmp_path / "none" / "log")

    assert ended.status == 1
    assert "No such file" in ended.err
    assert "Traceback" not in ended.err


async def test_ctrl_c_while_it_reads_the_prompt_is_said(command: Command) -> None:
    async with command.started("ask", "-", stdin=subprocess.PIPE) as running:
        assert running.process.stdin is not None
        more_than_a_pipe_holds = b"word " * 100_000
        await running.process.stdin.send_all(more_than_a_pipe_holds)
        while running.process.returncode is None:
            # Python misses one that comes between two system calls of one read().
            running.interrupt()
            with trio.move_on_after(1):
                await running.process.wait()
        ended = await running.ended()
        await running.process.stdin.aclose()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_app, "missing_by_extra", lambda: {"app": ["rich"]})
    with pytest.raises(SystemExit) as exit_:
        _app.main()

    assert exit_.value.code == 2
    printed = capsys.readouterr().err
    assert "needs the extra 'app', which lacks rich" in printed
    assert "python -m pip install -e '.[app]'" in printed


def test_what_says_so_needs_nothing_of_the_extra() -> None:
    code = """
import sys, trio_copilot._app
assert not sys.modules.keys() & {"click", "rich", "h11"}
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
NOWHERE = [
    (">&-", "Error: stdout is closed: there is nowhere to write to"),
    pytest.param(
        *(">/dev/full", "Error: cannot write to stdout: No space left on device"),
        marks=FULL,
    ),
]


@pytest.mark.parametrize(("redirection", "complaint"), NOWHERE)
@pytest.mark.parametrize(
    "line", ["--help", "--version", "ask --help", "doctor", "demo --scripted"]
)
async def test_without_a_stdout_it_fails_in_words(
    command: Command, line: str, redirection: str, complaint: str
) -> None:
    ended = await command.run(*line.split(), redirection=redirection)

    assert (ended.status, ended.err.strip()) == (1, complaint)


@pytest.mark.parametrize(("redirection", "complaint"), NOWHERE)
async def test_an_answer_that_cannot_be_written_is_said(
    command: Command, redirection: str, complaint: str
) -> None:
    async with served("Hello") as (_, url):
        ended = await command.run("ask", "hi", "--url", url, redirection=redirection)

    assert (ended.status, ended.err.strip()) == (1, complaint)


@pytest.mark.parametrize(("redirection", "complaint"), NOWHERE)
async def test_an_address_that_cannot_be_written_is_said(
    command: Command, redirection: str, complaint: str
) -> None:
    async with served("Hello") as (_, url):
        words = ("serve", "--port", "0", "--url", url)
        ended = await command.run(*words, redirection=redirection)

    assert (ended.status, ended.err.strip()) == (1, complaint)


async def test_a_prompt_from_a_closed_stdin_is_refused(command: Command) -> None:
    ended = await command.run("ask", "-", redirection="<&-")

    assert ended.status == 2
    assert "stdin is closed" in ended.err
    assert "Traceback" not in ended.err
