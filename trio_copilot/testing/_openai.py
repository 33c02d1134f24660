"""A `Reply` in OpenAI's words: what goes over HTTP, as values.

Only the parts of the chat-completions format that the CLI reads. This module knows neither
HTTP nor time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ._script import ModelRequest, Reply

MODEL = "scripted-model"
"""The name of the only model."""

Json: TypeAlias = dict[str, Any]


def deltas(request: ModelRequest, reply: Reply) -> Iterator[Json]:
    """Yield what is streamed between the opening and the end, in order."""
    for text in reply.reasoning_deltas:
        yield {"reasoning_content": text}
    for text in reply.deltas:
        yield {"content": text}
    for call in _tool_calls(request, reply):
        yield {"tool_calls": [call]}


def chunk(
    request: ModelRequest,
    delta: Mapping[str, Any],
    *,
    finish_reason: str | None = None,
) -> Json:
    """Return one event of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _envelope(request, "chat.completion.chunk", choices=[choice])


def wants_usage(request: ModelRequest) -> bool:
    """Return whether the client asks for the usage of a streamed answer; the CLI does."""
    options: Mapping[str, Any] = request.raw.get("stream_options") or {}
    return bool(options.get("include_usage"))


def usage_chunk(request: ModelRequest, reply: Reply) -> Json:
    """Return the event with the usage of a streamed answer."""
    return _envelope(
        request, "chat.completion.chunk", choices=[], usage=dict(reply.tokens)
    )


def completion(request: ModelRequest, reply: Reply) -> Json:
    """Return a whole answer, for a request without streaming."""
    answer = message(request, reply)
    choice = {"index": 0, "message": answer, "finish_reason": reply.ends_with}
    return _envelope(
        request, "chat.completion", choices=[choice], usage=dict(reply.tokens)
    )


def message(request: ModelRequest, reply: Reply) -> Json:
    """Return a reply as a message of the conversation."""
    answer: Json = {"role": "assistant", "content": reply.content or None}
    if reply.reasoning:
        answer["reasoning_content"] = "".join(reply.reasoning_deltas)
    if reply.calls:
        answer["tool_calls"] = list(_tool_calls(request, reply))
    return answer


def error(message: str, status: int) -> Json:
    """Return the body of an answer with a status other than 200."""
    return {"error": {"message": message, "type": "scripted", "code": str(status)}}


def model_list() -> Json:
    """Return the list of models."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0}]}


def _tool_calls(request: ModelRequest, reply: Reply) -> Iterator[Json]:
    for index, call in enumerate(reply.calls):
        function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
        yield {
            "index": index,
            "id": request.call_id(index),
            "type": "function",
            "function": function,
        }


def _envelope(request: ModelRequest, kind: str, **members: Any) -> Json:
    return {
        "id": f"chatcmpl-{request.number}",
        "object": kind,
        "created": 0,
        "model": MODEL,
        **members,
    }
