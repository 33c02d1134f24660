"""Values that are hard to show or to send."""

from __future__ import annotations

from typing import Any


class WordlessError(Exception):
    """Like many hand-written classes: its text is never set."""

    def __str__(self) -> str:
        return self.message  # type: ignore[attr-defined]  # the mistake

    __repr__ = __str__


def nested(levels: int) -> Any:
    """Return a tree of that many levels."""
    tree: Any = 1
    for _ in range(levels):
        tree = {"a": tree}
    return tree
