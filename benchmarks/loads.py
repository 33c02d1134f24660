"""What the fast CLI sends: the bytes of each load, rendered before they are written.

A load is a cycle of messages that is repeated. *deltas* is one piece of text, over and
over; *mix* is one turn in the proportions that the real CLI 1.0.102 was seen to send: 218
events of 20 types in 223 frames, 100 pieces of text each announced by a
`streaming_delta`, one system prompt of 42 KB and one snapshot of the messages of 22 KB.

Strategy: a frame is made once for each session and cut at the place of its event's id;
repeating it is joining bytes. Every id is used once, since a client may look for
repetitions. The standard library only: this is imported by the fast CLI.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Message = tuple[str, dict[str, Any]]
"""A method, and its parameters without the session's id."""

DELTA_SIZE = 7
"""Characters in a piece of text: a frame of 405 bytes."""

PAIRS = 100
"""Pieces of text in one turn of the mix."""

STAMP_SIZE = 20
"""Digits of a moment in nanoseconds, in a piece of text that says when it was sent."""

BLOCK_SIZE = 64 * 1024
"""Bytes to write at once."""

PROMPT_ID = "00000000-0000-4000-8000-000000000009"
"""The message id of every prompt."""

_NUMBER = "#" * 8  # where the number of an event goes
_STAMP = "@" * STAMP_SIZE
_ID = f"{_NUMBER}-0000-4000-8000-000000000001"
_PARENT = "00000000-0000-4000-8000-000000000002"
_MESSAGE = "00000000-0000-4000-8000-000000000003"
_INTERACTION = "00000000-0000-4000-8000-000000000004"
_MOMENT = "2026-01-01T00:00:00.000Z"
_LINE = "You are an assistant that answers questions about code, and is brief.\n"


def _event(wire_type: str, data: dict[str, Any], *, kept: bool = False) -> Message:
    event = {"type": wire_type, "data": data, "id": _ID, "timestamp": _MOMENT}
    event["parentId"] = _PARENT
    if not kept:
        event["ephemeral"] = True
    return "session.event", {"event": event}


def _delta(text: str) -> Message:
    data = {"messageId": _MESSAGE, "deltaContent": text}
    return _event("assistant.message_delta", data)


def deltas(size: int = DELTA_SIZE) -> list[Message]:
    """Return the cycle of the load *deltas*: one piece of text of that size."""
    return [_delta("x" * size)]


# -- the mix: what one turn consists of


def _prose(size: int) -> str:
    return (_LINE * (size // len(_LINE) + 1))[:size]


_ANSWER = "x" * DELTA_SIZE * PAIRS
_LIMITS = {"max_prompt_tokens": 128000, "vision": {"max_prompt_images": 1}}
_MODEL = {
    "id": "model-1",
    "name": "model-1",
    "capabilities": {"supports": {"vision": False}, "limits": _LIMITS},
    "supported_endpoints": ["/chat/completions"],
}
_STAGE = {"model": "model-1", "modelInfo": _MODEL, "turn": 0, "timestampMs": 1}
_CALL = {
    "model": "model-1",
    "api_id": "call-1",
    "api_endpoint": "/chat/completions",
    "initiator": "user",
    "transport": "http",
    "request_body_bytes": 40307,
}
_TOKENS = {"prompt_tokens": 8588, "completion_tokens": 200, "total_tokens": 8788}
_IDS = {"turnId": "0", "interactionId": _INTERACTION}
_USAGE = {
    "model": "model-1",
    "inputTokens": 8588,
    "outputTokens": 200,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "cost": 0.0,
    "duration": 246,
    "interTokenLatencyMs": 34.84012766666667,
    "initiator": "user",
    "apiCallId": "call-1",
    "apiEndpoint": "/chat/completions",
    "quotaSnapshots": {},
    "finishReason": "stop",
}
_HISTORY = [
    {"role": role, "content": _prose(2660)} for role in ("user", "assistant") * 4
]
_CHANGE: Message = (
    "session.lifecycle",
    {
        "type": "session.updated",
        "metadata": {"startTime": _MOMENT, "modifiedTime": _MOMENT},
    },
)


def _said(prompt: str) -> dict[str, Any]:
    seen = f"<current_datetime>{_MOMENT}</current_datetime>\n\n{prompt}"
    said = {"content": prompt, "transformedContent": seen, "messageId": PROMPT_ID}
    return {**said, "delivery": "idle", **_IDS}


def _before() -> Iterator[Message]:
    yield _event("user.message", _said(_prose(60)), kept=True)
    yield _CHANGE
    system = {
        "role": "system",
        "content": _prose(40_600),
        "interactionId": _INTERACTION,
    }
    yield _event("system.message", system, kept=True)
    yield _CHANGE
    yield _event("model.turn_started", {"kind": "turn_started", **_STAGE})
    yield _event("assistant.turn_start", _IDS, kept=True)
    yield _CHANGE
    used = {"tokenLimit": 128000, "currentTokens": 8588, "messagesLength": 9}
    yield _event("session.usage_info", {**used, "isInitial": False})
    log = {"kind": "log", "level": "debug", "message": "Skipping image processing"}
    yield _event("model.log", log)
    yield _event("model.model_call_started", {"kind": "model_call_started", **_STAGE})
    yield _event("assistant.message_start", {"messageId": _MESSAGE})


def _stream() -> Iterator[Message]:
    for number in range(1, PAIRS + 1):
        size = {"totalResponseSizeBytes": number * DELTA_SIZE}
        yield _event("assistant.streaming_delta", size)
        yield _delta("x" * DELTA_SIZE)


def _after() -> Iterator[Message]:
    answer = {"content": _ANSWER, "role": "assistant", "refusal": None}
    told = {"turn": 0, "modelCall": _CALL}
    yield _event("assistant.usage", _USAGE)
    success = {"kind": "model_call_success", "responseUsage": _TOKENS, **told}
    yield _event("model.model_call_success", {**success, "responseChunk": answer})
    yield _event("model.message", {"kind": "message", "message": answer, **told})
    message = {"messageId": _MESSAGE, "model": "model-1", "toolRequests": [], **_IDS}
    yield _event("assistant.message", {**message, "content": _ANSWER}, kept=True)
    yield _CHANGE
    yield _event("model.response", {"kind": "response", "response": answer, **told})
    snapshot = {"kind": "messages_snapshot", "messages": _HISTORY}
    yield _event("model.messages_snapshot", snapshot)
    yield _event("model.turn_ended", {"kind": "turn_ended", **_STAGE})
    yield _event("assistant.turn_end", {"turnId": "0"}, kept=True)
    yield _CHANGE
    yield from rest()


def mix() -> list[Message]:
    """Return the cycle of the load *mix*: one turn."""
    return [*_before(), *_stream(), *_after()]


def rest(**how: Any) -> list[Message]:
    """Return the event of a CLI that has become idle."""
    idle = _event("session.idle", {"mode": "interactive", **how})
    return [_event("assistant.idle", how), idle]


# -- bytes


def cycle(load: str, size: int = DELTA_SIZE) -> list[Message]:
    """Return what a load repeats."""
    return deltas(size) if load == "deltas" else mix()


def count(load: str, repeats: int, size: int = DELTA_SIZE) -> tuple[int, int]:
    """Return how many events a load has, and how many characters its pieces of text."""
    events = [said["event"] for _, said in cycle(load, size) if "event" in said]
    characters = sum(len(each["data"].get("deltaContent", "")) for each in events)
    return len(events) * repeats, characters * repeats


def frame(body: bytes) -> bytes:
    """Return the frame of a body."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _cut(session_id: str, message: Message) -> list[bytes]:
    method, said = message
    params = {"sessionId": session_id, **said}
    call = {"jsonrpc": "2.0", "method": method, "params": params}
    body = json.dumps(call, separators=(",", ":")).encode()
    return frame(body).split(_NUMBER.encode())


def frames(
    messages: Sequence[Message],
    sessions: Iterable[str],
    numbers: Iterator[int],
    repeats: int = 1,
) -> Iterator[bytes]:
    """Yield the frames of some messages, repeated, for each session in turn."""
    cut = [[_cut(session, each) for each in messages] for session in sessions]
    for _ in range(repeats):
        for one_session in cut:
            for parts in one_session:
                if len(parts) > 1:
                    yield b"%b%08x%b" % (parts[0], next(numbers), parts[1])
                else:
                    yield parts[0]


def blocks(some_frames: Iterable[bytes]) -> Iterator[bytes]:
    """Yield frames joined to blocks of about what a pipe holds, none cut in two."""
    held: list[bytes] = []
    size = 0
    for each in some_frames:
        held.append(each)
        size += len(each)
        if size >= BLOCK_SIZE:
            yield b"".join(held)
            held.clear()
            size = 0
    yield b"".join(held)


def stamped(session_id: str, numbers: Iterator[int], now: int) -> bytes:
    """Return the frame of a piece of text that holds the time it was sent."""
    (one,) = frames([_delta(_STAMP)], [session_id], numbers)
    return one.replace(_STAMP.encode(), b"%0*d" % (STAMP_SIZE, now))
