"""The methods of the scripted CLI: a table at the end, and a function for each entry.

A method gets the CLI's desk, the parameters and a function that sends its answer, which
it may keep for later. What it refuses it raises as `RefusedError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import trio

from . import _events as events
from ._events import EventLog
from ._host import Host, Json
from ._openai import MODEL
from ._session import ScriptedSession

INTERNAL_ERROR = -32603

OPENING = 0.05
"""Seconds until a session has been created: longer than it takes to admit a prompt."""

LEAVING = 0.03
"""Seconds until a session has been let go."""

Answer: TypeAlias = Callable[[Any], None]


class RefusedError(Exception):
    """The CLI refuses a request."""

    def __init__(self, reason: str, code: int = INTERNAL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def message(self, method: str) -> str:
        """Return what the client is told."""
        if self.code != INTERNAL_ERROR:
            return self.reason
        return f"Request {method} failed with message: {self.reason}"


@attrs.define(eq=False)
class Desk:
    """Where the methods find what they work on."""

    host: Host
    nursery: trio.Nursery
    quit: Callable[[], None]
    sessions: dict[str, ScriptedSession] = attrs.field(
        factory=dict[str, ScriptedSession]
    )
    """{id: session} of those that a client has open."""
    stored: dict[str, ScriptedSession] = attrs.field(factory=dict[str, ScriptedSession])
    """{id: session} of those that were let go and can be resumed."""

    def session(self, params: Json) -> ScriptedSession:
        """Return the session that a request is about."""
        session_id = str(params.get("sessionId"))
        if session_id not in self.sessions:
            raise RefusedError(f"Session not found for sessionId: {session_id}")
        return self.sessions[session_id]

    @property
    def known(self) -> list[ScriptedSession]:
        """The sessions that a user has talked to, from the first to the last."""
        spoken = [s for s in self.sessions.values() if len(s.messages) > 1]
        everything = [*self.stored.values(), *spoken]
        return sorted(everything, key=lambda s: s.log.persisted[-1]["timestamp"])

    def release(self, session_id: str) -> ScriptedSession | None:
        """Let go of a session; one without any message is forgotten."""
        session = self.sessions.pop(session_id, None)
        if session is not None and len(session.messages) > 1:
            self.stored[session_id] = session
        return session


# -- the CLI itself


_CONNECT_FIELDS = {
    "clientInfo",
    "enableGitHubTelemetryForwarding",
    "supportedTaskKinds",
}


def _connect(desk: Desk, params: Json, answer: Answer) -> None:
    if "token" in params:
        raise RefusedError("AUTHENTICATION_NOT_CONFIGURED", -32003)
    for name in params.keys() - _CONNECT_FIELDS:
        raise RefusedError(f"Invalid connect request: unknown field `{name}`", -32602)
    kinds = params.get("supportedTaskKinds", [])
    answer({"ok": True, **_versions(desk), "taskKinds": kinds})


def _ping(desk: Desk, params: Json, answer: Answer) -> None:
    said = params.get("message")
    message = f"pong: {said}" if said else "pong"
    protocol = {k: v for k, v in _versions(desk).items() if k == "protocolVersion"}
    answer({"message": message, "timestamp": desk.host.now(), **protocol})


def _status(desk: Desk, params: Json, answer: Answer) -> None:
    answer(_versions(desk))


def _versions(desk: Desk) -> Json:
    behaviour = desk.host.behaviour
    protocol = behaviour.protocol_version
    said = {} if protocol is None else {"protocolVersion": protocol}
    return {**said, "version": behaviour.version}


def _auth_status(desk: Desk, params: Json, answer: Answer) -> None:
    answer({"isAuthenticated": False, "statusMessage": "Not authenticated"})


def _list_models(desk: Desk, params: Json, answer: Answer) -> None:
    models = desk.host.behaviour.models
    if models is None:
        raise RefusedError("Not authenticated. Please authenticate first.")
    answer({"models": list(models)})


def _shut_down(desk: Desk, params: Json, answer: Answer) -> None:
    answer(None)
    desk.quit()


# -- sessions


def _create(desk: Desk, params: Json, answer: Answer) -> None:
    session_id = params.get("sessionId") or desk.host.new_id("session")
    if "/" in session_id:
        refusal = "Rejected session.create request with invalid sessionId"
        raise RefusedError(f"{refusal}: {session_id}")
    _check_tool_names(params)

    def create() -> None:
        known = desk.sessions.get(session_id)
        session = known or _new_session(desk, session_id, params)
        if known is None:
            session.log.announce("session.created")
        answer(_facts(session))
        if known is None:
            start = events.session_start(desk.host, session_id, params)
            session.emit("session.start", start)
            session.emit("session.managed_settings_resolved", events.NO_SETTINGS)
            session.log.announce("session.created")

    desk.host.agenda.add(OPENING, create)


def _check_tool_names(params: Json) -> None:
    for tool in params.get("tools") or ():
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", tool["name"]):
            raise RefusedError(
                "session construction failed: GenericFailure, externalToolDefinitions: "
                f'tool name "{tool["name"]}" contains invalid characters. Tool names '
                "may only contain ASCII letters, digits, underscores, and hyphens "
                "(matching /^[a-zA-Z0-9_-]+$/)."
            )


def _new_session(desk: Desk, session_id: str, options: Json) -> ScriptedSession:
    log = EventLog(desk.host, session_id)
    session = ScriptedSession(desk.host, session_id, options, desk.nursery, log)
    desk.sessions[session_id] = session
    return session


def _resume(desk: Desk, params: Json, answer: Answer) -> None:
    session_id = str(params.get("sessionId"))
    active = session_id in desk.sessions
    session = desk.sessions.get(session_id) or desk.stored.pop(session_id, None)
    if session is None:
        lost = f"Failed to load session events: Session not found: {session_id}"
        raise RefusedError(lost)

    def resume() -> None:
        desk.sessions[session_id] = session
        session.options = params
        session.closed = False
        answer(_facts(session))
        resumed = events.session_resume(session.log, params, active=active)
        session.emit("session.resume", {"resumeTime": desk.host.now(), **resumed})
        session.emit("session.managed_settings_resolved", events.NO_SETTINGS)

    desk.host.agenda.add(OPENING, resume)


def _facts(session: ScriptedSession) -> Json:
    asks = session.options.get("requestElicitation") is True
    return {
        "sessionId": session.id,
        "nativeSessionId": session.id,
        "startTime": session.log.started,
        "isRemote": False,
        "mode": "interactive",
        "workspacePath": f"/scripted/session-state/{session.id}",
        "capabilities": {
            "ui": {"elicitation": asks, "mcpApps": False, "canvases": False},
            "extensions": False,
        },
        "modelState": {"modelId": session.options.get("model") or MODEL},
    }


def _detach(desk: Desk, params: Json, answer: Answer) -> None:
    _leave(desk, params)
    desk.host.agenda.add(LEAVING, lambda: answer({"success": True}))


def _destroy(desk: Desk, params: Json, answer: Answer) -> None:
    success = _leave(desk, params)
    desk.host.agenda.add(LEAVING, lambda: answer({"success": success}))


def _leave(desk: Desk, params: Json) -> bool:
    session = desk.release(str(params.get("sessionId")))
    if session is not None:
        session.shut_down()
    return session is not None


def _delete(desk: Desk, params: Json, answer: Answer) -> None:
    session_id = str(params.get("sessionId"))
    session = desk.release(session_id) or desk.stored.get(session_id)
    desk.stored.pop(session_id, None)
    if session is None:
        lost = f"Session file not found for {session_id}"
        answer({"success": False, "error": lost})
        return
    session.close()
    for _ in range(2):
        params = {"type": "session.deleted", "sessionId": session_id}
        desk.host.notify("session.lifecycle", params)
    answer({"success": True})


def _list(desk: Desk, params: Json, answer: Answer) -> None:
    answer({"sessions": [_metadata(session) for session in desk.known]})


def _get_metadata(desk: Desk, params: Json, answer: Answer) -> None:
    wanted = [s for s in desk.known if s.id == params.get("sessionId")]
    answer({"session": _metadata(wanted[0])} if wanted else {})


def _get_last_id(desk: Desk, params: Json, answer: Answer) -> None:
    ids = [session.id for session in desk.known]
    answer({"sessionId": ids[-1]} if ids else {})


def _metadata(session: ScriptedSession) -> Json:
    return {
        "sessionId": session.id,
        "startTime": session.log.started,
        "modifiedTime": session.log.persisted[-1]["timestamp"],
        "isRemote": False,
        "isDetached": False,
        "summary": session.title,
        "name": session.title,
        "context": {"cwd": session.options.get("workingDirectory", "/")},
    }


# -- what goes on in a session


def _send(desk: Desk, params: Json, answer: Answer) -> None:
    desk.session(params).send(params, answer)


def _abort(desk: Desk, params: Json, answer: Answer) -> None:
    desk.session(params).abort(answer)


def _get_messages(desk: Desk, params: Json, answer: Answer) -> None:
    session_id = str(params.get("sessionId"))
    if session_id not in desk.sessions:
        raise RefusedError(f"Session not found: {session_id}")
    answer({"events": list(desk.sessions[session_id].log.persisted)})


def _answer_call(desk: Desk, params: Json, answer: Answer) -> None:
    call = desk.session(params).calls.get(params.get("requestId", ""))
    if call is not None:
        call.answer(params)
    answer({"success": call is not None})


def _answer_permission(desk: Desk, params: Json, answer: Answer) -> None:
    call = desk.session(params).permissions.get(params.get("requestId", ""))
    if call is not None:
        call.decide(params.get("result") or {})
    answer({"success": call is not None})


METHODS: Mapping[str, Callable[[Desk, Json, Answer], None]] = {
    "auth.getStatus": _auth_status,
    "connect": _connect,
    "models.list": _list_models,
    "ping": _ping,
    "runtime.shutdown": _shut_down,
    "session.abort": _abort,
    "session.create": _create,
    "session.delete": _delete,
    "session.destroy": _destroy,
    "session.detach": _detach,
    "session.getLastId": _get_last_id,
    "session.getMessages": _get_messages,
    "session.getMetadata": _get_metadata,
    "session.list": _list,
    "session.permissions.handlePendingPermissionRequest": _answer_permission,
    "session.resume": _resume,
    "session.send": _send,
    "session.tools.handlePendingToolCall": _answer_call,
    "status.get": _status,
}
