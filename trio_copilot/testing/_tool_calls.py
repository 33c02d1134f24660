"""One call of a client's tool, from the model's wish to the result that it gets.

Strategy: a state machine without tasks. `start` says what comes first, the client's
answers move it on, `cancel` ends it; each step is taken at once, and what follows an
answer only after that answer was confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from . import _events as events
from ._host import Json
from ._questions import ASK_USER
from ._script import Call

if TYPE_CHECKING:
    from ._session import ScriptedSession

INTERRUPTED = "The execution of this tool, or a previous tool was interrupted."

_UNANSWERED = "denied-no-approval-rule-and-could-not-request-from-user"

_MALFORMED = (
    "native tool permission flow failed: GenericFailure, permission host returned "
    "malformed payload"
)
_EXPECTED = (
    "expected one of `approve-once`, `approve-for-session`, `approve-for-location`, "
    "`reject`, `user-not-available`, `approved`"
)

NOBODY_ANSWERED = (
    "Permission denied and could not request permission from user. Copilot needed the "
    "user's approval and no one could answer."
)


class ToolCall:
    """A tool call of a scripted session.

    Attributes:
      done: whether it is over, and the client knows.
      refused: whether the user said no and nothing else, which ends the turn.
      output: what the model is told.
      error: what failed, if anything.
      denial: why a hook does not let it be executed.
      context: what hooks tell the model besides, as messages of the user.
    """

    def __init__(
        self,
        session: ScriptedSession,
        call: Call,
        turn: Json,
        call_id: str,
        ended: Callable[[ToolCall], None],
    ) -> None:
        self.done = False
        self.refused = False
        self.output = INTERRUPTED
        self.error: Json | None = None
        self.denial = ""
        self.context: list[str] = []
        self._allowed = False  # by a hook
        self.call_id = call_id
        self.name = call.name
        self._session = session
        self._turn = turn
        self._ended = ended
        self._request_id = ""
        self._call: Json = {
            "toolCallId": call_id,
            "toolName": call.name,
            "arguments": dict(call.arguments),
        }

    @property
    def arguments(self) -> Json:
        """What it is called with."""
        return cast("Json", self._call["arguments"])

    @property
    def _approved(self) -> bool:
        return self.name in self._session.approved

    @property
    def message(self) -> Json:
        """The result as a message of the conversation."""
        return {"role": "tool", "tool_call_id": self.call_id, "content": self.output}

    def announce(self) -> None:
        """Say that the call is about to be executed."""
        turn_id = {"turnId": self._turn["turnId"]}
        self._session.emit("tool.execution_start", {**self._call, **turn_id})

    def obey(self, output: Json) -> None:
        """Do what a hook says about the call before it is executed."""
        self._call["arguments"] = output.get("modifiedArgs", self.arguments)
        decision = output.get("permissionDecision")
        if decision == "deny":
            reason = output.get("permissionDecisionReason", "No reason provided")
            self.denial = f"Denied by preToolUse hook: {reason}"
        self._allowed = decision == "allow"
        if context := output.get("additionalContext"):
            self.context.append(f"Additional context from preToolUse hook:\n{context}")

    def start(self) -> None:
        """Ask for permission, ask for the result, or refuse: whatever comes first."""
        tool = self._session.tools.get(self.name)
        if self.denial:
            self._session.later(lambda: self._fail(self.denial, "denied"))
        elif self.name == ASK_USER and self._session.user_inputs.on:
            self._ask_user()
        elif tool is None:
            self._fail(f"Tool '{self.name}' does not exist.", "failure")
        elif self._allowed or tool.get("skipPermission") or self._approved:
            self._request()
        elif self._session.options.get("requestPermission") is not True:
            self._fail(NOBODY_ANSWERED, "denied")
        else:
            self._request_id = self._session.host.new_id("permission")
            self._session.permissions[self._request_id] = self
            request = events.permission_request(tool, self._call, self._request_id)
            self._session.emit("permission.requested", request)

    def _ask_user(self) -> None:
        if "question" in self.arguments:
            inputs = self._session.user_inputs
            inputs.ask(self.call_id, self.arguments, self._succeed)
        else:
            message = '"question": Required'
            self._fail(message, "failure", f"Invalid input: {message}")

    def decide(self, result: Json) -> None:
        """Take the client's answer to the request for permission."""
        match result.get("kind"):
            case "approve-once" | "approve-for-location" | "approved":
                self._approve({"kind": "approved"})
            case "approve-for-session":
                self._approve_for_session(result.get("approval"))
            case "reject":
                self._reject(result.get("feedback"))
            case "user-not-available":
                self._complete_permission({"kind": _UNANSWERED})
                self._session.later(lambda: self._fail(NOBODY_ANSWERED, "denied"))
            case kind:
                self._complete_permission({"kind": kind})
                message = f"{_MALFORMED}: unknown variant `{kind}`, {_EXPECTED}"
                self._session.later(lambda: self._fail(message, "failure"))

    def _approve(self, result: Json) -> None:
        self._complete_permission(result)
        self._session.later(self._request)

    def _approve_for_session(self, approval: Json | None) -> None:
        if approval is None:  # the CLI does not guess what is meant
            self._approve({"kind": "approved"})
            return
        self._session.approved.add(approval.get("toolName", ""))
        self._approve({"kind": "approved-for-session", "approval": approval})

    def _reject(self, feedback: str | None) -> None:
        said = {} if feedback is None else {"feedback": feedback}
        self._complete_permission({"kind": "denied-interactively-by-user", **said})
        message = "The user rejected this tool call."
        if feedback:
            told, code = f"{message} User feedback: {feedback}", "denied"
        else:  # the CLI takes a bare no for "stop": the whole turn ends
            told, code = message, "rejected"
            self.refused = True
        self._session.later(lambda: self._fail(told, code))

    def answer(self, params: Json) -> None:
        """Take the client's result of the call."""
        self._complete_request()
        self._session.later(lambda: self._take(params))

    def cancel(self) -> None:
        """End the call because its turn was aborted; the client is told no result."""
        if self._request_id in self._session.permissions:
            reason = {"kind": "cancelled", "reason": "Session aborted"}
            self._complete_permission(reason)
        elif self._request_id in self._session.calls:
            self._complete_request()
        self.done = True

    def _request(self) -> None:
        if self.done:  # aborted between the permission and the request
            return
        self._request_id = self._session.host.new_id("tool")
        self._session.calls[self._request_id] = self
        self._session.emit(
            "external_tool.requested",
            {
                "requestId": self._request_id,
                "sessionId": self._session.id,
                **self._call,
                "workingDirectory": self._session.directory,
            },
        )

    def _complete_permission(self, result: Json) -> None:
        del self._session.permissions[self._request_id]
        ids = {"requestId": self._request_id, "toolCallId": self.call_id}
        self._session.emit("permission.completed", {**ids, "result": result})

    def _complete_request(self) -> None:
        del self._session.calls[self._request_id]
        self._session.emit("external_tool.completed", {"requestId": self._request_id})

    def _take(self, params: Json) -> None:
        result: Any = params.get("result")
        if "error" in params:
            arguments = json.dumps(self._call["arguments"], separators=(",", ":"))
            message = "Tool execution failed"
            told = f"Failed to execute `{self.name}` tool with arguments: {arguments} "
            self._fail(message, "failure", told + f"due to error: Error: {message}")
        elif not isinstance(result, dict):
            self._succeed("" if result is None else str(result))
        else:
            self._take_result(cast("Json", result))

    def _take_result(self, result: Json) -> None:
        told, kind = result.get("textResultForLlm", ""), result.get("resultType")
        if kind in (None, "success"):
            self._succeed(told)
        else:
            self._fail(result.get("error") or told, kind, told)

    def _succeed(self, text: str) -> None:
        self._end(text)

    def _fail(self, message: str, code: str, told: str | None = None) -> None:
        self.error = {"message": message, "code": code}
        self._end(message if told is None else told)

    def _end(self, output: str) -> None:
        if self.done:  # aborted between the answer and its effect
            return
        self.output = output
        executed = self.error is None or self.error["code"] == "failure"
        if not (executed and self._session.hooks.on):
            self.complete()
        self._ended(self)

    def amend(self, output: Json) -> None:
        """Do what a hook says about the result."""
        guidance = output.get("additionalContext")
        if self.error is not None:
            if guidance:
                self.context.append(self._guidance("failed", guidance))
            return
        changed = cast("Json", output.get("modifiedResult") or {})
        self.output = str(changed.get("textResultForLlm", self.output))
        if guidance:
            self.output += f"\n\n{self._guidance('succeeded', guidance)}"

    def _guidance(self, fate: str, guidance: str) -> str:
        hook = "postToolUse" if fate == "succeeded" else "postToolUseFailure"
        told = f"Additional guidance from {hook} hooks:\n{guidance}"
        return f'Tool "{self.name}" {fate}. {told}'

    def complete(self) -> None:
        """Say that the call is over."""
        self.done = True
        outcome: Json = {"success": self.error is None}
        if self.error is None:
            text = self.output
            outcome["result"] = {"content": text, "detailedContent": text}
        else:
            outcome["error"] = self.error
        data = {"toolCallId": self.call_id, **self._turn, **outcome}
        self._session.emit("tool.execution_complete", data)


def facts_of(interrupted: Sequence[ToolCall]) -> Json:
    """Return what `agent.interrupted` says of the calls that were under way."""
    names = [call.name for call in interrupted]
    return {
        "toolCallIds": [call.call_id for call in interrupted],
        "toolNames": names,
        "safeToolNames": [name for name in names if name == ASK_USER],
    }
