"""Every test that asks for `world` runs twice: on the scripted and on the real CLI."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from tests.worlds import World, real_world, scripted_world


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
def world(
    world_name: str, clock: trio.abc.Clock | None, request: pytest.FixtureRequest
) -> World:
    """A scripted or a real CLI to run a conversation on."""
    if world_name == "scripted":
        return scripted_world()
    cli_path: Path = request.getfixturevalue("cli_path")
    cli_home: Path = request.getfixturevalue("cli_home")
    return real_world(cli_path, cli_home)


@pytest.fixture
def real(cli_path: Path, cli_home: Path) -> World:
    """The real CLI alone, for what only it can show."""
    return real_world(cli_path, cli_home)
