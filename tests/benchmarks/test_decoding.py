"""The measurement of every step of decoding still works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DECODING = Path(__file__).parents[2] / "benchmarks" / "decoding.py"


def test_every_step_has_a_figure_for_both_loads() -> None:
    done = subprocess.run(
        [sys.executable, str(DECODING), "--rounds", "1", "--events", "200"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 11
    for row in rows:
        _, step, deltas, mix, _ = (cell.strip() for cell in row.split("|"))
        assert step
        assert float(deltas) > 0
        assert float(mix) > 0
