"""`trio-copilot serve` as a process, against a scripted CLI that it reaches over TCP."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from tests.app.command import Command, Running, served
from tests.bridge.peer import ENDLESS, Peer, connected
from trio_copilot._app.serve import serve
from trio_copilot.bridge import CloseCode


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, of a user without any configuration."""
    return Command.at(tmp_path / "home")


async def address_of(running: Running) -> tuple[str, str]:
    """Wait until the command prints its address; return it and the token."""
    await running.read_until("\n")
    address, _, token = running.out.decode().strip().partition("/#token=")
    return address, token


async def door_of(running: Running) -> tuple[int, str]:
    """Return the port of the WebSocket and the token of a command without a page."""
    address, token = await address_of(running)
    assert address.startswith("ws://127.0.0.1:")
    return port_of(address), token


def port_of(address: str) -> int:
    return int(address.strip("/").rpartition(":")[2])


async def websocket_of(page: str) -> str:
    """Ask the page's server for the address of the WebSocket, as the page does."""
    async with await trio.open_tcp_stream("127.0.0.1", port_of(page)) as stream:
        host = page.removeprefix("http://")
        request = (
            f"GET /config.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        await stream.send_all(request.encode())
        answer = b"".join([bytes(chunk) async for chunk in stream])
    config = json.loads(answer.partition(b"\r\n\r\n")[2])
    address: str = config["websocket"]
    return address


@asynccontextmanager
async def come_in(port: int, token: str, **handshake: Any) -> AsyncGenerator[Peer]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with connected(stream, host=f"127.0.0.1:{port}", **handshake) as peer:
        assert (await peer.hello(token))["type"] == "ready"
        yield peer


SERVE = ("serve", "--no-page", "--ws-port", "0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_turns_and_notifies_the_page(
    command: Command, number: int
) -> None:
    async with served([ENDLESS]) as (cli, url):
        async with command.started("serve", "--port", "0", "--url", url) as running:
            page, token = await address_of(running)
            port = port_of(await websocket_of(page))
            headers = [(b"Origin", page.encode())]
            async with come_in(port, token, headers=headers) as peer:
                await peer.say("prompt", turn="1", text="go")
                await peer.hear_until("delta")
                running.interrupt(number)
                assert await peer.closed() == CloseCode.GOING_AWAY
            ended = await running.ended()
        with trio.fail_after(5):
            await cli.wait_disconnect()

    assert peer.heard[-1]["type"] == "end"
    assert (ended.status, ended.err.strip()) == (130, "cancelled")
    assert set(cli.fates.values()) == {"aborted"}


async def test_the_death_of_the_cli_ends_it(command: Command) -> None:
    async with served([ENDLESS]) as (cli, url):
        async with command.started(*SERVE, "--url", url) as running:
            port, token = await door_of(running)
            async with come_in(port, token) as peer:
                cli.kill()
                assert await peer.closed() == CloseCode.INTERNAL
            ended = await running.ended()

    assert ended.status == 1
    assert "Error: The Copilot CLI closed the connection" in ended.err
    assert "Traceback" not in ended.err


async def test_the_token_may_be_given_and_an_origin_allowed(command: Command) -> None:
    command = command.with_env(TRIO_COPILOT_BRIDGE_TOKEN="open sesame")
    allow = ("--allow-origin", "https://example.org")
    headers = [(b"Origin", b"https://example.org")]
    async with served([]) as (_, url):
        async with command.started(*SERVE, "--url", url, *allow) as running:
            port, token = await door_of(running)
            assert token == "open sesame"
            async with come_in(port, token, headers=headers) as peer:
                assert peer.types() == ["ready"]


async def test_the_close_code_after_a_message_that_is_too_big_arrives_over_tcp(
    command: Command,
) -> None:
    """However much of it was on its way when the server closed the socket."""
    async with served([]) as (_, url):
        async with command.started(*SERVE, "--url", url) as running:
            port, token = await door_of(running)
            async with come_in(port, token) as peer:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(flood, peer, 8 * 2**20)
                    assert await peer.closed() == CloseCode.TOO_BIG
                    nursery.cancel_scope.cancel()


async def flood(peer: Peer, size: int) -> None:
    await peer.say("prompt", turn="1", text="x" * size)


async def test_a_port_that_is_taken_is_reported(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = await command.run("serve", "--no-page", "--ws-port", str(port))

    assert ended.status == 1
    assert f"Cannot listen at 127.0.0.1, port {port}" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--allow-origin evil.example", "is not an origin"),
        ("--port 65535", "no port after 65535"),
        ("--port 65536", "'--port'"),
        ("--cwd /nonexistent", "'--cwd'"),
        ("--provider-url http://127.0.0.1/v1", "needs --model"),
        ("--url nonsense", "not the address of a CLI"),
    ],
)
def test_a_wrong_command_line_is_explained(line: str, complaint: str) -> None:
    ended = CliRunner().invoke(serve, ["--no-page", *line.split()])

    assert ended.exit_code == 2
    assert complaint in ended.output
