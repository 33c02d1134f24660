"""The command for a user with nothing installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.command import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, without a Copilot CLI, npm, or anything else on PATH."""
    return Command.at(tmp_path / "home")
