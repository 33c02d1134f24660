"""What a contestant measures of itself. The same code for all; Linux only.

Knows no client. Imports little, since starting is among what is measured.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from typing import Any

FAST_CLI = [
    sys.executable,
    *("-E", "-S"),  # starts in 12 ms
    os.path.join(os.path.dirname(__file__), "..", "fast_cli.py"),
]
"""The command of the CLI that all contestants talk to."""

DELTA = "assistant.message_delta"

Answer = dict[str, Any]
"""What a contestant found out, by name."""


class Clock:
    """CPU time of this process and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def per(self, count: float) -> Answer:
        """Return microseconds of CPU time for each of so many, and how many a second."""
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        return {"cpu_us": cpu / count * 1e6, "per_second": count / wall}


class Counter:
    """Counts typed events and the characters of their text."""

    def __init__(self) -> None:
        self.received = 0
        self.characters = 0

    def take(self, event: Any) -> None:
        """Have the payload made, if it is not yet, and read a field of it."""
        self.received += 1
        self.characters += len(text_of(event))

    @property
    def counts(self) -> Answer:
        """How much has arrived."""
        return {"received": self.received, "characters": self.characters}


class Delays:
    """How long events took that say when they were sent."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def take(self, event: Any) -> None:
        """Note the delay of an event."""
        self.note(text_of(event))

    def note(self, stamp: str) -> None:
        """Note the time since a moment in nanoseconds."""
        self._values.append((time.monotonic_ns() - int(stamp)) / 1000)

    def __len__(self) -> int:
        return len(self._values)

    def answer(self) -> Answer:
        """Return the percentiles, in microseconds."""
        return {**percentiles(self._values, "delay"), "received": len(self)}


def text_of(event: Any) -> str:
    """Return the piece of text in the typed payload of an event, or nothing."""
    text: str = getattr(event.data, "delta_content", "")
    return text


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


def written(method: str) -> list[int]:
    """Return when the CLI has heard a method, in nanoseconds: its own log says so."""
    with open(os.environ["FAST_CLI_LOG"], encoding="ascii") as file:
        lines = [line.split() for line in file]
    return [int(moment) for moment, name in lines if name == method]


def children() -> list[str]:
    """Return the process ids of this process's children, zombies included."""
    found: list[str] = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
            found += file.read().split()
    return found


def held() -> dict[str, int]:
    """Return what this process holds: file descriptors, threads, zombies."""
    return {
        "fds": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "zombies": len([pid for pid in children() if _is_zombie(pid)]),
    }


def _is_zombie(pid: str) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def milliseconds(since: float) -> float:
    """Return how long it is since a moment of `time.perf_counter`."""
    return (time.perf_counter() - since) * 1000


def first_event(told: dict[str, Any]) -> Answer:
    """Return how long it is since this process was asked for."""
    return {"first_ms": (time.monotonic_ns() - told["started"]) / 1e6}


def order() -> dict[str, Any]:
    """Return the order that this process was given."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    return told


def report(answer: Answer) -> None:
    """Say what was found out."""
    print(json.dumps(answer), flush=True)
