"""The words in which comparisons are described: trials, rows, targets, scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

OURS, OFFICIAL, PATCHED, LIMIT = "ours", "official", "patched", "limit"
CONTESTANTS = (OURS, OFFICIAL, PATCHED, LIMIT)
THEIRS = (OFFICIAL, PATCHED)
CLIENTS = (OURS, *THEIRS)

Order = dict[str, Any]
"""What a contestant is told; `task` says which of its functions does it."""


@attrs.frozen
class Target:
    """What one figure of ours should be at most, or at least."""

    bound: float
    of: str | None = None
    """Times the figure of this contestant, or of ours in the trial of this name; `None`
    is the figure itself."""
    at_least: bool = False


@attrs.frozen
class Row:
    """A figure of a trial: one line of the table."""

    label: str
    figure: str
    unit: str
    targets: tuple[Target, ...] = ()


@attrs.frozen
class Trial:
    """One program, run by each contestant that has an order."""

    group: str
    name: str
    orders: Mapping[str, Order]
    rows: tuple[Row, ...]
    expected: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    """What each contestant has to have found out; anything else is an error."""
    like: str | None = None
    """The trial whose contestants stand beside ours, where they have only one way."""


@attrs.frozen
class Scale:
    """How much of everything: the same for all rounds."""

    quick: bool = False

    def events(self, who: str, ours: int = 150_000, theirs: int = 15_000) -> int:
        """How many events a contestant gets: what counts is the cost of each."""
        if self.quick:
            return 500
        return theirs if who in THEIRS else ours

    def times(self, usually: int) -> int:
        """How often to do something."""
        return max(1, usually // 50) if self.quick else usually
