"""Compares our client with the official SDK and with the limit, all in one run.

    python benchmarks/compare.py [--rounds 5] [--only NAME] [--quick] [--write]

Every trial is run by one contestant after the other, each in a fresh process, then the
next trial; and all that so many times. `--only` takes the name of a trial or of a group,
`--without-official` leaves out what needs the network, `--quick` shrinks everything: it
shows that the suite works and measures nothing. `--write` puts the tables and the plot
into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import report  # noqa: E402  # found by the line before
from benchmarks.report import Results  # noqa: E402
from benchmarks.scenarios import scenarios  # noqa: E402
from benchmarks.trials import (  # noqa: E402
    LIMIT,
    OFFICIAL,
    OURS,
    PATCHED,
    Scale,
    Trial,
)

REQUIREMENT = report.SDK.replace(" ", "==")
TIMEOUT = 300
"""Seconds that one contestant may take for one trial: none takes more than 30.

In small, a tenth of that will do."""

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"
MARK = "<!-- what is below is written by benchmarks/compare.py -->\n"

FOLDER = ROOT / "benchmarks" / "contestants"
IMPORTING = str(FOLDER / "importing.py")

Command = Sequence[str]
"""Of a contestant: the interpreter, the program, its options."""


@contextmanager
def official_python() -> Iterator[str]:
    """Make an environment with the official SDK for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        python = str(Path(name) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "-q", REQUIREMENT], check=True)
        yield python


def commands(theirs: str | None) -> dict[str, Command]:
    """Return how each contestant is run."""
    found: dict[str, Command] = {
        OURS: [sys.executable, str(FOLDER / "ours.py")],
        LIMIT: [sys.executable, str(FOLDER / "limit.py")],
    }
    if theirs is not None:
        found[OFFICIAL] = [theirs, str(FOLDER / "official.py")]
        found[PATCHED] = [*found[OFFICIAL], "--patched"]
    return found


def run(command: Command, told: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Have one contestant do one thing, in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    order = {**told, "started": time.monotonic_ns()}
    program = IMPORTING if told["task"] == "import" else command[1]
    with tempfile.NamedTemporaryFile() as log:
        environment["FAST_CLI_LOG"] = log.name
        done = subprocess.run(
            [command[0], program, json.dumps(order), *command[2:]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    if done.returncode != 0 or not done.stdout:
        raise RuntimeError(f"{command} failed at {told}:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def check(trial: Trial, who: str, answer: Mapping[str, Any]) -> None:
    """Raise unless the contestant has seen what it was sent."""
    for what, expected in trial.expected.get(who, {}).items():
        if answer[what] != expected:
            told = f"{who}, {trial.name}: {what} is {answer[what]}, not {expected}"
            raise RuntimeError(told)


def measure(
    trials: Sequence[Trial],
    runners: Mapping[str, Command],
    rounds: int,
    timeout: float,
) -> Results:
    """Run every trial by all its contestants in turn, and all that several times."""
    results: Results = defaultdict(list)
    for number in range(1, rounds + 1):
        for trial in trials:
            for who, command in runners.items():
                if who in trial.orders:
                    answer = run(command, trial.orders[who], timeout)
                    check(trial, who, answer)
                    results[trial.name, who].append(answer)
            print(f"round {number}: {trial.name}", file=sys.stderr)
    return results


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", metavar="NAME", help="run this trial or group alone")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--without-official", action="store_true")
    parser.add_argument(
        "--official", metavar="PYTHON", help=f"one that has {report.SDK}"
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write and (options.only or options.quick or options.without_official):
        parser.error("--write is for a whole run")
    trials = [
        trial
        for trial in scenarios(Scale(quick=options.quick))
        if options.only in (None, trial.name, trial.group)
    ]
    if not trials:
        parser.error(f"there is no trial {options.only}")
    if options.write:
        from benchmarks import plot  # fails now, if it is not installed
    said = report.circumstances(options.rounds)
    given = options.without_official or options.official
    with nullcontext(options.official) if given else official_python() as theirs:
        timeout = TIMEOUT / 10 if options.quick else TIMEOUT
        results = measure(trials, commands(theirs), options.rounds, timeout)
    said = f"{report.tables(trials, results)}\n{said}"
    print(said)
    if options.write:
        plot.draw(trials, report.Figures(trials, results), PLOT)
        text = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        PAGE.write_text(f"{text}{MARK}\n{said}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
