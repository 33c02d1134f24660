"""What every test may ask for."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from trio_copilot import find_cli

# Some tests press Ctrl-C. What a shell runs in the background would ignore it, and so
# would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
