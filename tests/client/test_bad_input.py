"""Bad input gets a clear error at once, and nothing hangs or is left."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_copilot._client.connect
from trio_copilot import (
    CliExitedError,
    CliNotFoundError,
    ConnectError,
    Provider,
    SessionEvent,
    SessionOptions,
    open_client,
)
from trio_copilot.testing import open_scripted_cli


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modle": "gpt-5"}, "no option 'modle': did you mean 'model'"),
        ({"tools": ["get_weather"]}, "decorate the function with @tool"),
        ({"on_permission_request": lambda request: True}, "must be an async function"),
        ({"provider": {"base_uri": "http://x"}}, "base_uri"),
    ],
)
async def test_an_option_that_does_not_fit_is_refused(
    options: dict[str, Any], message: str, autojump_clock
) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
            with pytest.raises(TypeError, match=message):
                client.open_session(**options)

            assert cli.calls("session.create") == []


@pytest.mark.parametrize("option", ["available_tools", "excluded_tools"])
@pytest.mark.parametrize("name", ["*", "bash*", "mcp:github-*"])
async def test_an_asterisk_that_names_no_tool_is_refused(
    option: str, name: str, autojump_clock
) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
            options: dict[str, Any] = {option: ["view", name]}
            with pytest.raises(ValueError, match=rf"{option}.*builtin:\*.*all tools"):
                client.open_session(**options)
            options[option] = ["view", "mcp:*"]
            async with client.open_session(**options):
                pass

            (created,) = cli.calls("session.create")
    assert ["view", "mcp:*"] in created.values()


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("assistant.mesage", "did you mean 'assistant.message'"),
        ("AssistantMessage", "did you mean 'assistant.message'"),
        ("session.levitated", "allow_unknown=True"),
    ],
)
async def test_a_wire_type_that_no_cli_sends_is_refused_unless_it_is_meant(
    wrong: str, hint: str, autojump_clock
) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with pytest.raises(ValueError, match=hint):
                session.subscribe("session.idle", wrong)
            with pytest.raises(ValueError, match=hint):
                session.on(print, wrong)
            with pytest.raises(ValueError, match="known to send"):
                client.lifecycle(wrong)

            heard: list[str] = []
            session.on(
                lambda event: heard.append(event.type), wrong, allow_unknown=True
            )
            async with session.subscribe(wrong, allow_unknown=True) as events:
                cli.emit(session.id, wrong, {})
                assert isinstance(event := await events.receive(), SessionEvent)
            async with client.lifecycle(wrong, allow_unknown=True):
                pass
    assert event.type == wrong
    assert heard == [wrong]


async def test_a_class_is_no_wire_type(autojump_clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with pytest.raises(TypeError, match="such as 'assistant"):
                session.subscribe(SessionEvent)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="such as 'assistant"):
                session.on(print, SessionEvent, allow_unknown=True)  # type: ignore[arg-type]


async def test_a_provider_without_a_model_is_refused(autojump_clock) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
            with pytest.raises(ValueError, match="needs model="):
                client.open_session(provider=Provider(base_url="http://x/v1"))


async def test_options_and_keywords_go_together(autojump_clock) -> None:
    options = SessionOptions(model="a", streaming=False)
    with trio.fail_after(60):
        async with open_scripted_cli([]) as cli, open_client(cli.stream) as client:
            async with client.open_session(options, model="b"):
                pass

            (wire,) = cli.calls("session.create")
    assert (wire["model"], wire["streaming"]) == ("b", False)


@pytest.mark.parametrize("bad", [7, None, b"bytes"])
async def test_a_prompt_is_a_string(bad: object, autojump_clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with pytest.raises(TypeError, match="A prompt must be a string"):
                await session.ask(bad)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="A prompt must be a string"):
                await session.send(bad)  # type: ignore[arg-type]

            assert cli.calls("session.send") == []


async def test_there_are_two_modes_of_sending(autojump_clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli([]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with pytest.raises(ValueError, match="'enqueue' or 'immediate'"):
                await session.send("?", mode="now")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [7, [], [1, 2], {"path": "x"}, object()])
async def test_what_cannot_be_connected_to_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="Stdio, Tcp, a path"):
        async with open_client(bad):  # type: ignore[arg-type]
            raise AssertionError


async def test_a_log_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="log_level"):
        async with open_client(log_level="loud"):
            raise AssertionError


async def test_a_path_where_nothing_is_is_named() -> None:
    with pytest.raises(CliNotFoundError, match="/no/such/cli"):
        async with open_client("/no/such/cli"):
            raise AssertionError


def program(folder: Path, body: str) -> str:
    """An executable that runs some Python."""
    path = folder / "not-a-cli"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_a_program_that_ends_at_once_is_no_cli(tmp_path: Path) -> None:
    path = program(tmp_path, "import sys; sys.exit('I am not a CLI')")
    with trio.fail_after(30):
        with pytest.raises(CliExitedError, match="I am not a CLI") as caught:
            async with open_client(path):
                raise AssertionError

    assert caught.value.returncode == 1
    assert any("Is it a Copilot CLI?" in note for note in caught.value.__notes__)


async def test_a_program_that_says_something_else_is_no_cli(tmp_path: Path) -> None:
    path = program(tmp_path, "print('Hello!' * 99, flush=True); input()")
    with trio.fail_after(30):
        with pytest.raises(
            ConnectError, match="does not speak like a Copilot CLI"
        ) as e:
            async with open_client(path):
                raise AssertionError

    assert path in str(e.value)
    assert "Hello!" in str(e.value)


async def test_a_program_that_echoes_is_no_cli(tmp_path: Path) -> None:
    echo = "import os\nwhile data := os.read(0, 9999): os.write(1, data)"
    path = program(tmp_path, echo)
    with trio.fail_after(30):
        with pytest.raises(ConnectError, match=path):
            async with open_client(path):
                raise AssertionError


async def test_a_program_that_says_nothing_is_no_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio_copilot._client.connect, "HANDSHAKE_TIMEOUT", 0.2)
    path = program(tmp_path, "import sys; sys.stdin.read()")
    with trio.fail_after(30):
        with pytest.raises(ConnectError, match=r"within 0\.2 seconds"):
            async with open_client(path):
                raise AssertionError


@pytest.mark.cli
async def test_what_a_cli_says_when_it_cannot_start_is_told(
    cli_path: Path, cli_home: Path
) -> None:
    env = {"PATH": "/usr/bin", "HOME": str(cli_home), "COPILOT_OFFLINE": "true"}
    with trio.fail_after(60):
        with pytest.raises(CliExitedError, match="COPILOT_PROVIDER_BASE_URL"):
            async with open_client(cli_path, env=env):
                raise AssertionError


@pytest.mark.parametrize("how", ["asyncio.run(main())", "main().send(None)"])
def test_outside_trio_the_error_says_so(how: str) -> None:
    code = (
        "import asyncio, trio_copilot\n"
        "async def main():\n"
        "    async with trio_copilot.open_client(): pass\n"
        f"{how}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "RuntimeError: trio_copilot runs inside Trio only" in done.stderr
