"""The tool calls of a scripted session, from the model's request to the result.

Strategy: a call is a state machine without tasks. `start` decides what comes first, the
client's answers move it on, `cancel` ends it; each step is taken at once, but what
follows from an answer only after that answer was confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from ._host import Json
from ._permissions import UNANSWERED, permission_request, verdict_of
from ._questions import ASK_USER, UserInputs
from ._script import Call
from ._session_state import ScriptedSessionState

INTERRUPTED = "The execution of this tool, or a previous tool was interrupted."


class SessionTools:
    """The tool calls of a session.

    Attributes:
      user_inputs: where `ask_user` asks.
      approved: the tools that were approved for the whole session.
      permissions: `{request id: the call that waits for a permission}`
      results: `{request id: the call that waits for its result}`
      running: the calls of the current model answer.
    """

    def __init__(self, session: ScriptedSessionState, user_inputs: UserInputs) -> None:
        self.user_inputs = user_inputs
        self.approved: set[str] = set()
        self.permissions: dict[str, ToolExecution] = {}
        self.results: dict[str, ToolExecution] = {}
        self.running: list[ToolExecution] = []
        self._session = session

    def begin(
        self,
        calls: Sequence[tuple[str, Call]],
        turn: Json,
        ended: Callable[[ToolExecution], None],
    ) -> list[ToolExecution]:
        """Announce the calls of one model answer; `start` executes each.

        Args:
          calls: what the model wants called, each with its id.
          turn: the ids of the turn, for the events.
          ended: called with each call when it has a result.
        """
        session = self._session
        self.running = [
            ToolExecution(session, self, call_id, call, turn, ended)
            for call_id, call in calls
        ]
        session.begin("tool_call")
        for call in self.running:
            call.announce()
        return self.running

    def interrupt(self) -> list[ToolExecution]:
        """Cancel the calls that are not over, and return them."""
        interrupted = [call for call in self.running if not call.done]
        for call in interrupted:
            call.cancel()
        return interrupted

    def clear(self) -> None:
        """Forget all calls: what is still to come of them has no effect."""
        for call in self.running:
            call.done = True
        self.running.clear()
        self.permissions.clear()
        self.results.clear()


class ToolExecution:
    """One call of a tool.

    Attributes:
      call_id: its id, chosen by the model.
      name: the tool's name.
      done: whether it is over, and the client knows.
      refused: whether the user rejected it without a reason, which ends the turn.
      output: what the model gets.
      error: what failed, if anything.
      denial: why a hook does not let it be executed.
      context: what hooks add to the conversation, as messages of the user.
    """

    def __init__(
        self,
        session: ScriptedSessionState,
        tools: SessionTools,
        call_id: str,
        call: Call,
        turn: Json,
        ended: Callable[[ToolExecution], None],
    ) -> None:
        self.call_id = call_id
        self.name: str = call.name
        self.done: bool = False
        self.refused: bool = False
        self.output: str = INTERRUPTED
        self.error: Json | None = None
        self.denial: str = ""
        self.context: list[str] = []
        self._session = session
        self._tools = tools
        self._turn = turn
        self._ended = ended
        self._allowed = False  # by a hook
        self._request_id = ""  # of the request that the client has to answer
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
    def message(self) -> Json:
        """The result as a message of the conversation."""
        return {"role": "tool", "tool_call_id": self.call_id, "content": self.output}

    def announce(self) -> None:
        """Send the event that the call is about to be executed."""
        turn_id = {"turnId": self._turn["turnId"]}
        self._session.emit("tool.execution_start", {**self._call, **turn_id})

    def obey(self, output: Json) -> None:
        """Apply what a hook returned before the call is executed."""
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
        session = self._session
        tool = session.tools.get(self.name)
        if self.denial:
            session.later(lambda: self._fail(self.denial, "denied"))
        elif self.name == ASK_USER and session.takes_questions:
            if "question" in self.arguments:
                ask = self._tools.user_inputs.ask
                ask(self.call_id, self.arguments, self._end)
            else:
                message = '"question": Required'
                self._fail(message, "failure", f"Invalid input: {message}")
        elif tool is None:
            self._fail(f"Tool '{self.name}' does not exist.", "failure")
        elif (
            self._allowed
            or tool.get("skipPermission")
            or self.name in self._tools.approved
        ):
            self._request()
        elif not session.takes_permissions:
            self._fail(UNANSWERED, "denied")
        else:
            self._request_id = session.host.new_id("permission")
            self._tools.permissions[self._request_id] = self
            request = permission_request(tool, self._call, self._request_id)
            session.emit("permission.requested", request)

    def decide(self, result: Json) -> None:
        """Take the client's answer to the request for permission."""
        verdict = verdict_of(result)
        if verdict.approved_for_session is not None:
            self._tools.approved.add(verdict.approved_for_session)
        self.refused = verdict.ends_turn
        self._complete_permission(verdict.outcome)
        refusal, code = verdict.refusal, verdict.code
        if refusal is None:
            self._session.later(self._request)
        else:
            self._session.later(lambda: self._fail(refusal, code))

    def answer(self, params: Json) -> None:
        """Take the client's result of the call."""
        self._complete_request()
        self._session.later(lambda: self._take(params))

    def cancel(self) -> None:
        """End the call because its turn was aborted; it gets no result."""
        if self._request_id in self._tools.permissions:
            reason = {"kind": "cancelled", "reason": "Session aborted"}
            self._complete_permission(reason)
        elif self._request_id in self._tools.results:
            self._complete_request()
        self.done = True

    def _request(self) -> None:
        if self.done:  # aborted between the permission and the request
            return
        self._request_id = self._session.host.new_id("tool")
        self._tools.results[self._request_id] = self
        self._session.emit(
            "external_tool.requested",
            {
                "requestId": self._request_id,
                "sessionId": self._session.id,
                **self._call,
                "workingDirectory": self._session.directory,
            },
        )

    def _complete_permission(self, outcome: Json) -> None:
        del self._tools.permissions[self._request_id]
        ids = {"requestId": self._request_id, "toolCallId": self.call_id}
        self._session.emit("permission.completed", {**ids, "result": outcome})

    def _complete_request(self) -> None:
        del self._tools.results[self._request_id]
        self._session.emit("external_tool.completed", {"requestId": self._request_id})

    # -- its result

    def _take(self, params: Json) -> None:
        result: Any = params.get("result")
        if "error" in params:
            arguments = json.dumps(self._call["arguments"], separators=(",", ":"))
            message = "Tool execution failed"
            text = f"Failed to execute `{self.name}` tool with arguments: {arguments} "
            self._fail(message, "failure", text + f"due to error: Error: {message}")
        elif not isinstance(result, dict):
            self._end("" if result is None else str(result))
        else:
            details = cast("Json", result)
            text, kind = details.get("textResultForLlm", ""), details.get("resultType")
            if kind in (None, "success"):
                self._end(text)
            else:
                self._fail(details.get("error") or text, kind, text)

    def _fail(self, message: str, code: str, output: str | None = None) -> None:
        self.error = {"message": message, "code": code}
        self._end(message if output is None else output)

    def _end(self, output: str) -> None:
        if self.done:  # aborted between the answer and its effect
            return
        self.output = output
        executed = self.error is None or self.error["code"] == "failure"
        if not (executed and self._session.has_hooks):  # else the hook comes first
            self.complete()
        self._ended(self)

    def amend(self, output: Json) -> None:
        """Apply what a hook returned about the result."""
        guidance = output.get("additionalContext")
        if self.error is not None:
            if guidance:
                self.context.append(
                    f'Tool "{self.name}" failed. '
                    f"Additional guidance from postToolUseFailure hooks:\n{guidance}"
                )
            return
        changed = cast("Json", output.get("modifiedResult") or {})
        self.output = str(changed.get("textResultForLlm", self.output))
        if guidance:
            self.output += (
                f'\n\nTool "{self.name}" succeeded. '
                f"Additional guidance from postToolUse hooks:\n{guidance}"
            )

    def complete(self) -> None:
        """Send the event that the call is over."""
        self.done = True
        outcome: Json = {"success": self.error is None}
        if self.error is None:
            text = self.output
            outcome["result"] = {"content": text, "detailedContent": text}
        else:
            outcome["error"] = self.error
        data = {"toolCallId": self.call_id, **self._turn, **outcome}
        self._session.emit("tool.execution_complete", data)


def facts_of(interrupted: Sequence[ToolExecution]) -> Json:
    """Return what `agent.interrupted` reports of the calls that were under way."""
    names = [call.name for call in interrupted]
    return {
        "toolCallIds": [call.call_id for call in interrupted],
        "toolNames": names,
        "safeToolNames": [name for name in names if name == ASK_USER],
    }
