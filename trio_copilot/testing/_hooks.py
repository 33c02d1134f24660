"""The hooks of a scripted session: the client is asked at fixed points, and obeyed.

A hook that leaves something out, or fails, lets the work go on as it is. An abort waits
for the answer of a hook, and then for the next point at which the work can be left: see
`PromptQueue.heed_abort`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._json import as_object
from ._callbacks import result_of
from ._host import Json
from ._prompt_queue import PromptQueue
from ._session_state import ScriptedSessionState
from ._tool_calls import ToolExecution

OBEYING = 0.002
"""Seconds from the answer of a hook to its effect."""


class HookInvoker:
    """Asks the client's hooks; without the option `hooks` it asks nothing.

    Attributes:
      source: how the session began, for the next prompt: `"new"` or `"resume"`; `None`
          once a hook knows it.
    """

    def __init__(self, session: ScriptedSessionState, queue: PromptQueue) -> None:
        self.source: str | None = "new"
        self._session = session
        self._queue = queue
        self._continued = False  # because a hook did not let the agent stop

    async def invoke(self, kind: str, **details: Any) -> Json:
        """Ask a hook between its two events, and return its output."""
        session = self._session
        if not session.has_hooks:
            return {}
        where = {"timestamp": session.host.milliseconds(), "cwd": session.directory}
        invocation: Json = {"sessionId": session.id, **details, **where}
        ids = self._begin(kind, invocation)
        output = await self._ask(kind, invocation)
        shown = {"modifiedResult": True} if "modifiedResult" in output else {}
        self._end(ids, {**output, **shown})
        return output

    def _begin(self, kind: str, invocation: Json) -> Json:
        hook_id = self._session.host.new_id("hook")
        ids: Json = {"hookInvocationId": hook_id, "hookType": kind}
        self._session.emit("hook.start", {**ids, "input": invocation})
        return ids

    def _end(self, ids: Json, output: Json) -> None:
        shown = {"output": output} if output else {}
        self._session.emit("hook.end", {**ids, "success": True, **shown})

    async def _ask(self, kind: str, invocation: Json) -> Json:
        session = self._session
        params = {"sessionId": session.id, "hookType": kind, "input": invocation}
        session.in_hook = True
        try:
            answer = await session.host.client.callbacks.request("hooks.invoke", params)
            await session.host.agenda.pause(OBEYING)
        finally:  # only now: an abort waits until the answer has taken effect
            session.in_hook = False
        return dict(as_object(as_object(result_of(answer)).get("output")))

    # -- prompts

    async def start_session(self, prompt: str) -> Json | None:
        """Report that the session begins; return the message that a hook adds to it."""
        if self.source is None:
            return None
        source, self.source = self.source, None
        output = await self.invoke("sessionStart", source=source, initialPrompt=prompt)
        await self._queue.heed_abort()
        context = output.get("additionalContext")
        return {"role": "user", "content": context} if context else None

    async def transform(self, prompt: str) -> str | None:
        """Return what the model gets to see of a prompt; `None` if it is blocked."""
        output = await self.invoke("userPromptSubmitted", prompt=prompt)
        if output.get("decision") == "block" and output.get("reason"):
            refusal = {"warningType": "policy_blocked", "message": output["reason"]}
            self._session.emit("session.warning", refusal)
            return None
        prompt = output.get("modifiedPrompt", prompt)
        now = self._session.host.now()
        seen = f"<current_datetime>{now}</current_datetime>\n\n{prompt}".rstrip()
        if context := output.get("additionalContext"):
            seen += f"\n\n<system_reminder>\n{context}\n</system_reminder>"
        output = await self.invoke(
            "userPromptTransformed", prompt=prompt, transformedPrompt=seen
        )
        return str(output.get("modifiedTransformedPrompt", seen))

    async def stop_agent(self) -> None:
        """Report that a prompt is answered; a hook may make the agent continue."""
        where = f"/scripted/session-state/{self._session.id}/events.jsonl"
        output = await self.invoke(
            "agentStop",
            transcriptPath=where,
            stopReason="end_turn",
            stop_hook_active=self._continued,
        )
        await self._queue.heed_abort()
        reason = output.get("reason")
        self._continued = output.get("decision") == "block" and bool(reason)
        if self._continued:
            self._queue.go_on(str(reason))

    # -- tools

    async def before_tools(self, calls: Sequence[ToolExecution]) -> None:
        """Show the calls of one answer to the hook, one after the other."""
        session = self._session
        if not session.has_hooks:
            return
        tool_calls = [
            {"id": call.call_id, "name": call.name, "args": call.arguments}
            for call in calls
        ]
        where: Json = {"sessionId": session.id, "cwd": session.directory}
        ids = self._begin("preToolUse", {**where, "toolCalls": tool_calls})
        for call in calls:
            now = {"timestamp": session.host.milliseconds()}
            details = {"toolName": call.name, "toolArgs": call.arguments}
            call.obey(await self._ask("preToolUse", {**where, **now, **details}))
        self._end(ids, {call.call_id: call.denial for call in calls if call.denial})
        await self._queue.heed_abort()

    async def after_tool(self, call: ToolExecution) -> None:
        """Show the result of a call to the hook."""
        details: Json = {"toolName": call.name, "toolArgs": call.arguments}
        if call.error is None:
            result = {"textResultForLlm": call.output, "resultType": "success"}
            output = await self.invoke("postToolUse", **details, toolResult=result)
        else:
            error = call.error["message"]
            output = await self.invoke("postToolUseFailure", **details, error=error)
        call.amend(output)

    # -- errors

    async def report(self, message: str) -> None:
        """Report that a model call has failed."""
        error = {"name": "Error", "message": message, "stack": f"Error: {message}"}
        details: Json = {"errorContext": "model_call", "recoverable": True}
        await self.invoke("errorOccurred", error=error, **details)
        await self._queue.heed_abort()
