"""Cancels every scenario of the contract at every checkpoint, and prints the table.

    python benchmarks/sweep.py [--points 40] [--cli PATH] [--only NAME] [--write]

On the scripted CLI every checkpoint is swept, on the real one `--points` of each scenario.
`--write` puts the table into docs/sweep.md. A failure is printed, and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from pathlib import Path

import attrs
import trio
from trio.testing import MockClock

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.contract.sweeps import SCENES, Scene  # noqa: E402  # found by the line before
from trio_copilot import find_cli  # noqa: E402
from trio_copilot.testing import SweepError, SweepReport, cancel_everywhere  # noqa: E402

PAGE = ROOT / "docs" / "sweep.md"
MARK = "<!-- the table below is written by benchmarks/sweep.py -->\n"
HEAD = (
    "| scenario | scripted CLI: checkpoints, all swept | failures | real CLI: "
    "checkpoints | swept | failures | left after: p50 | p99 | worst |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


@attrs.frozen
class Row:
    """One scenario on both CLIs."""

    name: str
    scripted: SweepReport
    real: SweepReport

    def __str__(self) -> str:
        times = " | ".join(
            f"{self.real.percentile(percent) * 1000:.0f} ms"
            for percent in (50, 99, 100)
        )
        return (
            f"| {self.name} | {self.scripted.steps} | {len(self.scripted.failures)} "
            f"| {self.real.steps} | {self.real.runs} | {len(self.real.failures)} "
            f"| {times} |"
        )


async def sweep(scene: Scene, points: int | None, cli: Path | None) -> SweepReport:
    """Sweep a scene on the scripted CLI, or on a real one."""
    with tempfile.TemporaryDirectory() as home:
        try:
            return await cancel_everywhere(
                scene.play,
                **scene.arguments(),
                points=points,
                cli=cli,
                home=home if cli is not None else None,
            )
        except SweepError as error:
            print(error, file=sys.stderr)
            return error.report


def main() -> None:
    """Sweep the chosen scenarios, and print their rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--cli", type=Path, default=None)
    parser.add_argument("--only", choices=SCENES, default=None)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cli, started, rows = find_cli(options.cli), time.time(), list[Row]()
    for name in [options.only] if options.only else SCENES:
        scene = SCENES[name]
        clock = MockClock(autojump_threshold=0)
        scripted = trio.run(sweep, scene, None, None, clock=clock)
        rows.append(Row(name, scripted, trio.run(sweep, scene, options.points, cli)))
        print(rows[-1], flush=True)
    runs = sum(row.scripted.runs + row.real.runs for row in rows)
    failures = sum(len(r.failures) for row in rows for r in (row.scripted, row.real))
    summary = (
        f"{runs} cancellations, {failures} failures, in {time.time() - started:.0f} s; "
        f"Python {platform.python_version()}, Trio {trio.__version__}."
    )
    print(summary)
    if options.write:
        text = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        table = HEAD + "\n".join(map(str, rows))
        text = f"{text}{MARK}\n{table}\n\n{summary}\n"
        PAGE.write_text(text, encoding="utf-8")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
