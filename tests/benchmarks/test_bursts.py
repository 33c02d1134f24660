"""The command that shows texts to be true in bursts works, in small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BURSTS = Path(__file__).parents[2] / "benchmarks" / "bursts.py"


@pytest.mark.cli
def test_a_burst_is_compared_with_what_the_model_sent(cli_path: Path) -> None:
    scale = ["--runs", "1", "--deltas", "2000", "--busy", "1"]
    command = [sys.executable, str(BURSTS), "--cli", str(cli_path), *scale]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=150)

    assert ran.returncode == 0, ran.stderr
    assert "1 of 1 texts are what the model sent (2,000 deltas, 1 busy" in ran.stdout
