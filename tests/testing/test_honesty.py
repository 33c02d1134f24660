"""The scripted CLI plays every scenario as the real CLI does."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.testing.raw import RawClient
from tests.testing.scenarios import SCENARIOS, Scenario, Talk
from trio_copilot import SessionEvent
from trio_copilot.events import MalformedEvent, UnknownEvent
from trio_copilot.testing import (
    cli_environment,
    open_scripted_cli,
    open_scripted_model,
)

TIMEOUT = 60

# Events whose number or place is left to chance by the real CLI, or which the scripted
# one does not have; a client must get along with any of them anywhere.
NOISE = {
    "pending_messages.modified",
    "session.background_tasks_changed",
    "session.indexed_search",
    "session.managed_settings_resolved",
    "session.mcp_servers_loaded",
    "session.skills_loaded",
    "session.title_changed",
    "session.tools_updated",
    "session.usage_info",
    "system.message",
}

# What depends on the time, the place or the provider.
INCOMPARABLE = {
    "context",
    "cwd",
    "elapsedMs",
    "eventCount",
    "resumeTime",
    "sessionStartTime",
    "startTime",
    "timestamp",
    "totalApiDurationMs",
    "transcriptPath",
    "transformedContent",
    "transformedPrompt",
    "workingDirectory",
}


async def play_scripted(scenario: Scenario) -> RawClient:
    with trio.fail_after(TIMEOUT):
        async with open_scripted_cli(scenario.script) as cli:
            client = RawClient(cli.stream, cli.stream)
            client.session = scenario.name
            await client.call("connect")
            await client.create(*scenario.tools, **scenario.options)
            client.forget()
            await scenario.play(Talk(client, cli, {"streaming": True}))
            assert cli.unanswered == []
    return client


async def play_real(scenario: Scenario, client: RawClient) -> list[dict[str, Any]]:
    """Play a scenario and return the events of it, without those of the way out."""
    client.session = scenario.name
    client.forget()
    with trio.fail_after(TIMEOUT):
        async with open_scripted_model(scenario.script) as model:
            provider = {"type": "openai", "baseUrl": model.base_url}
            where = {"model": model.name, "provider": provider}
            await client.create(*scenario.tools, **where, **scenario.options)
            client.forget()
            await scenario.play(Talk(client, model, {"streaming": True, **where}))
            assert model.unanswered == []
            events = client.events
            left = await client.write("session.detach")
            if scenario.options.get("hooks"):
                await client.answer_hooks("sessionEnd")
            await client.answer(left)
    return events


@asynccontextmanager
async def real_cli(cli_path: Path, cli_home: Path) -> AsyncIterator[RawClient]:
    async with open_scripted_model([]) as nowhere, trio.open_nursery() as nursery:
        run = partial(
            trio.run_process,
            [str(cli_path), "--headless", "--no-auto-update", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=cli_environment(nowhere, cli_home),
            cwd=cli_home,
        )
        process = await nursery.start(run)
        client = RawClient(process.stdin, process.stdout)
        await client.call("connect")
        yield client
        await process.stdin.aclose()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_a_scenario_goes_as_it_should(
    scenario: Scenario, autojump_clock: trio.testing.MockClock
) -> None:
    client = await play_scripted(scenario)
    assert client.events
    for event in client.events:
        data = SessionEvent(event).data

        assert not isinstance(data, MalformedEvent | UnknownEvent), data


@pytest.mark.repetitive
async def test_the_same_scenario_sounds_the_same_every_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for scenario in SCENARIOS:
        first, second = [(await play_scripted(scenario)).heard for _ in range(2)]

        assert repr(first) == repr(second)
        assert [getattr(m, "params", None) for m in first] == [
            getattr(m, "params", None) for m in second
        ]


@pytest.mark.cli
async def test_the_real_cli_says_the_same(
    cli_path: Path, cli_home: Path, subtests: pytest.Subtests, every: int
) -> None:
    steady = [scenario for scenario in SCENARIOS if not scenario.chancy]
    async with real_cli(cli_path, cli_home) as client:
        for scenario in steady[::every]:
            with subtests.test(scenario.name):
                real = await play_real(scenario, client)
                scripted = await play_scripted(scenario)
                compare(real, scripted.events)


def compare(real: list[dict[str, Any]], scripted: list[dict[str, Any]]) -> None:
    """Check that the real CLI sends what the scripted one sends, in that order."""
    real, scripted = quiet(real), quiet(scripted)
    assert [e["type"] for e in scripted] == [e["type"] for e in real]
    differences: list[str] = []
    names: dict[str, str] = {}  # {id of the real one: id of the scripted one}
    for theirs, ours in zip(real, scripted, strict=True):
        assert ours.get("ephemeral") == theirs.get("ephemeral"), ours["type"]
        differences += differ(theirs["data"], ours["data"], ours["type"], names)
    assert differences == []
    assert len(set(names.values())) == len(names)


def quiet(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the noise."""
    kept = [e for e in events if e["type"] not in NOISE]
    return [e for e in kept if not e["type"].startswith("model.")]


def differ(real: Any, ours: Any, path: str, names: dict[str, str]) -> list[str]:
    """Name the first event that differs from the real CLI's."""
    key = path.rpartition(".")[2]
    if key in INCOMPARABLE or path == "session.error.message":
        return []
    if isinstance(ours, dict) and isinstance(real, dict):
        extra = [f"{path}.{name} is ours alone" for name in ours.keys() - real.keys()]
        return extra + [
            difference
            for name in ours.keys() & real.keys()
            for difference in differ(real[name], ours[name], f"{path}.{name}", names)
        ]
    if isinstance(ours, list) and isinstance(real, list) and len(ours) == len(real):
        pairs = zip(real, ours, strict=True)
        return [d for pair in pairs for d in differ(*pair, path, names)]
    if key.endswith(("Id", "Ids")) and key not in ("turnId", "sessionId"):
        ours = ours if names.setdefault(real, ours) != ours else real
    return [] if ours == real else [f"{path}: {ours!r} is {real!r} in reality"]
