"""Where each message of the CLI goes: to a session, to a handler, to subscribers.

The connection's reader calls everything here except `answer`, so it is synchronous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._errors import CliUnresponsiveError, CopilotError, RpcError
from .._json import as_object, as_text
from .._protocol.envelope import Head, SessionEvent, read_event
from .._resource_errors import ClientClosedError, SessionClosedError
from .._session.fanout import FanOut
from .._session.statistics import Tally
from .._session.typed_handlers import typed_handler
from .._wire.codes import METHOD_NOT_FOUND
from .catalogue import SESSION_CHANGES, SessionChange

if TYPE_CHECKING:
    from .._protocol.generated.rpc.handlers import ClientHandlers
    from .._session.running import Work
    from .._session.state import SessionState


@attrs.define(eq=False)
class Routes:
    """The open sessions of a client, and everything else that messages can go to."""

    _handlers: ClientHandlers | None
    _nursery: trio.Nursery
    """For handlers of notifications."""
    _give_up: Callable[[], None]
    """Called when the CLI has stopped answering."""
    sessions: dict[str, SessionState] = attrs.field(
        factory=dict[str, "SessionState"], init=False
    )
    lifecycle: FanOut[SessionChange] = attrs.field(init=False)
    tally: Tally = attrs.field(factory=Tally, init=False)
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.lifecycle = FanOut(SESSION_CHANGES)

    def take_frame(self, body: bytes) -> bool:
        """Route a frame if it is an event: the short cut that nearly all frames take."""
        arrival = read_event(body)
        if arrival is None:
            return False
        session = self.sessions.get(arrival.session_id)
        if session is not None:
            session.receive(arrival.event, body)
        return True

    def notify(self, method: str, params: Any) -> None:
        """Route a notification that is not an event, or an event in an unusual form."""
        params = as_object(params)
        work = typed_handler(self._handlers, method, params)
        if work is not None:
            self._nursery.start_soon(_raise_error, work, name=method)
        elif method == "session.lifecycle":
            change = SessionChange.from_wire(params)
            self.lifecycle.publish(change.type, change)
            session = self.sessions.get(change.session_id)
            if session is not None and change.type == "session.deleted":
                # The CLI sends no other event that would end a running turn.
                session.lose(SessionClosedError("The session has been deleted"))
        elif method == "session.event":
            session = self.sessions.get(as_text(params.get("sessionId")))
            if session is not None:
                raw = as_object(params.get("event"))
                session.receive(Head.of(raw), b"", SessionEvent(raw))

    def end(self, error: CopilotError) -> None:
        """End all that waits for the CLI: the connection is over."""
        if isinstance(error, CliUnresponsiveError):
            self._give_up()
        for session in tuple(self.sessions.values()):
            session.lose(error)
        closed = isinstance(error, ClientClosedError)
        self.lifecycle.close(None if closed else error)
        self.ended.set()

    async def answer(self, method: str, params: Any) -> Any:
        """Answer a request of the CLI by a handler of the client, or by a session."""
        params = as_object(params)
        work = typed_handler(self._handlers, method, params)
        if work is not None:
            answer = await _raise_error(work)
            if isinstance(answer, RpcError):
                raise answer
            return answer
        await trio.lowlevel.checkpoint()  # a refusal needs one, too
        session = self.sessions.get(as_text(params.get("sessionId")))
        if session is None:
            raise RpcError(METHOD_NOT_FOUND, f"This client does not answer {method}")
        return await session.answer(method, params)


async def _raise_error(work: Work) -> Any:
    """Run a handler; raise what it raised, or return its answer."""
    result = await work()
    if result.error is not None:
        raise result.error
    return result.answer
