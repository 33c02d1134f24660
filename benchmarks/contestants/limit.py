"""The limit: blocking reads, frames cut, JSON decoded with msgspec. Nothing else.

What any client in Python that reads every message has to do at least. The same JSON
library as ours, no dispatch, no events, no sessions, no other tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from benchmarks.contestants.meters import (
    FAST_CLI,
    Answer,
    Clock,
    order,
    report,
)

READ_SIZE = 256 * 1024
HEADERS = b"\r\n\r\n"
PREFIX = len(b"Content-Length: ")

decode = msgspec.json.Decoder().decode


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
        self._pending: Iterator[Any] = self._messages()

    def _messages(self) -> Iterator[Any]:
        unread, start, pieces, have, wanted = b"", 0, [], 0, 0
        while data := os.read(self._out, READ_SIZE):
            pieces.append(data)
            have += len(data)
            if have < wanted:  # a large frame is joined once
                continue
            unread = b"".join([unread[start:], *pieces])
            start = 0
            pieces.clear()
            while (end := unread.find(HEADERS, start)) >= 0:
                body = end + 4
                stop = body + int(unread[start + PREFIX : end])
                if len(unread) < stop:
                    wanted = stop - start
                    break
                yield decode(unread[body:stop])
                start = stop
            have = len(unread) - start
        raise EOFError("the CLI has ended")

    def write(self, *calls: tuple[str, dict[str, Any]]) -> None:
        """Write some calls at once."""
        said = []
        for method, params in calls:
            body = msgspec.json.encode(
                {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            )
            said.append(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        os.write(self._in, b"".join(said))

    def call(self, method: str, **params: Any) -> Any:
        """Call a method and wait for its result."""
        self.write((method, params))
        while "result" not in (message := next(self._pending)):
            pass
        return message["result"]

    def begin(self, load: dict[str, Any]) -> Iterator[Any]:
        """Create a session and have it send; return the messages that follow."""
        self.call("connect")
        self.call("session.create", sessionId="s" * 36)
        self.call("session.send", sessionId="s" * 36, prompt=json.dumps(load))
        return self._pending

    def close(self) -> None:
        """End the CLI."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def stream(raw: Raw, told: dict[str, Any]) -> Answer:
    """Read so many events."""
    events, received, characters = told["events"], 0, 0
    messages = raw.begin(told["load"])
    clock = Clock()
    while received < events:
        event = next(messages)["params"].get("event")
        if event is not None:
            received += 1
            characters += len(event["data"].get("deltaContent", ""))
    return {**clock.per(told["per"]), "received": received, "characters": characters}


TASKS: dict[str, Callable[[Raw, dict[str, Any]], Answer]] = {
    "stream": stream,
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
