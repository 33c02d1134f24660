"""What a process has open and has started, from Linux's /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def descriptors() -> int:
    """Return how many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children(pid: int | None = None) -> set[int]:
    """Return the processes that one, or this one, has started and not reaped."""
    found: set[int] = set()
    for thread in Path(f"/proc/{pid or os.getpid()}/task").iterdir():
        with suppress(OSError):  # it has just ended
            found.update(map(int, (thread / "children").read_text().split()))
    return found
