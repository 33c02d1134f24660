"""Sessions from their creation to their end, and the list of them."""

from __future__ import annotations

import trio

from .. import _events as events
from .._cli_state import CliState, RefusedError, SendResult
from .._host import Json
from .._openai import MODEL
from .._scripted_session import ScriptedSession
from .work import check_tool_names

OPENING = 0.05
"""Seconds until a session has been created: longer than it takes to admit a prompt."""

LEAVING = 0.03
"""Seconds until a session has been let go."""

PARTING = 1.5
"""Seconds that a hook has to answer when its session is let go."""


def create(state: CliState, params: Json, answer: SendResult) -> None:
    """Create a session, or join one that is open under this id."""
    host = state.host
    if params.get("cloud") and params.get("sessionId"):
        reason = "Cannot specify sessionId when creating a remote session in the cloud."
        raise RefusedError(reason)
    session_id = params.get("sessionId") or host.new_id("session")
    if "/" in session_id:
        refusal = "Rejected session.create request with invalid sessionId"
        raise RefusedError(f"{refusal}: {session_id}")
    check_tool_names(params)

    def create_session() -> None:
        session = state.sessions.get(session_id)
        if session is not None:
            answer(_facts(session))
            return
        session = state.open_session(session_id, params)
        # The real CLI announces it twice, too: before the answer and after the events.
        session.state.log.announce("session.created")
        answer(_facts(session))
        start = events.session_start(host, session_id, params)
        session.state.emit("session.start", start)
        session.state.emit("session.managed_settings_resolved", events.NO_SETTINGS)
        session.state.log.announce("session.created")

    host.agenda.add(OPENING, create_session)


def resume(state: CliState, params: Json, answer: SendResult) -> None:
    """Open a session again, or take over one that is open."""
    host, session_id = state.host, str(params.get("sessionId"))
    active = session_id in state.sessions
    session = state.sessions.get(session_id) or state.stored.pop(session_id, None)
    if session is None:
        reason = f"Failed to load session events: Session not found: {session_id}"
        raise RefusedError(reason)

    def resume_session() -> None:
        state.sessions[session_id] = session
        session.state.options = {"workingDirectory": session.state.directory, **params}
        if not active:
            session.hooks.source = "resume"
        session.state.closed = False
        answer(_facts(session))
        resumed = events.session_resume(session.state.log, params, active=active)
        session.state.emit("session.resume", {"resumeTime": host.now(), **resumed})
        session.state.emit("session.managed_settings_resolved", events.NO_SETTINGS)

    host.agenda.add(OPENING, resume_session)


def _facts(session: ScriptedSession) -> Json:
    state = session.state
    return {
        "sessionId": state.id,
        "nativeSessionId": state.id,
        "startTime": state.log.started,
        "isRemote": False,
        "mode": "interactive",
        "workspacePath": f"/scripted/session-state/{state.id}",
        "capabilities": {
            "ui": {
                "elicitation": state.takes_forms,
                "mcpApps": False,
                "canvases": False,
            },
            "extensions": False,
        },
        "modelState": {"modelId": state.options.get("model") or MODEL},
    }


def detach(state: CliState, params: Json, answer: SendResult) -> None:
    """Let go of a session, open or not."""
    _leave(state, params, lambda _: answer({"success": True}))


def destroy(state: CliState, params: Json, answer: SendResult) -> None:
    """Let go of a session, and report whether it was open."""
    _leave(state, params, lambda success: answer({"success": success}))


def _leave(state: CliState, params: Json, answer: SendResult) -> None:
    agenda = state.host.agenda
    session = state.release(str(params.get("sessionId")))
    if session is None:
        agenda.add(LEAVING, lambda: answer(False))
        return

    def finish() -> None:
        session.emit_shutdown()
        agenda.add(LEAVING, lambda: answer(True))

    async def ask_hook() -> None:
        with trio.move_on_after(PARTING):
            await session.hooks.invoke("sessionEnd", reason="user_exit")
        finish()

    session.close()
    if session.state.has_hooks:
        state.nursery.start_soon(ask_hook)
    else:
        finish()


def delete(state: CliState, params: Json, answer: SendResult) -> None:
    """Delete a session, open or stored."""
    session_id = str(params.get("sessionId"))
    session = state.release(session_id) or state.stored.get(session_id)
    state.stored.pop(session_id, None)
    if session is None:
        reason = f"Session file not found for {session_id}"
        answer({"success": False, "error": reason})
        return
    session.close()
    for _ in range(2):  # so does the real CLI
        params = {"type": "session.deleted", "sessionId": session_id}
        state.host.client.notify("session.lifecycle", params)
    answer({"success": True})


def list_sessions(state: CliState, params: Json, answer: SendResult) -> None:
    """List the sessions that a user has talked to, if they match the filter."""
    filter_: Json = params.get("filter") or {}
    known = [_metadata(session) for session in state.known]
    found = [each for each in known if filter_.items() <= each["context"].items()]
    answer({"sessions": found})


def get_metadata(state: CliState, params: Json, answer: SendResult) -> None:
    """Describe one session."""
    found = [s for s in state.known if s.state.id == params.get("sessionId")]
    answer({"session": _metadata(found[0])} if found else {})


def get_last_id(state: CliState, params: Json, answer: SendResult) -> None:
    """Return the id of the session that was talked to last."""
    ids = [session.state.id for session in state.known]
    answer({"sessionId": ids[-1]} if ids else {})


def get_messages(state: CliState, params: Json, answer: SendResult) -> None:
    """Return the persisted events of a session."""
    session_id = str(params.get("sessionId"))
    if session_id not in state.sessions:
        raise RefusedError(f"Session not found: {session_id}")
    answer({"events": list(state.sessions[session_id].state.log.persisted)})


def _metadata(session: ScriptedSession) -> Json:
    state = session.state
    return {
        "sessionId": state.id,
        "startTime": state.log.started,
        "modifiedTime": state.log.persisted[-1]["timestamp"],
        "isRemote": False,
        "isDetached": False,
        "summary": state.title,
        "name": state.title,
        "context": {"cwd": state.directory},
    }


METHODS = {
    "session.create": create,
    "session.delete": delete,
    "session.destroy": destroy,
    "session.detach": detach,
    "session.getLastId": get_last_id,
    "session.getMessages": get_messages,
    "session.getMetadata": get_metadata,
    "session.list": list_sessions,
    "session.resume": resume,
}
