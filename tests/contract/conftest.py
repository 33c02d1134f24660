"""Every test that asks for `world` runs twice: on the scripted and on the real CLI."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.worlds import LISTENING, World, real_world, scripted_world


@pytest.fixture(
    params=["scripted", pytest.param("real", marks=pytest.mark.cli)], name="world_name"
)
def _world_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock(world_name: str) -> trio.abc.Clock | None:
    """Simulated time for the scripted CLI; pytest-trio uses whatever clock it finds."""
    if world_name == "real":
        return None
    return trio.testing.MockClock(autojump_threshold=0)


@pytest.fixture
def world(world_name: str, request: pytest.FixtureRequest) -> World:
    """A scripted or a real CLI to run a conversation on."""
    if world_name == "scripted":
        return scripted_world()
    real: World = request.getfixturevalue("real")
    return real


@pytest.fixture
def real(cli_path: Path, cli_home: Path, request: pytest.FixtureRequest) -> World:
    """The real CLI, in a process that conversations share unless all is asked for."""
    mark = request.node.get_closest_marker("own_cli")
    if mark or request.config.getoption("--all"):
        return real_world(cli_path, cli_home)
    return real_world(cli_path, cli_home, request.getfixturevalue("shared_cli"))


@pytest.fixture(scope="session")
def shared_cli(
    cli_path: Path, unpacked_cli: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """One real CLI for many tests; its port."""
    home = tmp_path_factory.mktemp("shared")
    (home / ".cache").mkdir()
    (home / ".cache" / "copilot").symlink_to(unpacked_cli)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "COPILOT_HOME": str(home / ".copilot"),
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_BASE_URL": "http://127.0.0.1:9",  # each session has its own
        "COPILOT_MODEL": "none",
    }
    command = [str(cli_path), "--headless", "--no-auto-update"]
    with subprocess.Popen(
        command, env=env, cwd=home, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, b"")
            yield next(
                int(port[1]) for line in lines if (port := LISTENING.search(line))
            )
        finally:
            process.terminate()
