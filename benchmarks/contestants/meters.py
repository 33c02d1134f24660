"""What a contestant measures of itself. The same code for all; Linux only.

Knows no client. Imports little, since importing is among what is measured.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

FAST_CLI = [
    sys.executable,
    *("-E", "-S"),  # starts in 12 ms
    str(Path(__file__).parents[1] / "fast_cli.py"),
]
"""The command of the CLI that all contestants talk to."""

Answer = dict[str, Any]
"""What a contestant found out, by name."""


class Clock:
    """CPU time of this process and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def per(self, count: int) -> Answer:
        """Return microseconds of CPU time for each of so many, and how many a second."""
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        return {"cpu_us": cpu / count * 1e6, "per_second": count / wall}


def rss() -> float:
    """Return MiB of this process that are resident."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def percentiles(values: list[float], name: str) -> Answer:
    """Return the median, the 99th percentile and the maximum of some values."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return {f"{name}_p50": at(0.5), f"{name}_p99": at(0.99), f"{name}_max": ordered[-1]}


def leftovers() -> Answer:
    """Return what this process holds: file descriptors, threads, zombies."""
    tasks = list(Path("/proc/self/task").iterdir())
    children = [
        pid for task in tasks for pid in (task / "children").read_text().split()
    ]
    states = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in children
    ]
    return {
        "fds": len(os.listdir("/proc/self/fd")),
        "threads": len(tasks),
        "zombies": sum(state.split()[0] == "Z" for state in states),
    }


def text_of(data: Any) -> str:
    """Return the piece of text that a typed payload has, or nothing."""
    text: str = getattr(data, "delta_content", "")
    return text


def order() -> dict[str, Any]:
    """Return what this process was told to do."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def report(answer: Answer) -> None:
    """Say what was found out."""
    print(json.dumps(answer), flush=True)
