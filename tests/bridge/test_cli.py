"""The bridge with the real CLI, whose model is a script."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import trio

from tests.app.command import Command, exists
from tests.app.test_ask_cli import cli_of
from tests.app.test_serve import SERVE, come_in, door_of
from tests.bridge.peer import ENDLESS, Peer
from trio_copilot import open_client
from trio_copilot.bridge import Bridge, CloseCode, open_bridge
from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

pytestmark = pytest.mark.cli

RUN = Call("bash", {"command": "echo $((6 * 7))", "description": "compute"})


def model(request: ModelRequest) -> Reply | str:
    """Answer by the prompt, so that one CLI is enough for all of it."""
    if "on and on" in request.prompt:
        return ENDLESS
    if "compute" not in request.prompt:
        return "Hello, wörld"
    if request.messages[-1]["role"] == "tool":
        return f"It is {request.messages[-1]['content']}"
    return Reply(calls=[RUN])


async def start_turn(peer: Peer) -> None:
    await peer.say("prompt", turn="1", text="go on and on")
    await peer.hear_until("delta")


async def test_a_day_of_the_bridge(cli_path: Path, cli_home: Path) -> None:
    """Turns, permissions, stops and closed tabs, one after the other on one CLI."""
    async with open_scripted_model(model) as server:
        env = cli_environment(server, cli_home)
        async with open_client(cli_path, env=env, cwd=cli_home) as client:
            async with open_bridge(client) as bridge:
                with trio.fail_after(120):
                    await turns_and_permissions(bridge)
                    await stopped(bridge, server)
                    await left(bridge, server, politely=True)
                    await left(bridge, server, politely=False)
                    await bridge.wait_connections()
                assert client.statistics().open_sessions == 0


async def turns_and_permissions(bridge: Bridge) -> None:
    assert bridge.port is not None
    async with come_in(bridge.port, bridge.token) as peer:
        await peer.say("prompt", turn="1", text="Say hello")
        await peer.hear_until("end", turn="1", reason="complete")
        assert peer.text() == "Hello, wörld"
        assert "start" in peer.types()
        assert peer.heard[0]["model"]  # from the environment of the CLI

        await peer.say("prompt", turn="2", text="compute, please")
        question = await peer.hear_until("permission", turn="2", kind="shell")
        assert "6 * 7" in question["summary"]
        await peer.say("answer", request=question["request"], decision="allow")
        await peer.hear_until("tool_result", success=True)
        await peer.hear_until("end", turn="2", reason="complete")
        assert "It is 42" in peer.text()

        await peer.say("prompt", turn="3", text="compute again")
        question = await peer.hear_until("permission", turn="3")
        name = question["request"]
        await peer.say("answer", request=name, decision="deny", reason="not now")
        await peer.hear_until("tool_result", success=False)
        await peer.hear_until("end", turn="3", reason="complete")
        assert "not now" in peer.text()


async def stopped(bridge: Bridge, server: ScriptedModel) -> None:
    assert bridge.port is not None
    async with come_in(bridge.port, bridge.token) as peer:
        await start_turn(peer)
        call = len(server.requests)
        await peer.say("stop", turn="1")
        with trio.fail_after(1):
            await server.wait_disconnect(call)
        end = await peer.hear_until("end")
        assert (end["reason"], end["cause"]) == ("cancelled", "abort")
        await peer.say("prompt", turn="2", text="Say hello")
        await peer.hear_until("end", turn="2", reason="complete")


async def left(bridge: Bridge, server: ScriptedModel, *, politely: bool) -> None:
    assert bridge.port is not None
    async with come_in(bridge.port, bridge.token) as peer:
        await start_turn(peer)
        call = len(server.requests)
        if politely:
            await peer.ws.aclose()
        else:
            await trio.aclose_forcefully(peer.stream)
        with trio.fail_after(1):
            await server.wait_disconnect(call)


async def test_a_peer_is_warned_when_nobody_is_logged_in(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    async with open_client(cli_path, env=logged_out) as client:
        async with open_bridge(client) as bridge:
            assert bridge.port is not None
            with trio.fail_after(60):
                async with come_in(bridge.port, bridge.token) as peer:
                    assert "`trio-copilot login`" in peer.heard[0]["warning"]
                    await peer.say("prompt", turn="1", text="Say hello")
                    end = await peer.hear_until("end", reason="error")
                    assert end["error"]["kind"] == "authentication"


async def test_a_peer_is_not_warned_of_a_model_that_needs_no_account(
    cli_path: Path, cli_home: Path
) -> None:
    async with open_scripted_model(model) as server:
        env = cli_environment(server, cli_home)
        async with open_client(cli_path, env=env) as client:
            async with open_bridge(client) as bridge:
                assert bridge.port is not None
                with trio.fail_after(60):
                    async with come_in(bridge.port, bridge.token) as peer:
                        assert "warning" not in peer.heard[0]


async def test_sigterm_in_mid_turn_leaves_nothing(
    cli_path: Path, cli_home: Path
) -> None:
    """The turn is stopped, the page notified, the process of the CLI reaped."""
    async with open_scripted_model(model) as server:
        env = {**cli_environment(server, cli_home), "PATH": "/usr/bin:/bin"}
        arguments = (
            *("--cli", str(cli_path), "--cwd", str(cli_home)),
            *("--provider-url", server.base_url, "--model", server.name),
        )
        command = Command.at(cli_home, **env)
        async with command.started(*SERVE, *arguments) as running:
            port, token = await door_of(running)
            cli = await cli_of(running)
            async with come_in(port, token) as peer:
                assert peer.heard[0]["model"] == server.name
                await start_turn(peer)
                running.interrupt(signal.SIGTERM)
                assert await peer.closed() == CloseCode.GOING_AWAY
            ended = await running.ended()

        assert (ended.status, ended.err.strip()) == (130, "cancelled")
        with trio.fail_after(5):
            await server.wait_disconnect()
        assert not exists(cli)


async def test_a_second_ctrl_c_kills_a_cli_that_does_not_react(
    cli_path: Path, cli_home: Path
) -> None:
    async with open_scripted_model(model) as server:
        env = {**cli_environment(server, cli_home), "PATH": "/usr/bin:/bin"}
        command = Command.at(cli_home, **env)
        async with command.started(*SERVE, "--cli", cli_path) as running:
            port, token = await door_of(running)
            cli = await cli_of(running)
            async with come_in(port, token) as peer:
                await start_turn(peer)
                os.kill(cli, signal.SIGSTOP)
                running.interrupt()
                with pytest.raises(trio.TooSlowError), trio.fail_after(0.5):
                    await running.process.wait()  # it waits for the CLI
                running.interrupt()
                with trio.fail_after(3):
                    ended = await running.ended()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")
    assert not exists(cli)
