"""The plot: every figure as a multiple of ours, on one logarithmic scale.

Needs matplotlib, of the dependency group `benchmarks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report import HEADS, Figures
from benchmarks.trials import LIMIT, OFFICIAL, OURS, PATCHED, Row, Trial

STYLES = {
    OFFICIAL: ("#b2182b", "o"),
    PATCHED: ("#ef8a62", "D"),
    LIMIT: ("#4d4d4d", "|"),
}
NO_COSTS = ("more", "of all", "modules")
"""Units of figures that are not worth a multiple."""

mpl.rcParams["svg.hashsalt"] = "trio-copilot"  # the same figures, the same file
mpl.rcParams["svg.fonttype"] = "none"


def draw(trials: Sequence[Trial], figures: Figures, path: Path) -> None:
    """Write the plot as SVG."""
    rows = list(_rows(trials, figures))
    drawing = Figure(figsize=(8, 1.4 + 0.24 * len(rows)), layout="constrained")
    axes = drawing.subplots()
    places = range(len(rows))
    for who, (colour, marker) in STYLES.items():
        points = [
            (multiple, place)
            for place, (name, row) in zip(places, rows, strict=True)
            if (multiple := _multiple(figures, name, row, who)) is not None
        ]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        axes.scatter(xs, ys, color=colour, marker=marker, label=HEADS[who], zorder=3)
    axes.axvline(1, color="#2166ac", linewidth=2, label=HEADS[OURS])
    axes.set_xscale("log")
    axes.set_xlabel("times as much as trio_copilot (right of the line: costs more)")
    axes.set_yticks(places, [row.label.replace("`", "") for _, row in rows])
    axes.invert_yaxis()
    axes.grid(axis="both", color="#e0e0e0", linewidth=0.5)
    drawing.legend(loc="outside upper center", ncols=4, frameon=False)
    drawing.savefig(path, metadata={"Date": None})


def _rows(trials: Sequence[Trial], figures: Figures) -> Iterator[tuple[str, Row]]:
    for trial in trials:
        for row in trial.rows:
            measured = [_multiple(figures, trial.name, row, who) for who in STYLES]
            if row.unit not in NO_COSTS and any(measured):
                yield trial.name, row


def _multiple(figures: Figures, name: str, row: Row, who: str) -> float | None:
    ratio = figures.ratio(name, who, row.figure)
    if ratio is None or ratio <= 0:
        return None
    return ratio if row.unit.endswith("/s") else 1 / ratio
