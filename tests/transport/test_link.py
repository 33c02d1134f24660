"""From a user's arguments to the command line, the environment and the stream."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_copilot import CliExitedError, CliNotFoundError, Stdio, Tcp
from trio_copilot._transport.link import LaunchOptions, as_stdio, open_link


def options(**settings: Any) -> LaunchOptions:
    return LaunchOptions(shutdown_timeout=1.0, **settings)


# -- the command line


def test_the_cli_is_a_server_on_its_stdio_that_stays_as_it_is() -> None:
    assert options().arguments() == ["--headless", "--no-auto-update", "--stdio"]


def test_each_option_has_its_argument() -> None:
    full = options(log_level="debug", github_token="t", use_logged_in_user=False)

    assert full.arguments() == [
        "--headless",
        "--no-auto-update",
        "--log-level",
        "debug",
        "--auth-token-env",
        "COPILOT_SDK_AUTH_TOKEN",
        "--no-auto-login",
        "--stdio",
    ]


def test_a_token_is_in_the_environment_and_nowhere_else() -> None:
    """Command lines can be read by every user of the machine."""
    secret = options(github_token="gho_secret", env={})

    assert secret.environment() == {"COPILOT_SDK_AUTH_TOKEN": "gho_secret"}
    assert "gho_secret" not in " ".join(secret.arguments())
    assert "gho_secret" not in repr(secret)


def test_a_log_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="log_level must be one of 'none', "):
        options(log_level="loud")


# -- the environment


def test_the_environment_is_ours_if_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOMETHING", "here")

    assert options().environment()["SOMETHING"] == "here"
    assert "SOMETHING" not in options(env={}).environment()


def test_home_and_telemetry_are_variables_of_the_cli(tmp_path: Path) -> None:
    given = {"PATH": "/bin"}
    full = options(
        env=given,
        home=os.fspath(tmp_path),
        telemetry={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    )

    assert full.environment() == {
        "PATH": "/bin",
        "COPILOT_HOME": os.fspath(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    }
    assert given == {"PATH": "/bin"}


# -- what can be connected to


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, Stdio()),
        ("copilot", Stdio("copilot")),
        (Path("copilot"), Stdio(Path("copilot"))),
        (["node", "cli.js"], Stdio("node", ("cli.js",))),
        (("node",), Stdio("node")),
        (Stdio("x", ["--y"]), Stdio("x", ("--y",))),
    ],
)
def test_a_path_or_a_command_stands_for_stdio(said: Any, meant: Stdio) -> None:
    assert as_stdio(said) == meant


@pytest.mark.parametrize("nothing", [7, [], [7], {"path": "x"}, b"copilot"])
async def test_what_cannot_be_connected_to_is_named(nothing: Any) -> None:
    with pytest.raises(TypeError, match="open_client takes Stdio, Tcp"):
        async with open_link(nothing, options()):
            pass


async def test_a_stream_is_taken_as_it_is_and_closed_in_the_end() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.fail_after(5):
        async with open_link(ours, options()) as link:
            link.kill()  # there is nothing to kill
            assert link.stream is ours
            assert link.owned
            assert isinstance(await link.exit_error(), CliExitedError)

        assert await theirs.receive_some() == b""


async def test_a_server_is_not_ours_to_end() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            listeners: list[trio.SocketListener] = await nursery.start(
                trio.serve_tcp, serve, 0
            )
            port = listeners[0].socket.getsockname()[1]
            async with open_link(Tcp("127.0.0.1", port, "secret"), options()) as link:
                assert not link.owned
                assert link.token == "secret"
                assert link.label == f"The server at 127.0.0.1:{port}"
                assert "secret" not in repr(link)
            nursery.cancel_scope.cancel()


async def test_a_program_is_started_with_what_the_options_say(tmp_path: Path) -> None:
    """The program here prints how it was called."""
    teller = tmp_path / "copilot"
    teller.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['COPILOT_HOME'], os.getcwd())\n"
    )
    teller.chmod(0o755)
    settings = options(home="/home/of/cli", cwd=tmp_path)

    with trio.fail_after(20):
        async with open_link(Stdio(teller, ("--extra",)), settings) as link:
            said = b""
            while chunk := await link.stream.receive_some():
                said += chunk
            assert link.owned
            assert link.pid is not None

    assert said.decode().strip() == (
        "['--extra', '--headless', '--no-auto-update', '--stdio'] "
        f"/home/of/cli {tmp_path}"
    )


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliNotFoundError, match="nowhere"):
        async with open_link(tmp_path / "nowhere", options()):
            pass
