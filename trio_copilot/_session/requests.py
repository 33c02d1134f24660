"""What the CLI asks of us, and who answers: two tables, one entry for each kind.

Tool calls, permissions and forms come as events, and are answered by a call; questions
and hooks are JSON-RPC requests, whose result is the answer. What is asked is looked up in
the options of the session; the handlers are run by `Handlers`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

import attrs

from .._errors import RpcError
from .._json import as_object, as_text
from .._paths import PathRule
from .._peer import UNANSWERED, Peer
from .._protocol.envelope import SessionEvent
from .._telemetry import continued_trace
from .._tools.declare import Tool, ToolContext
from .._tools.run import CANCELLED, by_name, run_tool
from .._wire.codes import INTERNAL_ERROR, METHOD_NOT_FOUND, REQUEST_CANCELLED
from .._wire.encoding import sendable
from .._wire.text import has_half_pairs
from .handlers import Answer, Handlers, OpenRequest
from .hooks import refusal, run_hook
from .modes import AutoModeSwitchRequest, ExitPlanModeRequest
from .options import SessionOptions
from .permissions import HANDLER_FAILED, Abstain, PermissionRequest
from .questions import ElicitationRequest, UserInputRequest, elicitation_to_wire
from .statistics import Tally
from .system_message import SystemMessage
from .typed_work import typed_work

logger = logging.getLogger("trio_copilot.session")

ANSWER_TOOL = "session.tools.handlePendingToolCall"
ANSWER_PERMISSION = "session.permissions.handlePendingPermissionRequest"
ANSWER_FORM = "session.ui.handlePendingElicitation"
NOBODY_DECIDED = {"kind": "user-not-available"}
NOBODY_FILLED_IT_IN = {"action": "cancel"}

TURN_CANCELLED = RpcError(REQUEST_CANCELLED, "The turn was cancelled")


@attrs.define(eq=False)
class Desk:
    """Where the requests of one session are answered."""

    peer: Peer
    kill_cli: Callable[[], None]
    session_id: str
    options: SessionOptions
    paths: PathRule
    tally: Tally
    tools: dict[str, Tool] = attrs.field(factory=dict[str, Tool], init=False)
    unhandled_tools: set[str] = attrs.field(factory=set[str], init=False)
    """Names of tools that were declared without a handler; an open turn looks here."""
    _announced: dict[str, tuple[str, str]] = attrs.field(
        factory=dict[str, tuple[str, str]], init=False
    )
    """What is asked by JSON-RPC requests, by the ids that events give them."""

    def __attrs_post_init__(self) -> None:
        self.declare(by_name(tuple(self.options.tools)))

    def declare(self, tools: Mapping[str, Tool]) -> None:
        """Answer the calls of these tools, and of no others."""
        self.tools = dict(tools)
        self.unhandled_tools.clear()
        self.unhandled_tools |= {n for n, tool in tools.items() if tool.handler is None}

    # -- requests that are events

    def begin(self, event: SessionEvent, handlers: Handlers) -> None:
        """Start a handler if the event is a request."""
        ask = _ASKS.get(event.type)
        if ask is None:
            return
        data = as_object(event.payload)
        # An answer has to repeat the id: without one that can be sent there is none.
        if not has_half_pairs(as_text(data.get("requestId"))):
            ask(self, event, data, handlers)

    def end(self, event: SessionEvent, places: Iterable[Handlers]) -> None:
        """Cancel a handler if the event says that its request is over."""
        if event.type in _COMPLETIONS:
            request_id = as_text(as_object(event.payload).get("requestId"))
            announced = self._announced.pop(request_id, None)
            for handlers in places:
                handlers.complete(request_id)
                if announced is not None:
                    handlers.complete_served(*announced)
        elif event.type == "abort" and event.agent_id is None:
            self._announced.clear()
            for handlers in places:
                handlers.abort()

    def _tool_requested(
        self, event: SessionEvent, data: Mapping[str, Any], handlers: Handlers
    ) -> None:
        tool = self.tools.get(as_text(data.get("toolName")))
        if tool is None:
            return  # another client of this session declared it
        context = ToolContext(
            session_id=self.session_id,
            call_id=as_text(data.get("toolCallId")),
            tool_name=tool.name,
            working_directory=as_text(data.get("workingDirectory")),
            agent_id=event.agent_id,
        )
        request = self._open_request(
            data, f"tool {tool.name}", ANSWER_TOOL, CANCELLED.wire
        )
        if tool.handler is None:
            request.call_id = context.call_id
            handlers.begin(request, None)
        else:
            handlers.begin(request, partial(_call, handlers, tool, data, context))

    def _permission_requested(
        self, event: SessionEvent, data: Mapping[str, Any], handlers: Handlers
    ) -> None:
        if data.get("resolvedByHook") is True:
            return
        details = as_object(data.get("permissionRequest"))
        question = PermissionRequest(
            kind=as_text(details.get("kind")) or "unknown",
            call_id=as_text(details.get("toolCallId")),
            agent_id=event.agent_id,
            details=details,
            prompt=as_object(data.get("promptRequest")),
        )
        request = self._open_request(
            data, f"permission {question.kind}", ANSWER_PERMISSION, NOBODY_DECIDED
        )
        request.shared = True
        handlers.begin(request, partial(self._decide, question, handlers))

    async def _decide(self, question: PermissionRequest, handlers: Handlers) -> Answer:
        handler = self.options.on_permission_request
        try:
            decision = await handlers.verdicts.decide(handler, question)
            wire = _told(decision, lambda made: made.to_wire(question), "a permission")
            return Answer(wire)
        except Exception as error:  # noqa: BLE001  # fail closed, then raise it
            return Answer(HANDLER_FAILED.to_wire(question), error)

    def _form_requested(
        self, event: SessionEvent, data: Mapping[str, Any], handlers: Handlers
    ) -> None:
        fill_in = self.options.on_elicitation
        if fill_in is None:
            return  # another client of this session does that
        form = ElicitationRequest.from_wire(data)

        async def work() -> Answer:
            try:
                answer = await fill_in(form)
                return Answer(_told(answer, elicitation_to_wire, "a form"))
            except Exception as error:  # noqa: BLE001  # raised once it is answered
                return Answer(NOBODY_FILLED_IT_IN, error)

        label = "elicitation"
        request = self._open_request(data, label, ANSWER_FORM, NOBODY_FILLED_IT_IN)
        request.shared = True
        handlers.begin(request, work)

    def _question_announced(
        self, event: SessionEvent, data: Mapping[str, Any], handlers: Handlers
    ) -> None:
        label, field = _ANNOUNCEMENTS[event.type]
        subject = as_text(data.get(field))
        self._announced[as_text(data.get("requestId"))] = label, subject

    def _open_request(
        self, data: Mapping[str, Any], label: str, method: str, if_cancelled: Any
    ) -> OpenRequest:
        request_id = as_text(data.get("requestId"))

        def reply(result: Any) -> None:
            if result is UNANSWERED:
                return
            params = {"sessionId": self.session_id, "requestId": request_id}
            self.peer.submit_nowait(method, {**params, "result": result})

        return OpenRequest(
            request_id=request_id, label=label, reply=reply, if_cancelled=if_cancelled
        )

    # -- requests that are JSON-RPC ones

    async def serve(
        self, method: str, params: Mapping[str, Any], handlers: Handlers
    ) -> Any:
        """Answer a request of the CLI about this session.

        Raises:
          RpcError: that is the answer.
        """
        server = _SERVERS.get(method)
        if server is not None:
            return await server(self, params, handlers)
        return await self._serve_typed(method, params, handlers)

    async def _serve_typed(
        self, method: str, params: Mapping[str, Any], handlers: Handlers
    ) -> Any:
        work = typed_work(self.options.handlers, method, params)
        if work is None:
            raise RpcError(METHOD_NOT_FOUND, f"This client does not serve {method}")
        return await handlers.serve(method, TURN_CANCELLED, work)

    async def _ask_user(self, params: Mapping[str, Any], handlers: Handlers) -> Any:
        question = UserInputRequest.from_wire(params)
        work = _asking(self.options.on_user_input, question)
        return await _serve("user input", work, handlers, subject=question.question)

    async def _leave_plan_mode(
        self, params: Mapping[str, Any], handlers: Handlers
    ) -> Any:
        question = ExitPlanModeRequest.from_wire(params)
        work = _asking(self.options.on_exit_plan_mode, question)
        return await _serve("plan", work, handlers, subject=question.summary)

    async def _switch_mode(self, params: Mapping[str, Any], handlers: Handlers) -> Any:
        question = AutoModeSwitchRequest.from_wire(params)
        work = _asking(self.options.on_auto_mode_switch, question)
        return await _serve("mode switch", work, handlers)

    async def _transform_prompt(
        self, params: Mapping[str, Any], handlers: Handlers
    ) -> Any:
        message = self.options.system_message
        transform = partial(_transform, message, params) if message else None
        return await _serve("system message", transform, handlers, shared=False)

    async def _run_hook(self, params: Mapping[str, Any], handlers: Handlers) -> Any:
        hooks = self.options.hooks
        if hooks is None:
            raise RpcError(METHOD_NOT_FOUND, "This client has no hooks")

        async def work() -> Answer:
            return Answer(*await run_hook(hooks, params))

        moment = as_text(params.get("hookType"))
        # Any answer lets an abort that waits for the hook go on. But an error would let
        # the tool run.
        if_cancelled: Any = TURN_CANCELLED
        if moment == "preToolUse":
            if_cancelled = refusal(moment, "The turn was cancelled.")
        return await handlers.serve(f"hook {moment}", if_cancelled, work)


def _asking(
    handler: Callable[[Any], Awaitable[object]] | None,
    question: UserInputRequest | ExitPlanModeRequest | AutoModeSwitchRequest,
) -> Callable[[], Awaitable[Any]] | None:
    """Return what puts a question to a handler of the options, if there is one."""
    if handler is None:
        return None

    async def ask() -> Any:
        return _told(await handler(question), question.answer_to_wire, "a question")

    return ask


async def _transform(message: SystemMessage, params: Mapping[str, Any]) -> Any:
    return sendable(await message.transform(params), "The system message")


def _told(answer: object, to_wire: Callable[[Any], Any], question: str) -> Any:
    """Return what the CLI is told of a handler's answer.

    Raises:
      TypeError, ValueError: it is no answer, or the CLI could not read it.
    """
    if isinstance(answer, Abstain):
        return UNANSWERED
    return sendable(to_wire(answer), f"The answer to {question}")


async def _serve(
    label: str,
    ask: Callable[[], Awaitable[Any]] | None,
    handlers: Handlers,
    *,
    shared: bool = True,
    subject: str = "",
) -> Any:
    """Answer a request; an exception is raised in the handler's task afterwards."""
    if ask is None:
        raise RpcError(METHOD_NOT_FOUND, f"This client has no handler for {label}")

    async def work() -> Answer:
        try:
            return Answer(await ask())
        except Exception as error:  # noqa: BLE001  # raised once it is answered
            refused = RpcError(INTERNAL_ERROR, f"The handler for {label} failed")
            return Answer(refused, error)

    return await handlers.serve(
        label, TURN_CANCELLED, work, shared=shared, subject=subject
    )


async def _call(
    handlers: Handlers, tool: Tool, data: Mapping[str, Any], context: ToolContext
) -> Answer:
    with continued_trace(data):
        outcome = await run_tool(tool, data.get("arguments"), context)
    if outcome.error is not None:
        handlers.tool_errors[context.call_id] = outcome.error
        logger.info("Tool %s failed: %s", tool.name, type(outcome.error).__name__)
    return Answer(outcome.wire, outcome.error if tool.errors == "raise" else None)


_ASKS: dict[str, Callable[[Desk, SessionEvent, Mapping[str, Any], Handlers], None]] = {
    "elicitation.requested": Desk._form_requested,
    "exit_plan_mode.requested": Desk._question_announced,
    "external_tool.requested": Desk._tool_requested,
    "permission.requested": Desk._permission_requested,
    "user_input.requested": Desk._question_announced,
}
# What the JSON-RPC request is called here, and the field of it and of the event by which
# they are told to be the same.
_ANNOUNCEMENTS = {
    "exit_plan_mode.requested": ("plan", "summary"),
    "user_input.requested": ("user input", "question"),
}
_COMPLETIONS = frozenset(
    {
        "elicitation.completed",
        "exit_plan_mode.completed",
        "external_tool.completed",
        "permission.completed",
        "user_input.completed",
    }
)
REQUESTS = _COMPLETIONS | _ASKS.keys() | {"abort"}
"""Wire types of the events that `Desk.begin` and `Desk.end` look at."""
_SERVERS: dict[str, Callable[[Desk, Mapping[str, Any], Handlers], Awaitable[Any]]] = {
    "autoModeSwitch.request": Desk._switch_mode,
    "exitPlanMode.request": Desk._leave_plan_mode,
    "hooks.invoke": Desk._run_hook,
    "systemMessage.transform": Desk._transform_prompt,
    "userInput.request": Desk._ask_user,
}
