"""What every test may ask for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import depth
from trio_copilot import find_cli

# Some tests press Ctrl-C. What a shell runs in the background would ignore it, and so
# would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)


depth.register()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all",
        action="store_true",
        help="run everything: also what is marked `all`, all of what is sampled "
        "otherwise, and each conversation on a real CLI of its own",
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what shows the same at length, unless all is asked for."""
    if not config.getoption("--all"):
        rest = [item for item in items if item.get_closest_marker("all")]
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if not item.get_closest_marker("all")]


@pytest.fixture(scope="session")
def every(pytestconfig: pytest.Config) -> int:
    """Of things that are tried by the hundred: each one with `--all`, else each eighth."""
    return 1 if pytestconfig.getoption("--all") else 8


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage where it would double the time and show nothing new."""
    if item.get_closest_marker("repetitive") is None:
        return (yield)
    with unmeasured():
        return (yield)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure no coverage, neither here nor in processes that are started here."""
    coverage = sys.modules.get("coverage")
    measuring: Any = coverage and coverage.Coverage.current()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            patch.delenv(name)
        if measuring is not None:
            measuring.stop()
        try:
            yield
        finally:
            if measuring is not None:
                measuring.start()


@pytest.fixture(scope="session")
def cli_path() -> Path:
    """The real Copilot CLI, for tests with the marker `cli`.

    Found as the package finds it. `trio-copilot install-cli` brings it; to leave out
    what needs it run `pytest -m "not cli"`.
    """
    return find_cli()


@pytest.fixture(scope="session")
def unpacked_cli(cli_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache that the real CLI unpacks itself into, once, so that starts are fast."""
    home = tmp_path_factory.mktemp("unpacked")
    subprocess.run(
        [cli_path, "--version"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return home / ".cache" / "copilot"


@pytest.fixture
def cli_home(unpacked_cli: Path, tmp_path: Path) -> Path:
    """An empty home for one real CLI."""
    home = tmp_path / "home"
    (home / ".cache").mkdir(parents=True)
    (home / ".cache" / "copilot").symlink_to(unpacked_cli)
    return home


@pytest.fixture
def logged_out(cli_home: Path) -> dict[str, str]:
    """The environment of a real CLI that has no account, no provider and no network."""
    nowhere = "http://127.0.0.1:9"
    return {
        "HOME": str(cli_home),
        "PATH": "/usr/bin:/bin",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
    }
