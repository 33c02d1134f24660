"""Where the examples run: every test that asks for `examples` runs in both worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from .runner import Examples, real_examples, scripted_examples


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.cli)])
def examples(request: pytest.FixtureRequest, tmp_path: Path) -> Examples:
    """Runs examples: on the scripted CLI, and again on the real one.

    `@pytest.mark.parametrize("examples", ["scripted"], indirect=True)` takes one alone.
    """
    if request.param == "scripted":
        folder = tmp_path / "scripted"
        folder.mkdir()
        return scripted_examples(folder)
    cli_path: Path = request.getfixturevalue("cli_path")
    cli_home: Path = request.getfixturevalue("cli_home")
    return real_examples(cli_path, cli_home)
