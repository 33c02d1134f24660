"""The methods of the scripted CLI: a table at the end, and a function for each entry.

A method gets the CLI's desk, the parameters and a function that sends its answer, which
it may keep for later. What it refuses it raises as `RefusedError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import trio

from .._wire.codes import INVALID_PARAMS
from . import _answers as answers, _events as events
from ._desk import Answer, Desk, RefusedError
from ._events import EventLog
from ._host import Json
from ._openai import MODEL
from ._session import ScriptedSession

OPENING = 0.05
"""Seconds until a session has been created: longer than it takes to admit a prompt."""

LEAVING = 0.03
"""Seconds until a session has been let go."""

PARTING = 1.5
"""Seconds that a hook has to answer that its session is let go."""

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
        raise RefusedError(
            f"Invalid connect request: unknown field `{name}`", INVALID_PARAMS
        )
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
    if params.get("cloud") and params.get("sessionId"):
        reason = "Cannot specify sessionId when creating a remote session in the cloud."
        raise RefusedError(reason)
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
        session.options = {"workingDirectory": session.directory, **params}
        if not active:
            session.hooks.source = "resume"
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
    _leave(desk, params, lambda _: answer({"success": True}))


def _destroy(desk: Desk, params: Json, answer: Answer) -> None:
    _leave(desk, params, lambda success: answer({"success": success}))


def _leave(desk: Desk, params: Json, answer: Answer) -> None:
    session = desk.release(str(params.get("sessionId")))
    if session is None:
        desk.host.agenda.add(LEAVING, lambda: answer(False))
        return
    session.close()
    if session.hooks.on:
        desk.nursery.start_soon(_part, desk, session, answer)
    else:
        session.say_shutdown()
        desk.host.agenda.add(LEAVING, lambda: answer(True))


async def _part(desk: Desk, session: ScriptedSession, answer: Answer) -> None:
    """Say that a session was let go when its hook has answered, or has not."""
    with trio.move_on_after(PARTING):
        await session.hooks.invoke("sessionEnd", reason="user_exit")
    session.say_shutdown()
    desk.host.agenda.add(LEAVING, lambda: answer(True))


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
    wanted: Json = params.get("filter") or {}
    known = map(_metadata, desk.known)
    found = [it for it in known if wanted.items() <= it["context"].items()]
    answer({"sessions": found})


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


def _set_tools(desk: Desk, params: Json, answer: Answer) -> None:
    _check_tool_names(params)
    session = desk.session(params)
    session.options = {**session.options, "tools": params["tools"]}
    answer({})


def _get_messages(desk: Desk, params: Json, answer: Answer) -> None:
    session_id = str(params.get("sessionId"))
    if session_id not in desk.sessions:
        raise RefusedError(f"Session not found: {session_id}")
    answer({"events": list(desk.sessions[session_id].log.persisted)})


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
    "session.permissions.handlePendingPermissionRequest": answers.answer_permission,
    "session.resume": _resume,
    "session.send": _send,
    "session.tools.handlePendingToolCall": answers.answer_call,
    "session.tools.set": _set_tools,
    "session.ui.elicitation": answers.elicit,
    "session.ui.handlePendingElicitation": answers.answer_elicitation,
    "session.ui.handlePendingUserInput": answers.answer_user_input,
    "status.get": _status,
}
