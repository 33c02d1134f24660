"""Opening and closing: clients, sessions, and the death of the CLI."""

from __future__ import annotations

import logging
import math
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.processes import children, descriptors
from tests.worlds import World
from trio_copilot import (
    ClientClosedError,
    CliExitedError,
    RpcError,
    SessionClosedError,
    TextDelta,
    TurnEndReason,
    find_cli,
    open_client,
)
from trio_copilot.testing import (
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

LONG = Reply("word " * 400, delay=0.02)


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="counts processes and files in /proc"
)


async def test_the_client_knows_whom_it_talks_to(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run([]) as rig:
            assert rig.client.protocol_version == 3
            assert rig.client.cli_version
            status = await rig.client.status()
            assert status.protocol_version == 3
            assert "pong" in (await rig.client.ping("hello")).message
            assert not (await rig.client.auth_status()).is_authenticated


async def test_any_method_can_be_called_by_its_name(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run([]) as rig:
            answer = await rig.client.call("ping", {"message": "raw"})
            assert "raw" in answer["message"]
            with pytest.raises(RpcError, match=r"no\.such\.method") as caught:
                await rig.client.call("no.such.method")
            assert caught.value.code == -32601
            assert caught.value.method == "no.such.method"


async def test_after_its_block_nothing_can_be_called(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([]) as rig:
            pass

        with pytest.raises(ClientClosedError):
            await rig.client.ping()
        with pytest.raises(SessionClosedError):
            await rig.session.ask("?")
        with pytest.raises(SessionClosedError):
            rig.session.subscribe()


async def test_an_id_of_ones_own_and_resuming_by_it(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.stage(["remember 42", "it was 42"]) as stage:
            async with stage.open_client() as client:
                async with client.open_session(session_id="my-session") as session:
                    assert session.id == "my-session"
                    await session.ask("Remember 42")
                    with pytest.raises(ValueError, match="my-session"):
                        client.open_session(session_id="my-session")

                async with client.resume_session("my-session") as again:
                    history = await again.history()
                    end = await again.ask("What was it?")

            assert "assistant.message" in [event.type for event in history]
            assert end.text == "it was 42"
            texts = [str(m.get("content")) for m in stage.model.requests[1].messages]
            assert any("remember 42" in text for text in texts)


async def test_resuming_what_does_not_exist_says_so(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.run([]) as rig:
            with pytest.raises(RpcError, match="no-such-session"):
                async with rig.client.resume_session("no-such-session"):
                    raise AssertionError


async def test_many_sessions_of_one_client_work_side_by_side(
    world: World, clock: Clock
) -> None:
    texts: dict[int, str] = {}

    def script(request):
        number = request.prompt.rpartition("#")[2].split()[0]
        return Reply(f"answer {number} " * 10, delay=0.01)

    with trio.fail_after(world.patience):
        async with world.run(script) as rig:

            async def work(number: int) -> None:
                async with rig.open_session() as session:
                    texts[number] = (await session.ask(f"#{number}")).text

            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(work, number)

    assert texts == {n: f"answer {n} " * 10 for n in range(8)}


async def test_a_session_that_fails_leaves_its_siblings_alone(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(lambda _: LONG) as rig:
            async with rig.open_session() as other, other.turn("long") as turn:
                with pytest.raises(LookupError):
                    async with rig.session.turn("long"):
                        raise LookupError
                async for event in turn:
                    if isinstance(event, TextDelta):
                        break


@pytest.mark.own_cli
async def test_every_task_hears_of_the_death_of_the_cli(
    world: World, clock: Clock
) -> None:
    """Calls, turns and subscriptions are woken at once."""
    heard: list[str] = []

    async def hear(name: str, *, subscribe: bool) -> None:
        with pytest.raises(CliExitedError):
            if subscribe:
                async with rig.session.subscribe() as events:
                    started.append(name)
                    async for _ in events:
                        pass
            else:
                async with rig.open_session() as session:
                    async with session.turn("long") as turn:
                        started.append(name)
                        async for _ in turn:
                            pass
        heard.append(name)

    started: list[str] = []
    died = math.nan
    with trio.fail_after(world.patience):
        async with world.run(lambda _: LONG) as rig, trio.open_nursery() as nursery:
            nursery.start_soon(lambda: hear("subscriber", subscribe=True))
            nursery.start_soon(lambda: hear("other turn", subscribe=False))
            with pytest.raises(CliExitedError) as caught:
                async with rig.session.turn("long") as turn:
                    async for event in turn:
                        if isinstance(event, TextDelta) and len(started) == 2:
                            died = trio.current_time()
                            await kill(rig)
            took = trio.current_time() - died

            assert took < 0.9
            assert turn.end.reason is TurnEndReason.ERROR
            assert turn.text.startswith("word ")
            if world.real:
                assert caught.value.returncode == -signal.SIGKILL
            with pytest.raises(CliExitedError):
                await rig.client.ping()
            with pytest.raises(CliExitedError):
                await rig.session.send("?")

    assert sorted(heard) == ["other turn", "subscriber"]


async def kill(rig) -> None:
    if rig.client.pid is not None:
        os.kill(rig.client.pid, signal.SIGKILL)
    else:
        await rig.scripted.die()


@pytest.mark.own_cli
async def test_leaving_a_turn_whose_cli_died_raises_too(
    world: World, clock: Clock
) -> None:
    """Also if nobody iterates it."""
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            with pytest.raises(CliExitedError):
                async with rig.session.turn("long") as turn:
                    await kill(rig)
                    with pytest.raises(CliExitedError):
                        await turn.wait()


@pytest.mark.own_cli
async def test_an_exception_of_the_body_wins_over_the_death_of_the_cli(
    world: World,
    clock: Clock,
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            with pytest.raises(LookupError):
                async with rig.session.turn("long") as turn:
                    await kill(rig)
                    with pytest.raises(CliExitedError):
                        await turn.wait()
                    raise LookupError


async def test_a_session_that_the_cli_lets_go_of_is_closed(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            with pytest.raises(SessionClosedError, match="let go"):
                async with rig.session.turn("long") as turn:
                    async for event in turn:
                        if isinstance(event, TextDelta):
                            params = {"sessionId": rig.session.id}
                            await rig.client.call("session.detach", params)
            with pytest.raises(SessionClosedError):
                await rig.session.ask("?")


@pytest.fixture
async def real_model() -> AsyncIterator[ScriptedModel]:
    async with open_scripted_model(lambda _: LONG) as model:
        yield model


SMALL_CLI = """
import json, sys
while line := sys.stdin.buffer.readline():
    sys.stdin.buffer.readline()
    request = json.loads(sys.stdin.buffer.read(int(line.split()[1])))
    result = {"message": "pong", "timestamp": 0, "protocolVersion": 3, "version": "1"}
    body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result})
    print(f"Content-Length: {len(body)}\\r\\n\\r\\n{body}", end="", flush=True)
    if request["method"] == "runtime.shutdown":
        break
"""
"""A CLI that starts at once, for it says the same to everything."""


async def check_that_nothing_is_left(
    cli: Path | list[str], env: dict[str, str], clients: int
) -> None:
    with trio.fail_after(120):
        async with open_client(cli, env=env):
            pass  # what is made once exists by now
        before = descriptors(), children()

        async def cycle() -> None:
            async with open_client(cli, env=env) as client:
                await client.ping()

        for _ in range(clients // 2):  # the machine may have more than one processor
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cycle)
                nursery.start_soon(cycle)

        assert (descriptors(), children()) == before


@needs_proc
async def test_many_clients_leave_nothing_behind(every: int) -> None:
    command = [sys.executable, "-I", "-S", "-c", SMALL_CLI]
    await check_that_nothing_is_left(command, {}, clients=200 // every)


@pytest.mark.cli
@needs_proc
async def test_clients_of_the_real_cli_leave_nothing_behind(
    real_model: ScriptedModel, cli_home: Path, cli_path: Path, every: int
) -> None:
    env = cli_environment(real_model, cli_home)
    await check_that_nothing_is_left(cli_path, env, clients=2 + 16 // every)


@pytest.mark.cli
@needs_proc
@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(n, marks=pytest.mark.all) for n in range(6, 20))]
)
async def test_cancelled_at_any_moment_no_process_is_left(
    real_model: ScriptedModel,
    cli_home: Path,
    cli_path: Path,
    seed: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Within startup, a turn, or shutdown."""
    env = cli_environment(real_model, cli_home)
    options: dict[str, Any] = {
        "model": real_model.name,
        "provider": real_model.provider,
    }
    patience = random.Random(seed).uniform(0, 1.4)
    before = descriptors(), children()

    with trio.fail_after(30):
        with trio.move_on_after(patience):
            async with open_client(cli_path, env=env) as client:
                async with client.open_session(**options) as session:
                    with trio.move_on_after(patience / 2):
                        await session.ask("long")
        await trio.testing.wait_all_tasks_blocked()

    assert (descriptors(), children()) == before
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


@pytest.mark.cli
async def test_the_cli_is_found_without_being_named(
    real_model: ScriptedModel, cli_home: Path
) -> None:
    env = {**cli_environment(real_model, cli_home), "COPILOT_CLI_PATH": str(find_cli())}
    with trio.fail_after(60):
        async with open_client(env=env) as client:
            assert client.pid is not None
