"""What each step of an event's way costs, and what the alternatives would.

    python benchmarks/decoding.py [--rounds 7] [--events 20000]

Every step is run over the same frames, in this process, in turn with the others; a figure
is the least CPU time of all rounds. orjson is measured if it is installed. Prints the
table of docs/decoding.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import platform
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import loads  # found by the line before
from trio_copilot import SessionEvent
from trio_copilot._protocol.codec import read_data, structure_data
from trio_copilot._protocol.envelope import event_of, read_event
from trio_copilot._session.coalesce import SESSION_EVENTS
from trio_copilot._session.fanout import FanOut
from trio_copilot._wire.framing import FrameDecoder
from trio_copilot._wire.messages import decode_message

ROOMY = 10_000_000
Step = Callable[[], object]


class Frames:
    """One load, cut at every step of the way."""

    def __init__(self, load: str, events: int) -> None:
        cycle = loads.cycle(load)
        repeats = max(1, events // len(cycle))
        numbered = loads.frames(cycle, ["s" * 36], itertools.count(), repeats)
        self.blocks = list(loads.blocks(numbered))
        self.bodies = list(self.cut_at_once())
        self.arrivals = [
            (arrival.event, body)
            for body in self.bodies
            if (arrival := read_event(body)) is not None
        ]
        self.events = [event_of(head, body) for head, body in self.arrivals]
        self.payloads = [
            (event.type, head.data, event.payload)
            for event, (head, _) in zip(self.events, self.arrivals, strict=True)
        ]
        for wire_type, raw, payload in self.payloads:  # load what is loaded once
            read_data(wire_type, raw)
            structure_data(wire_type, payload)

    def cut_at_once(self) -> Iterator[bytes]:
        """Cut with as few calls as possible."""
        decoder = FrameDecoder()
        for block in self.blocks:
            decoder.feed(block)
            yield from decoder.next_frames()

    def cut_singly(self) -> Iterator[bytes]:
        """Cut frame by frame."""
        decoder = FrameDecoder()
        for block in self.blocks:
            decoder.feed(block)
            while (body := decoder.next_frame()) is not None:
                yield body

    def steps(self) -> dict[str, Step]:
        """Return what is measured, by name."""
        made = {
            "frames: one call for each": lambda: deque(self.cut_singly(), 0),
            "**frames: one call for each read**": lambda: deque(self.cut_at_once(), 0),
            "JSON: `json.loads`": each(json.loads, self.bodies),
            "JSON: msgspec, a dict": each(msgspec.json.Decoder().decode, self.bodies),
            "JSON: a message of any kind": each(decode_message, self.bodies),
            "**JSON: the head of an event**": each(read_event, self.bodies),
            "**an event of its head**": each_of(event_of, self.arrivals),
            "payload: JSON to dict, cattrs": each(by_cattrs, self.payloads),
            "**payload: the short cut**": each(by_short_cut, self.payloads),
            "handing out: a memory channel": lambda: trio.run(channel, self.events),
            "**handing out: a subscription**": lambda: trio.run(
                subscription, self.events
            ),
        }
        if importlib.util.find_spec("orjson"):
            import orjson

            made["JSON: orjson, a dict"] = each(orjson.loads, self.bodies)
        return made


def each(function: Callable[[Any], object], values: Iterable[Any]) -> Step:
    """Return what calls a function with every value."""

    def step() -> None:
        for value in values:
            function(value)

    return step


def each_of(function: Callable[..., object], values: Iterable[tuple[Any, ...]]) -> Step:
    """Return what calls a function with every tuple of values."""

    def step() -> None:
        for arguments in values:
            function(*arguments)

    return step


def by_cattrs(payload: tuple[str, msgspec.Raw, Any]) -> object:
    """Make a typed payload the long way."""
    return structure_data(payload[0], msgspec.json.decode(payload[1]))


def by_short_cut(payload: tuple[str, msgspec.Raw, Any]) -> object:
    """Make a typed payload in one pass."""
    return read_data(payload[0], payload[1])


async def channel(events: list[SessionEvent]) -> None:
    """Hand every event to another task through a memory channel."""
    send, receive = trio.open_memory_channel[SessionEvent](1024)

    async def produce() -> None:
        async with send:
            for event in events:
                await send.send(event)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for _ in receive:
            pass


async def subscription(events: list[SessionEvent]) -> None:
    """Hand every event out as a session does."""
    fan_out = FanOut(SESSION_EVENTS)
    subscriber = fan_out.add((), capacity=ROOMY)
    for event in events:
        fan_out.publish(event.type, event)
    fan_out.close()
    async for _ in subscriber:
        pass


def measure(frames: Frames, rounds: int) -> dict[str, float]:
    """Return the microseconds per event of every step."""
    steps = frames.steps()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.process_time()
            step()
            taken[name].append(time.process_time() - start)
    return {name: min(all_) / len(frames.events) * 1e6 for name, all_ in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    figures = {
        load: measure(Frames(load, options.events), options.rounds)
        for load in ("deltas", "mix")
    }
    print("| CPU µs per event | deltas | mix |\n|---|---|---|")
    for name, deltas in figures["deltas"].items():
        print(f"| {name} | {deltas:.2f} | {figures['mix'][name]:.2f} |")
    versions = f"msgspec {msgspec.__version__}, trio {trio.__version__}"
    print(f"\nPython {platform.python_version()}, {platform.machine()}; {versions}")


if __name__ == "__main__":
    main()
