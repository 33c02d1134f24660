"""The tables: medians with their ranges, ratios, and whether a target was met.

Also says where and when they were made: figures without that mean nothing.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.trials import CONTESTANTS, OURS, Row, Target, Trial

SDK = "github-copilot-sdk 1.0.27"

Results: TypeAlias = Mapping[tuple[str, str], list[dict[str, Any]]]
"""{(trial, contestant): an answer for each round}"""

HEADS = {
    "ours": "trio_copilot",
    "official": "official SDK",
    "patched": "official, patched",
    "limit": "limit",
}


class Figures:
    """The results of a run, by trial, contestant and figure."""

    def __init__(self, trials: Sequence[Trial], results: Results) -> None:
        self._results = results
        self._like = {trial.name: trial.like for trial in trials}

    def values(self, name: str, who: str, figure: str) -> list[float]:
        """Return one value for each round; none if this was not measured."""
        answers = self._results.get((name, who), [])
        found = [each[figure] for each in answers if each.get(figure) is not None]
        like = self._like.get(name)
        if not found and like is not None:
            return self.values(like, who, figure)
        return found

    def never(self, name: str, who: str) -> bool:
        """Whether this never came, in any round."""
        answers = self._results.get((name, who), [])
        found = [value for each in answers for value in each.values()]
        return bool(answers) and all(value is None for value in found)

    def median(self, name: str, who: str, figure: str) -> float | None:
        """Return the median of the rounds."""
        values = self.values(name, who, figure)
        return statistics.median(values) if values else None

    def ratio(self, name: str, who: str, figure: str) -> float | None:
        """Return ours as a multiple of another contestant's."""
        ours, other = self.median(name, OURS, figure), self.median(name, who, figure)
        return ours / other if ours is not None and other else None

    def compared(self, name: str, figure: str, target: Target) -> float | None:
        """Return what a target is about."""
        if target.of is None:
            return self.median(name, OURS, figure)
        if target.of in CONTESTANTS:
            return self.ratio(name, target.of, figure)
        ours = self.median(name, OURS, figure)
        before = self.median(target.of, OURS, figure)
        return ours / before if ours is not None and before else None


def tables(trials: Sequence[Trial], results: Results) -> str:
    """Return the tables of all groups, in Markdown."""
    figures = Figures(trials, results)
    lines: list[str] = []
    for group, members in groupby(trials, key=lambda trial: trial.group):
        lines += [f"### {group.capitalize()}", ""]
        lines += _head()
        for trial in members:
            lines += [_line(figures, trial.name, row) for row in trial.rows]
        lines.append("")
    return "\n".join(lines)


def circumstances(rounds: int) -> str:
    """Return on what machine, with what versions and when this is run."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = {line.partition(": ")[2] for line in cpus if line.startswith("model name")}
    packages = ("trio", "attrs", "cattrs", "msgspec")
    versions = [f"{name} {version(name)}" for name in packages]
    return (
        f"Medians of {rounds} round(s) [smallest-largest], {time.strftime('%Y-%m-%d')}. "
        f"{' and '.join(models) or 'CPU of an unknown model'}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; {', '.join(versions)}; {SDK}."
    )


def _head() -> Iterator[str]:
    ratios = ("ours / official", "ours / patched", "ours / limit")
    heads = ["", *HEADS.values(), *ratios, "target"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"


def _line(figures: Figures, name: str, row: Row) -> str:
    cells = [f"{row.label}, {row.unit}"]
    for who in HEADS:
        values = figures.values(name, who, row.figure)
        cells.append("never" if figures.never(name, who) else _cell(values))
    for who in list(HEADS)[1:]:
        ratio = figures.ratio(name, who, row.figure)
        cells.append("" if ratio is None else f"{ratio:.2g}")
    verdicts = (_verdict(figures, name, row, target) for target in row.targets)
    cells.append(", ".join(verdicts))
    return f"| {' | '.join(cells)} |"


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} [{number(min(values))}-{number(max(values))}]"


def number(value: float) -> str:
    """Return a number with three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(figures: Figures, name: str, row: Row, target: Target) -> str:
    sign = "≥" if target.at_least else "≤"
    told = f"{sign} {number(target.bound)}"
    if target.of is not None:
        told += f" x {target.of}"
    value = figures.compared(name, row.figure, target)
    if value is None:
        return told
    met = value >= target.bound if target.at_least else value <= target.bound
    return f"{told}: {'met' if met else 'missed'}, {number(value)}"
