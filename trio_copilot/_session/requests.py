"""What the CLI asks a session, and which handler answers: two tables, an entry per kind.

Tool calls, permissions and forms arrive as events and are answered by a call. Questions
and hooks are JSON-RPC requests, whose result is the answer. The router finds the handler
in the session's options; `RunningRequests` runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import attrs

from .._errors import RpcError
from .._json import as_object, as_text
from .._peer import UNANSWERED
from .._protocol.envelope import SessionEvent
from .._telemetry import continued_trace
from .._tools.declare import Tool, ToolContext
from .._tools.run import CANCELLED, by_name, run_tool
from .._wire.codes import INTERNAL_ERROR, METHOD_NOT_FOUND, REQUEST_CANCELLED
from .._wire.encoding import sendable
from .._wire.text import has_half_pairs
from .hooks import refusal, run_hook
from .modes import AutoModeSwitchRequest, ExitPlanModeRequest
from .options import SessionOptions
from .permissions import HANDLER_FAILED, Abstain, PermissionRequest
from .questions import ElicitationRequest, UserInputRequest, elicitation_to_wire
from .running import HandlerResult, OpenRequest, RunningRequests
from .typed_handlers import typed_handler

logger = logging.getLogger("trio_copilot.session")

ANSWER_TOOL = "session.tools.handlePendingToolCall"
ANSWER_PERMISSION = "session.permissions.handlePendingPermissionRequest"
ANSWER_FORM = "session.ui.handlePendingElicitation"
NOBODY_DECIDED = {"kind": "user-not-available"}
NOBODY_FILLED_IT_IN = {"action": "cancel"}

ENDINGS = (
    "abort",
    "elicitation.completed",
    "exit_plan_mode.completed",
    "external_tool.completed",
    "permission.completed",
    "user_input.completed",
)
"""Events that end one request, or (`abort`) all of them."""

# Announced JSON-RPC requests: {event: (label of the request, field that both have)}
_ANNOUNCEMENTS = {
    "exit_plan_mode.requested": ("plan", "summary"),
    "user_input.requested": ("user input", "question"),
}

TURN_CANCELLED = RpcError(REQUEST_CANCELLED, "The turn was cancelled")

Payload = Mapping[str, Any]


@attrs.define(eq=False)
class RequestRouter:
    """Finds what answers each request of one session."""

    _options: SessionOptions
    _send: Callable[[str, dict[str, Any]], object]
    """Calls a method about the session; neither blocks nor waits for the answer."""
    tools: dict[str, Tool] = attrs.field(factory=dict[str, Tool], init=False)
    unhandled_tools: set[str] = attrs.field(factory=set[str], init=False)
    """Names of the tools without a handler. A turn holds on to this set, so it changes in
    place."""
    # {request id: (label, subject)}: the event that announces a JSON-RPC request has an
    # id that the request lacks, and the event that ends it repeats that id.
    _announced: dict[str, tuple[str, str]] = attrs.field(
        factory=dict[str, tuple[str, str]], init=False
    )

    def __attrs_post_init__(self) -> None:
        self.declare(by_name(tuple(self._options.tools)))

    def declare(self, tools: Mapping[str, Tool]) -> None:
        """Answer the calls of these tools, and of no others."""
        self.tools = dict(tools)
        self.unhandled_tools.clear()
        self.unhandled_tools |= {n for n, tool in tools.items() if tool.handler is None}

    # -- requests that are events

    def begin(
        self, event: SessionEvent, session_id: str, running: RunningRequests
    ) -> None:
        """Start the handler of a request; `event` is one of `BEGINNINGS`."""
        data = as_object(event.payload)
        # The answer has to repeat the id; an id that cannot be sent gets no answer.
        if not has_half_pairs(as_text(data.get("requestId"))):
            self.BEGINNINGS[event.type](self, event, data, session_id, running)

    def end(self, event: SessionEvent, places: Iterable[RunningRequests]) -> None:
        """Cancel the handlers of what is over; `event` is one of `ENDINGS`."""
        if event.type != "abort":
            request_id = as_text(as_object(event.payload).get("requestId"))
            announced = self._announced.pop(request_id, None)
            for running in places:
                running.complete(request_id)
                if announced is not None:
                    running.complete_announced(*announced)
        elif event.agent_id is None:
            self._announced.clear()
            for running in places:
                running.abort()

    def _tool_requested(
        self,
        event: SessionEvent,
        data: Payload,
        session_id: str,
        running: RunningRequests,
    ) -> None:
        tool = self.tools.get(as_text(data.get("toolName")))
        if tool is None:
            return  # another client of this session declared it
        context = ToolContext(
            session_id=session_id,
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
            running.begin(request, None)
        else:
            running.begin(request, partial(_call_tool, running, tool, data, context))

    def _permission_requested(
        self,
        event: SessionEvent,
        data: Payload,
        session_id: str,
        running: RunningRequests,
    ) -> None:
        if data.get("resolvedByHook") is True:
            return
        details = as_object(data.get("permissionRequest"))
        permission = PermissionRequest(
            kind=as_text(details.get("kind")) or "unknown",
            call_id=as_text(details.get("toolCallId")),
            agent_id=event.agent_id,
            details=details,
            prompt=as_object(data.get("promptRequest")),
        )
        request = self._open_request(
            data, f"permission {permission.kind}", ANSWER_PERMISSION, NOBODY_DECIDED
        )
        request.shared = True
        ask = partial(
            _ask,
            partial(running.verdicts.decide, self._options.on_permission_request),
            permission,
            lambda decision: decision.to_wire(permission),
            "a permission",
        )
        failed = HANDLER_FAILED.to_wire(permission)  # fail closed
        running.begin(request, partial(_run, ask, failed))

    def _form_requested(
        self,
        event: SessionEvent,
        data: Payload,
        session_id: str,
        running: RunningRequests,
    ) -> None:
        handler = self._options.on_elicitation
        if handler is None:
            return  # another client of this session fills in forms
        request = self._open_request(
            data, "elicitation", ANSWER_FORM, NOBODY_FILLED_IT_IN
        )
        request.shared = True
        form = ElicitationRequest.from_wire(data)
        ask = partial(_ask, handler, form, elicitation_to_wire, "a form")
        running.begin(request, partial(_run, ask, NOBODY_FILLED_IT_IN))

    def _announce(
        self,
        event: SessionEvent,
        data: Payload,
        session_id: str,
        running: RunningRequests,
    ) -> None:
        # The request itself comes later, over JSON-RPC.
        label, field = _ANNOUNCEMENTS[event.type]
        subject = as_text(data.get(field))
        self._announced[as_text(data.get("requestId"))] = label, subject

    def _open_request(
        self, data: Payload, label: str, method: str, if_cancelled: Any
    ) -> OpenRequest:
        request_id = as_text(data.get("requestId"))

        def reply(answer: Any) -> None:
            if answer is not UNANSWERED:
                self._send(method, {"requestId": request_id, "result": answer})

        return OpenRequest(
            request_id=request_id, label=label, reply=reply, if_cancelled=if_cancelled
        )

    BEGINNINGS: ClassVar[
        dict[
            str,
            Callable[
                [RequestRouter, SessionEvent, Payload, str, RunningRequests], None
            ],
        ]
    ] = {
        "elicitation.requested": _form_requested,
        "exit_plan_mode.requested": _announce,
        "external_tool.requested": _tool_requested,
        "permission.requested": _permission_requested,
        "user_input.requested": _announce,
    }
    """Events that ask for something, or announce a JSON-RPC request that does."""

    # -- JSON-RPC requests

    async def answer(
        self, method: str, params: Payload, running: RunningRequests
    ) -> Any:
        """Answer a JSON-RPC request about this session.

        Raises:
          RpcError: the request is refused.
        """
        answer = self._METHODS.get(method)
        if answer is not None:
            return await answer(self, params, running)
        work = typed_handler(self._options.handlers, method, params)
        if work is None:
            raise RpcError(METHOD_NOT_FOUND, f"This client does not answer {method}")
        return await running.answer(method, TURN_CANCELLED, work)

    async def _ask_user(self, params: Payload, running: RunningRequests) -> Any:
        request = UserInputRequest.from_wire(params)
        handler = self._options.on_user_input
        subject = request.question
        return await _answer_with(handler, request, "user input", running, subject)

    async def _leave_plan_mode(self, params: Payload, running: RunningRequests) -> Any:
        request = ExitPlanModeRequest.from_wire(params)
        handler = self._options.on_exit_plan_mode
        return await _answer_with(handler, request, "plan", running, request.summary)

    async def _switch_mode(self, params: Payload, running: RunningRequests) -> Any:
        request = AutoModeSwitchRequest.from_wire(params)
        handler = self._options.on_auto_mode_switch
        return await _answer_with(handler, request, "mode switch", running)

    async def _transform_prompt(self, params: Payload, running: RunningRequests) -> Any:
        label, message = "system message", self._options.system_message
        if message is None:
            raise _no_handler(label)

        async def transform() -> Any:
            return sendable(await message.transform(params), "The system message")

        work = partial(_run, transform, _failed(label))
        return await running.answer(label, TURN_CANCELLED, work)

    async def _run_hook(self, params: Payload, running: RunningRequests) -> Any:
        hooks = self._options.hooks
        if hooks is None:
            raise RpcError(METHOD_NOT_FOUND, "This client has no hooks")

        async def work() -> HandlerResult:
            return HandlerResult(*await run_hook(hooks, params))

        hook = as_text(params.get("hookType"))
        # The CLI holds up an abort until the hook has answered. Any answer will do, but
        # after an error the CLI would run the tool.
        if_cancelled: Any = TURN_CANCELLED
        if hook == "preToolUse":
            if_cancelled = refusal(hook, "The turn was cancelled.")
        return await running.answer(f"hook {hook}", if_cancelled, work)

    _METHODS: ClassVar[
        dict[str, Callable[[RequestRouter, Payload, RunningRequests], Awaitable[Any]]]
    ] = {
        "autoModeSwitch.request": _switch_mode,
        "exitPlanMode.request": _leave_plan_mode,
        "hooks.invoke": _run_hook,
        "systemMessage.transform": _transform_prompt,
        "userInput.request": _ask_user,
    }


async def _answer_with(
    handler: Callable[[Any], Awaitable[object]] | None,
    request: UserInputRequest | ExitPlanModeRequest | AutoModeSwitchRequest,
    label: str,
    running: RunningRequests,
    subject: str = "",
) -> Any:
    """Run a handler of the options for a JSON-RPC request, and return the result."""
    if handler is None:
        raise _no_handler(label)
    ask = partial(_ask, handler, request, request.answer_to_wire, "a question")
    return await running.answer(
        label,
        TURN_CANCELLED,
        partial(_run, ask, _failed(label)),
        shared=True,
        subject=subject,
    )


async def _run(ask: Callable[[], Awaitable[Any]], if_failed: Any) -> HandlerResult:
    """Run a handler. What it raises is raised again once `if_failed` has been sent."""
    try:
        return HandlerResult(await ask())
    except Exception as error:  # noqa: BLE001  # raised once it is answered
        return HandlerResult(if_failed, error)


async def _ask(
    handler: Callable[[Any], Awaitable[Any]],
    request: object,
    to_wire: Callable[[Any], Any],
    name: str,
) -> Any:
    """Call a handler, and return its answer for the wire.

    Raises:
      TypeError, ValueError: the answer does not fit, or the CLI could not read it.
    """
    answer = await handler(request)
    if isinstance(answer, Abstain):
        return UNANSWERED
    return sendable(to_wire(answer), f"The answer to {name}")


async def _call_tool(
    running: RunningRequests, tool: Tool, data: Payload, context: ToolContext
) -> HandlerResult:
    with continued_trace(data):
        outcome = await run_tool(tool, data.get("arguments"), context)
    if outcome.error is not None:
        running.tool_errors[context.call_id] = outcome.error
        logger.info("Tool %s failed: %s", tool.name, type(outcome.error).__name__)
    return HandlerResult(
        outcome.wire, outcome.error if tool.errors == "raise" else None
    )


def _no_handler(label: str) -> RpcError:
    return RpcError(METHOD_NOT_FOUND, f"This client has no handler for {label}")


def _failed(label: str) -> RpcError:
    return RpcError(INTERNAL_ERROR, f"The handler for {label} failed")
