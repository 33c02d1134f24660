"""A CLI that sends what was rendered as fast as the client reads, or at a given pace.

    python -E -S fast_cli.py

It answers what the clients call before and after a turn, and knows no more of sessions
than their ids. A prompt is a JSON object that says what to send:

    {"load": "deltas" or "mix", "repeats": 1000, "size": 7, "rate": null, "deaf": false,
     "idle": false}

for each open session. With a `rate`, events a second, each piece of text says in
nanoseconds of CLOCK_MONOTONIC when it was sent. A `deaf` one hears nothing until all is
sent, so that what answers next is behind it. `idle` adds the end of a turn.

FAST_CLI_LOG names a file in which every message but pings is noted when it arrives:
nanoseconds of CLOCK_MONOTONIC and the method. That file is the evidence of what a client
wrote and when.

Strategy: one blocking loop; between two blocks it looks whether something has arrived.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import time
from collections.abc import Callable
from typing import Any

import loads

READ_SIZE = 64 * 1024

HEADERS = b"\r\n\r\n"
VERSION = {"ok": True, "protocolVersion": 3, "version": "1.0.102"}
MOMENT = "2026-01-01T00:00:00.000Z"
METHOD_NOT_FOUND = -32601

Json = dict[str, Any]


class FastCli:
    """The CLI at the other end of stdin and stdout."""

    def __init__(self) -> None:
        self._unread = b""
        self._answers: list[bytes] = []
        self._sessions: dict[str, None] = {}
        self._numbers = itertools.count(1)
        self._playing = False
        self._order: Json | None = None
        self._closed = False
        log = os.environ.get("FAST_CLI_LOG")
        self._log = open(log, "ab", buffering=0) if log else None  # noqa: SIM115 - to the end

    def run(self) -> None:
        """Serve until the client closes our stdin."""
        while not self._closed:
            order, self._order = self._order, None
            if order is None:
                self._hear(None)
            else:
                self._play(order)

    # -- what arrives

    def _hear(self, timeout: float | None) -> None:
        """Answer what has arrived, or arrives within so many seconds."""
        if self._closed or not select.select([0], [], [], timeout)[0]:
            return
        data = os.read(0, READ_SIZE)
        self._closed = not data
        self._unread += data
        start = 0
        while (end := self._unread.find(HEADERS, start)) >= 0:
            body = end + len(HEADERS)
            length = int(self._unread[start:end].rpartition(b":")[2])
            if len(self._unread) < body + length:
                break
            start = body + length
            self._take(json.loads(self._unread[body:start]))
        self._unread = self._unread[start:]
        self._send_answers()

    def _take(self, message: Json) -> None:
        method = message.get("method", "")
        if self._log is not None and method != "ping":
            self._log.write(b"%d %s\n" % (time.monotonic_ns(), method.encode()))
        if "id" not in message or not method:
            return
        params = message.get("params") or {}
        answer = METHODS.get(method)
        said: Json = {"jsonrpc": "2.0", "id": message["id"]}
        if answer is None:
            said["error"] = {"code": METHOD_NOT_FOUND, "message": "no such method"}
        else:
            said["result"] = answer(self, params)
        self._answers.append(loads.frame(json.dumps(said).encode()))

    def _send_answers(self) -> None:
        answers = b"".join(self._answers)
        self._answers.clear()
        _write(answers)

    def _ping(self, params: Json) -> Json:
        said = f"pong: {params.get('message', '')}"
        return {"message": said, "timestamp": MOMENT, "protocolVersion": 3}

    def _create(self, params: Json) -> Json:
        self._sessions[params["sessionId"]] = None
        return {"sessionId": params["sessionId"], "capabilities": {}}

    def _release(self, params: Json) -> Json:
        self._sessions.pop(params["sessionId"], None)
        return {"success": True}

    def _abort(self, params: Json) -> Json:
        self._playing = False
        self._order = None
        aborted = loads.rest(aborted=True)
        said = loads.frames(aborted, [params["sessionId"]], self._numbers)
        self._answers += said
        return {"success": True}

    def _send(self, params: Json) -> Json:
        order = json.loads(params["prompt"])
        if "rate" not in order:
            order["rendered"] = self._render(order)
        self._order = order
        return {"messageId": loads.PROMPT_ID}

    # -- what is sent

    def _render(self, order: Json) -> list[bytes]:
        size = order.get("size", loads.DELTA_SIZE)
        cycle = loads.cycle(order["load"], size)
        repeats = order.get("repeats", 1)
        blocks = loads.blocks(
            loads.frames(cycle, self._sessions, self._numbers, repeats)
        )
        end = loads.rest() if order.get("idle") else []
        return [*blocks, *loads.frames(end, self._sessions, self._numbers)]

    def _play(self, order: Json) -> None:
        self._playing = True
        if "rate" in order:
            self._play_paced(order["rate"], order["repeats"])
        else:
            self._play_rendered(order["rendered"], deaf=order.get("deaf", False))
        self._playing = False

    def _play_rendered(self, blocks: list[bytes], *, deaf: bool) -> None:
        for block in blocks:
            if not self._playing or self._closed:
                return
            _write(block)
            if not deaf:
                self._hear(0)

    def _play_paced(self, rate: float, repeats: int) -> None:
        (session_id,) = self._sessions
        start = time.monotonic()
        for number in range(repeats):
            due = start + number / rate
            while (left := due - time.monotonic()) > 0 and not self._closed:
                self._hear(left)
            if self._closed or not self._playing:
                return
            now = time.monotonic_ns()
            _write(loads.stamped(session_id, self._numbers, now))


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


METHODS: dict[str, Callable[[FastCli, Json], Json]] = {
    "connect": lambda *_: VERSION,
    "ping": FastCli._ping,
    "session.create": FastCli._create,
    "session.send": FastCli._send,
    "session.abort": FastCli._abort,
    "session.detach": FastCli._release,
    "session.destroy": FastCli._release,
    "runtime.shutdown": lambda *_: {},
}

if __name__ == "__main__":
    try:
        FastCli().run()
    except BrokenPipeError:  # the client is gone
        os._exit(0)
