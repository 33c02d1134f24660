"""What the CLI asks by events, and who answers: tool calls and permissions.

Each request runs a handler of the user as a task of its own, in the nursery of the turn
that it belongs to (or of the session, between turns). Whatever happens to that task, the
request is answered at most once: with the handler's result, or as cancelled while the
CLI still waits for it. When the CLI says that a request is over, because somebody else
answered or aborted, the handler is cancelled.

`Handlers.start`, `complete` and `cancel` are synchronous: the reader of the connection
and the drain of a turn call them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import trio

from .._json import as_object, as_text
from .._peer import Peer
from .._protocol.envelope import SessionEvent
from .._telemetry import continued_trace
from .._tools.declare import Tool, ToolContext
from .._tools.run import CANCELLED, Outcome, run_tool
from .permissions import HANDLER_FAILED, PermissionHandler, PermissionRequest, decide
from .statistics import Tally

logger = logging.getLogger("trio_copilot.session")

ANSWER_TOOL = "session.tools.handlePendingToolCall"
ANSWER_PERMISSION = "session.permissions.handlePendingPermissionRequest"
NOBODY_DECIDED = {"kind": "user-not-available"}


@attrs.frozen
class Desk:
    """Who answers the requests of one session."""

    peer: Peer
    kill_cli: Callable[[], None]
    session_id: str
    tools: Mapping[str, Tool]
    on_permission_request: PermissionHandler | None
    tally: Tally


@attrs.frozen
class _Answer:
    wire: Mapping[str, Any]
    error: Exception | None = None
    """Raised in the handler's task once the answer is out."""


@attrs.define(eq=False)
class _Request:
    """One request that is open."""

    request_id: str
    call_id: str
    label: str
    method: str
    if_cancelled: Mapping[str, Any]
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)


@attrs.define(eq=False)
class Handlers:
    """The handlers that run for one turn, or for a session between its turns."""

    _desk: Desk
    _nursery: trio.Nursery
    tool_errors: dict[str, Exception] = attrs.field(
        factory=dict[str, Exception], init=False
    )
    """What handlers raised, by the id of the tool call."""
    given_up: list[str] = attrs.field(factory=list[str], init=False)
    """Labels of what was pending when its handler was cancelled."""
    _open: dict[str, _Request] = attrs.field(factory=dict[str, _Request], init=False)
    _quiet: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    closed: bool = attrs.field(default=False, init=False)

    @property
    def pending(self) -> tuple[str, ...]:
        """What waits for an answer of ours, such as `tool get_weather`."""
        return tuple(request.label for request in self._open.values())

    async def wait_quiet(self) -> None:
        """Wait until nothing is pending; returns at once if nothing is."""
        while self._open:
            await self._quiet.park()

    def start(self, event: SessionEvent) -> None:
        """Start a handler if the event is a request."""
        starter = _STARTERS.get(event.type)
        if starter is not None:
            starter(self, event, as_object(event.raw.get("data")))

    def complete(self, event: SessionEvent) -> None:
        """Cancel a handler if the event says that its request is over."""
        if event.type in _COMPLETIONS:
            data = as_object(event.raw.get("data"))
            request = self._open.get(as_text(data.get("requestId")))
            if request is not None:
                self._settle(request)
                request.scope.cancel()

    def cancel(self) -> None:
        """Answer everything that is open as cancelled, and cancel its handlers."""
        for request in tuple(self._open.values()):
            self._answer_as_cancelled(request)
            request.scope.cancel()

    def close(self) -> None:
        """Cancel everything and start nothing more."""
        self.closed = True
        self.cancel()

    def submit(self, call_id: str, outcome: Outcome) -> bool:
        """Answer a call of a tool that has no handler; false if there is none open."""
        for request in self._open.values():
            if request.call_id == call_id and request.method == ANSWER_TOOL:
                self._answer(request, outcome.wire)
                return True
        return False

    # -- what the CLI says

    def _tool_requested(self, event: SessionEvent, data: Mapping[str, Any]) -> None:
        tool = self._desk.tools.get(as_text(data.get("toolName")))
        if tool is None:
            return  # another client of this session declared it
        call_id = as_text(data.get("toolCallId"))
        request = _Request(
            as_text(data.get("requestId")),
            call_id,
            f"tool {tool.name}",
            ANSWER_TOOL,
            CANCELLED.wire,
        )
        if tool.handler is None:
            self._open[request.request_id] = request
            return
        context = ToolContext(
            session_id=self._desk.session_id,
            call_id=call_id,
            tool_name=tool.name,
            working_directory=as_text(data.get("workingDirectory")),
            agent_id=event.agent_id,
        )
        self._start(request, lambda: self._call_tool(tool, data, context))

    def _permission_requested(
        self, event: SessionEvent, data: Mapping[str, Any]
    ) -> None:
        if data.get("resolvedByHook") is True:
            return
        details = as_object(data.get("permissionRequest"))
        question = PermissionRequest(
            kind=as_text(details.get("kind")) or "unknown",
            call_id=as_text(details.get("toolCallId")),
            agent_id=event.agent_id,
            details=details,
        )
        request = _Request(
            as_text(data.get("requestId")),
            question.call_id,
            f"permission {question.kind}",
            ANSWER_PERMISSION,
            NOBODY_DECIDED,
        )
        self._start(request, lambda: self._decide(question))

    # -- running handlers

    def _start(
        self, request: _Request, handler: Callable[[], Awaitable[_Answer]]
    ) -> None:
        self._open[request.request_id] = request
        self._nursery.start_soon(self._run, request, handler, name=request.label)

    async def _run(
        self, request: _Request, handler: Callable[[], Awaitable[_Answer]]
    ) -> None:
        try:
            with request.scope:
                answer = await handler()
                self._answer(request, answer.wire)
                if answer.error is not None:
                    raise answer.error
        finally:
            self._answer_as_cancelled(request)

    async def _call_tool(
        self, tool: Tool, data: Mapping[str, Any], context: ToolContext
    ) -> _Answer:
        with continued_trace(data):
            outcome = await run_tool(tool, data.get("arguments"), context)
        if outcome.error is not None:
            self.tool_errors[context.call_id] = outcome.error
            logger.info("Tool %s failed: %r", tool.name, outcome.error)
        return _Answer(outcome.wire, outcome.error if tool.errors == "raise" else None)

    async def _decide(self, question: PermissionRequest) -> _Answer:
        try:
            decision = await decide(self._desk.on_permission_request, question)
        except Exception as error:  # noqa: BLE001  # fail closed, then raise it
            return _Answer(HANDLER_FAILED.to_wire(question), error)
        return _Answer(decision.to_wire(question))

    # -- answering, at most once

    def _answer_as_cancelled(self, request: _Request) -> None:
        if request.request_id in self._open:
            self.given_up.append(request.label)
            self._answer(request, request.if_cancelled)

    def _answer(self, request: _Request, result: Mapping[str, Any]) -> None:
        if not self._settle(request):
            return
        params = {
            "sessionId": self._desk.session_id,
            "requestId": request.request_id,
            "result": result,
        }
        self._desk.peer.submit_nowait(request.method, params)

    def _settle(self, request: _Request) -> bool:
        """Strike the request off; whether it was still open."""
        if self._open.pop(request.request_id, None) is None:
            return False
        if not self._open:
            self._quiet.unpark_all()
        return True


_STARTERS: dict[str, Callable[[Handlers, SessionEvent, Mapping[str, Any]], None]] = {
    "external_tool.requested": Handlers._tool_requested,
    "permission.requested": Handlers._permission_requested,
}
_COMPLETIONS = frozenset({"external_tool.completed", "permission.completed"})
