"""Sends the events of a scripted session, and builds their larger payloads.

Fields, their order and texts are those of CLI 1.0.102; what no client uses is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ._failures import Failure
from ._host import Host, Json
from ._openai import MODEL
from ._script import ModelRequest, Reply

# The CLI persists these alone; every other event is gone once it has been sent.
PERSISTED = frozenset(
    {
        "abort",
        "assistant.message",
        "assistant.turn_end",
        "assistant.turn_start",
        "external_tool.completed",
        "external_tool.requested",
        "hook.end",
        "hook.start",
        "permission.completed",
        "permission.requested",
        "session.error",
        "session.model_change",
        "session.resume",
        "session.shutdown",
        "session.start",
        "system.message",
        "system.notification",
        "tool.execution_complete",
        "tool.execution_start",
        "user.message",
    }
)


NO_SETTINGS: Json = {
    "source": "none",
    "serverManaged": False,
    "deviceManaged": False,
    "clientManaged": False,
    "failClosed": False,
    "bypassPermissionsDisabled": False,
    "managedKeys": [],
}
"""The payload of `session.managed_settings_resolved`."""


class EventLog:
    """Sends the events of one session and keeps those that the CLI would persist."""

    def __init__(self, host: Host, session_id: str) -> None:
        self._host = host
        self._session_id = session_id
        self.started: str = host.now()
        self.persisted: list[Json] = []

    def emit(
        self, kind: str, data: Mapping[str, Any] | None = None, **envelope: Any
    ) -> Json:
        """Send a new event.

        Args:
          kind: the wire type.
          data: the payload.
          envelope: members of the event besides its payload, which take precedence.
        """
        event: Json = {"type": kind, "data": dict(data or {})}
        if kind not in PERSISTED:
            event["ephemeral"] = True
        event["id"] = self._host.new_id("event")
        event["timestamp"] = self._host.now()
        event["parentId"] = self.persisted[-1]["id"] if self.persisted else None
        event |= envelope
        self.send(event)
        if not event.get("ephemeral"):
            self.persisted.append(event)
            self.announce("session.updated")
        return event

    def send(self, event: Json) -> None:
        """Send an event, be it new or one that was sent before."""
        params = {"sessionId": self._session_id, "event": event}
        self._host.client.notify("session.event", params)

    def announce(self, kind: str) -> None:
        """Send a lifecycle notification: it also reaches clients without the session."""
        times = {"startTime": self.started, "modifiedTime": self._host.now()}
        params = {"type": kind, "sessionId": self._session_id, "metadata": times}
        self._host.client.notify("session.lifecycle", params)


def session_start(host: Host, session_id: str, options: Json) -> Json:
    """Return the payload of `session.start`."""
    model = options.get("model")
    return {
        "sessionId": session_id,
        "version": 1,
        "producer": "copilot-agent",
        "copilotVersion": host.behaviour.version,
        "startTime": host.now(),
        **({"selectedModel": model} if model else {}),
        "context": {"cwd": options.get("workingDirectory", "/")},
        "alreadyInUse": False,
    }


def session_resume(log: EventLog, options: Json, *, active: bool) -> Json:
    """Return the payload of `session.resume`, without its time."""
    pending = {"continuePendingWork": options.get("continuePendingWork") is True}
    return {
        "context": {"cwd": options.get("workingDirectory", "/")},
        "eventCount": len(log.persisted),
        "selectedModel": options.get("model", MODEL),
        "alreadyInUse": False,
        "sessionWasActive": active,
        **(pending if active else {}),
    }


def session_shutdown(log: EventLog, model: str) -> Json:
    """Return the payload of `session.shutdown`."""
    started = dt.datetime.fromisoformat(log.started)
    return {
        "shutdownType": "routine",
        "totalApiDurationMs": 0,
        "sessionStartTime": round(started.timestamp() * 1000),
        "codeChanges": {"linesAdded": 0, "linesRemoved": 0, "filesModified": []},
        "modelMetrics": {},
        "currentModel": model,
    }


def usage(reply: Reply, model: str, *, initiator: str) -> Json:
    """Return the payload of `assistant.usage`."""
    tokens = reply.tokens
    details: Json = tokens.get("prompt_tokens_details") or {}
    return {
        "model": model,
        "inputTokens": tokens.get("prompt_tokens", 0),
        "outputTokens": tokens.get("completion_tokens", 0),
        "cacheReadTokens": details.get("cached_tokens", 0),
        "cacheWriteTokens": 0,
        "cost": 0.0,
        "initiator": initiator,
        "numToolCalls": len(reply.calls),
        "finishReason": reply.ends_with,
        "contentFilterTriggered": reply.ends_with == "content_filter",
    }


def assistant_message(
    request: ModelRequest, reply: Reply, *, message_id: str, origin: str, model: str
) -> Json:
    """Return the payload of `assistant.message`."""
    tool_requests = [
        {
            "toolCallId": request.call_id(index),
            "name": call.name,
            "arguments": dict(call.arguments),
            "type": "function",
        }
        for index, call in enumerate(reply.calls)
    ]
    message: Json = {
        "messageId": message_id,
        "originatingMessageId": origin,
        "model": model,
        "content": reply.content,
        "toolRequests": tool_requests,
    }
    if reply.reasoning:
        message["reasoningText"] = "".join(reply.reasoning_deltas)
    return message


def model_failure(failure: Failure, model: str, *, retries: int) -> Json:
    """Return the payload of `model.call_failure`."""
    data: Json = {
        "model": model,
        "retryAttempt": retries,
        "source": "top_level",
        "errorMessage": failure.message,
    }
    if failure.status is not None:
        data["statusCode"] = failure.status
    return data


def error(failure: Failure, waited: list[float], origin: str) -> Json:
    """Return the payload of `session.error` when the CLI gives up a model call."""
    data: Json = {"errorType": failure.kind, "message": failure.verdict(waited)}
    if failure.status is not None:
        data["statusCode"] = failure.status
    return {**data, "originatingMessageId": origin}
