"""The limit: blocking reads, frames cut, JSON decoded with msgspec. Nothing else.

What any client in Python that reads every message has to do at least: the same JSON
library as ours, no dispatch, no typed events, no other tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from benchmarks.contestants.meters import (
    FAST_CLI,
    Answer,
    Clock,
    Delays,
    first_event,
    order,
    percentiles,
    report,
)

READ_SIZE = 256 * 1024
HEADERS = b"\r\n\r\n"
PREFIX = len(b"Content-Length: ")

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
Told = dict[str, Any]
Call = tuple[str, dict[str, Any]]


class Raw:
    """A CLI, and a loop that reads it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            FAST_CLI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self.messages: Iterator[Any] = self._read()
        self.call("connect")

    def _read(self) -> Iterator[Any]:
        unread, start, wanted = b"", 0, 0
        pieces: list[bytes] = []
        have = 0
        while data := os.read(self._out, READ_SIZE):
            pieces.append(data)
            have += len(data)
            if have < wanted:  # a large frame is joined once
                continue
            unread = b"".join([unread[start:], *pieces])
            pieces.clear()
            start = wanted = 0
            while (end := unread.find(HEADERS, start)) >= 0:
                body = end + len(HEADERS)
                stop = body + int(unread[start + PREFIX : end])
                if len(unread) < stop:
                    wanted = stop - start
                    break
                yield decode(unread[body:stop])
                start = stop
            have = len(unread) - start
        raise EOFError("the CLI has ended")

    def events(self) -> Iterator[Any]:
        """Return the events among what arrives."""
        for message in self.messages:
            event = message["params"].get("event")
            if event is not None:
                yield event

    def write(self, *calls: Call) -> None:
        """Write some calls at once."""
        frames = []
        for method, params in calls:
            said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            body = encode(said)
            frames.append(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        os.write(self._in, b"".join(frames))

    def result(self) -> Any:
        """Wait for the next answer."""
        while "result" not in (message := next(self.messages)):
            pass
        return message["result"]

    def call(self, method: str, **params: Any) -> Any:
        """Call a method and wait for its result."""
        self.write((method, params))
        return self.result()

    def send(self, load: dict[str, Any], sessions: int = 1) -> None:
        """Create some sessions and have the CLI send."""
        for number in range(sessions):
            self.call("session.create", sessionId=f"{number:036}")
        self.call("session.send", sessionId="0" * 36, prompt=json.dumps(load))

    def close(self) -> None:
        """End the CLI."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def first(raw: Raw, told: Told) -> Answer:
    """Read one event."""
    raw.send(told["load"])
    next(raw.events())
    return first_event(told)


def stream(raw: Raw, told: Told) -> Answer:
    """Read so many events."""
    raw.send(told["load"])
    return _count(raw, told["events"], told["per"])


def sessions(raw: Raw, told: Told) -> Answer:
    """Read the events of many sessions: nothing tells them apart."""
    raw.send(told["load"], told["sessions"])
    return _count(raw, told["per"], told["per"])


def _count(raw: Raw, expected: int, per: float) -> Answer:
    received, characters = 0, 0
    clock = Clock()
    for event in raw.events():
        received += 1
        characters += len(event["data"].get("deltaContent", ""))
        if received == expected:
            break
    return {**clock.per(per), "received": received, "characters": characters}


def paced(raw: Raw, told: Told) -> Answer:
    """Read events as they come."""
    delays = Delays()
    raw.send(told["load"])
    clock = Clock()
    for event in raw.events():
        delays.note(event["data"]["deltaContent"])
        if len(delays) == told["events"]:
            break
    return {**clock.per(len(delays)), **delays.answer()}


def pings(raw: Raw, told: Told) -> Answer:
    """Write a call, read its answer, and so on."""
    times = []
    clock = Clock()
    for _ in range(told["calls"]):
        start = time.perf_counter()
        raw.call("ping", message="x")
        times.append((time.perf_counter() - start) * 1e6)
    return {**clock.per(told["calls"]), **percentiles(times, "ping")}


def concurrent(raw: Raw, told: Told) -> Answer:
    """Write many calls at once, then read their answers."""
    calls: list[Call] = [("ping", {"message": "x"})] * told["tasks"]
    rounds = max(1, told["calls"] // told["tasks"])
    clock = Clock()
    for _ in range(rounds):
        raw.write(*calls)
        for _ in calls:
            raw.result()
    return clock.per(rounds * len(calls))


TASKS: dict[str, Callable[[Raw, Told], Answer]] = {
    "first": first,
    "stream": stream,
    "sessions": sessions,
    "paced": paced,
    "pings": pings,
    "concurrent": concurrent,
}


def main() -> None:
    """Do what the command line says."""
    told = order()
    raw = Raw()
    answer = TASKS[told["task"]](raw, told)
    raw.close()
    report(answer)


if __name__ == "__main__":
    main()
