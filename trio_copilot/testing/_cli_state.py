"""What the methods of the scripted CLI work on, and how they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import trio

from .._wire.codes import INTERNAL_ERROR
from ._host import Host, Json
from ._scripted_session import ScriptedSession

SendResult: TypeAlias = Callable[[Any], None]
"""Answers a request, now or later."""


class RefusedError(Exception):
    """The CLI refuses a request."""

    def __init__(self, reason: str, code: int = INTERNAL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def message(self, method: str) -> str:
        """Return the message of the error response."""
        if self.code != INTERNAL_ERROR:
            return self.reason
        return f"Request {method} failed with message: {self.reason}"


@attrs.frozen(eq=False)
class CliState:
    """The CLI as its methods see it."""

    host: Host
    nursery: trio.Nursery
    sessions: dict[str, ScriptedSession] = attrs.field(
        factory=dict[str, ScriptedSession], init=False
    )
    """`{id: session}` of those that a client has open."""
    stored: dict[str, ScriptedSession] = attrs.field(
        factory=dict[str, ScriptedSession], init=False
    )
    """`{id: session}` of those that were let go and can be resumed."""

    def session(self, params: Json) -> ScriptedSession:
        """Return the session that a request is about."""
        session_id = str(params.get("sessionId"))
        if session_id not in self.sessions:
            raise RefusedError(f"Session not found for sessionId: {session_id}")
        return self.sessions[session_id]

    @property
    def known(self) -> list[ScriptedSession]:
        """The sessions that a user has talked to, from the first to the last."""
        spoken = [s for s in self.sessions.values() if s.has_spoken]
        everything = [*self.stored.values(), *spoken]
        return sorted(everything, key=lambda s: s.state.log.persisted[-1]["timestamp"])

    def open_session(self, session_id: str, options: Json) -> ScriptedSession:
        """Make a new session."""
        session = ScriptedSession(self.host, self.nursery, session_id, options)
        self.sessions[session_id] = session
        return session

    def release(self, session_id: str) -> ScriptedSession | None:
        """Let go of a session; one without any message is forgotten."""
        session = self.sessions.pop(session_id, None)
        if session is not None and session.has_spoken:
            self.stored[session_id] = session
        return session
