"""On which CLI an example runs: on both, unless one of these says otherwise."""

import pytest

only_real = pytest.mark.parametrize(
    "examples", [pytest.param("real", marks=pytest.mark.cli)], indirect=True
)
"""For what a CLI itself does: its built-in tools, its plans and its bills."""

only_scripted = pytest.mark.parametrize("examples", ["scripted"], indirect=True)
"""For what needs a CLI that does as it is told, or no CLI in particular."""
