"""The hooks of a session: the client is asked at fixed points of the work, and obeyed.

Whatever a hook does not say, or says by failing, is that the work goes on. An abort
waits for the answer of a hook, and then for the next point at which the work can be
left: see `ScriptedSession.heed_abort`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._json import as_object
from ._callbacks import result_of
from ._host import Json

if TYPE_CHECKING:
    from ._session import ScriptedSession
    from ._tool_calls import ToolCall

OBEYING = 0.002
"""Seconds from the answer of a hook to its effect."""


class Hooks:
    """The hooks of one session; without the option `hooks` nobody is asked.

    Attributes:
      pending: whether the session waits for the client.
      source: what the next prompt begins, `"new"` or `"resume"`, or nothing.
    """

    def __init__(self, session: ScriptedSession) -> None:
        self.pending = False
        self.source: str | None = "new"
        self._goes_on = False  # because a hook would not let the agent stop
        self._session = session

    @property
    def on(self) -> bool:
        """Whether the client has hooks."""
        return self._session.options.get("hooks") is True

    async def invoke(self, kind: str, **details: Any) -> Json:
        """Ask a hook between its two events, and return its output."""
        if not self.on:
            return {}
        session = self._session
        where = {"timestamp": session.host.milliseconds(), "cwd": session.directory}
        about: Json = {"sessionId": session.id, **details, **where}
        invocation = self._begin(kind, about)
        output = await self._ask(kind, about)
        said = {"modifiedResult": True} if "modifiedResult" in output else {}
        self._end(invocation, {**output, **said})
        return output

    def _begin(self, kind: str, about: Json) -> Json:
        invocation = self._session.host.new_id("hook")
        ids: Json = {"hookInvocationId": invocation, "hookType": kind}
        self._session.emit("hook.start", {**ids, "input": about})
        return ids

    def _end(self, invocation: Json, output: Json) -> None:
        said = {"output": output} if output else {}
        self._session.emit("hook.end", {**invocation, "success": True, **said})

    async def _ask(self, kind: str, about: Json) -> Json:
        session = self._session
        question = {"sessionId": session.id, "hookType": kind, "input": about}
        self.pending = True
        try:
            answer = await session.host.callbacks.request("hooks.invoke", question)
            await session.host.agenda.pause(OBEYING)
        finally:
            self.pending = False
        return dict(as_object(as_object(result_of(answer)).get("output")))

    # -- prompts

    async def start_session(self, prompt: str) -> Json | None:
        """Say that the session begins; return the message that a hook adds to it."""
        if self.source is None:
            return None
        source, self.source = self.source, None
        output = await self.invoke("sessionStart", source=source, initialPrompt=prompt)
        await self._session.heed_abort()
        context = output.get("additionalContext")
        return {"role": "user", "content": context} if context else None

    async def transform(self, prompt: str) -> str | None:
        """Return what the model gets to see of a prompt; nothing if it is blocked."""
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
        """Say that a prompt is answered; a hook may have the agent go on."""
        where = f"/scripted/session-state/{self._session.id}/events.jsonl"
        output = await self.invoke(
            "agentStop",
            transcriptPath=where,
            stopReason="end_turn",
            stop_hook_active=self._goes_on,
        )
        await self._session.heed_abort()
        reason = output.get("reason")
        self._goes_on = output.get("decision") == "block" and bool(reason)
        if self._goes_on:
            self._session.go_on(str(reason))

    # -- tools

    async def before_tools(self, calls: Sequence[ToolCall]) -> None:
        """Let the hook look at the calls of one answer, one after the other."""
        if not self.on:
            return
        session = self._session
        wishes = [
            {"id": call.call_id, "name": call.name, "args": call.arguments}
            for call in calls
        ]
        where: Json = {"sessionId": session.id, "cwd": session.directory}
        invocation = self._begin("preToolUse", {**where, "toolCalls": wishes})
        for call in calls:
            now = {"timestamp": session.host.milliseconds()}
            about = {"toolName": call.name, "toolArgs": call.arguments}
            call.obey(await self._ask("preToolUse", {**where, **now, **about}))
        self._end(
            invocation, {call.call_id: call.denial for call in calls if call.denial}
        )
        await session.heed_abort()

    async def after_tool(self, call: ToolCall) -> None:
        """Let the hook look at the result of a call."""
        about: Json = {"toolName": call.name, "toolArgs": call.arguments}
        if call.error is None:
            result = {"textResultForLlm": call.output, "resultType": "success"}
            output = await self.invoke("postToolUse", **about, toolResult=result)
        else:
            error = call.error["message"]
            output = await self.invoke("postToolUseFailure", **about, error=error)
        call.amend(output)

    # -- the end

    async def report(self, message: str) -> None:
        """Say that a model call has failed."""
        error = {"name": "Error", "message": message, "stack": f"Error: {message}"}
        about: Json = {"errorContext": "model_call", "recoverable": True}
        await self.invoke("errorOccurred", error=error, **about)
        await self._session.heed_abort()
