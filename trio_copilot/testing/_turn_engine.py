"""Answers the prompts of a scripted session: the task that runs while there are any.

Read from top to bottom it is a turn: `TurnEngine.work` takes prompts until there are none,
`_Interaction.run` makes model calls until one brings no more tools, `_ask` repeats a call
that failed. Whatever is awaited may be aborted; the abort itself, and its events, are in
`_prompt_queue`.
"""

from __future__ import annotations

from typing import Any

import attrs
import trio

from . import _events as events, _openai as openai
from ._failures import Failure, failure_of
from ._hooks import HookInvoker
from ._host import Json
from ._model_call import ModelCall
from ._prompt_queue import PromptQueue, QueuedPrompt
from ._session_state import ScriptedSessionState
from ._tool_calls import SessionTools, ToolExecution

STARTING = 0.010
"""Seconds from the admission of a prompt to its `user.message`."""

TURNING = 0.005
"""Seconds from the last result of a tool to the end of the turn."""

MAX_CONTINUATIONS = 2
"""How often the CLI continues by itself after a token limit."""

CONTINUE = "Please continue from where you left off."

NO_ANSWER: Json = {
    "errorType": "query",
    "message": "No response was returned. Send your message again to retry.",
}


@attrs.frozen(eq=False)
class TurnEngine:
    """What the work of a session is done with."""

    session: ScriptedSessionState
    queue: PromptQueue
    tools: SessionTools
    hooks: HookInvoker

    async def work(self, scope: trio.CancelScope, delivery: str) -> None:
        """Answer the queued prompts, then report that the session is idle.

        Args:
          scope: what an abort cancels; then no event comes from here any more.
          delivery: how the first prompt came: `"idle"` or `"queued"`.
        """
        with scope:
            while prompt := self.queue.take():
                if await _Interaction(self, prompt, delivery).run():
                    await self.hooks.stop_agent()
                await self.queue.heed_abort()
                delivery = "queued"
            self.queue.rest()


class _Interaction:
    """One message of the user and all model calls that it takes to answer it."""

    def __init__(self, engine: TurnEngine, prompt: QueuedPrompt, delivery: str) -> None:
        self._session = engine.session
        self._queue = engine.queue
        self._tools = engine.tools
        self._hooks = engine.hooks
        self._prompt = prompt
        self._delivery = delivery
        self._id = engine.session.host.new_id("interaction")
        self._turn = 0  # counts the model calls, without retries
        self._continuations = 0
        self._initiator = "user"  # of the current model call
        self._answered = False  # in any way, a tool call included
        self._refused = False  # a tool call, by a user who did not say why

    async def run(self) -> bool:
        """Answer the message, or report why not; return whether there is an answer."""
        session = self._session
        await session.host.agenda.pause(STARTING)
        if not await self._begin():
            return False
        asks_again = True
        error: Json | None = None
        while asks_again:
            self._begin_turn()
            await self._queue.heed_abort()
            call = await self._ask()
            if isinstance(call, ModelCall):
                asks_again = await self._take(call)
                error = None if asks_again or self._answered else NO_ANSWER
            else:
                asks_again, error = False, call
            session.turn_id = None
            session.emit("assistant.turn_end", {"turnId": str(self._turn)})
            self._turn += 1
            if self._refused:
                self._queue.give_up()
                return False
        if error is not None:
            session.emit("session.error", error)
        return error is None

    async def _begin(self) -> bool:
        """Emit the user's message, unless a hook forbids it."""
        session, text = self._session, self._prompt.text
        session.origin = self._prompt.origin
        session.streamed = 0
        session.emit("pending_messages.modified")
        context = await self._hooks.start_session(text)
        if len(session.messages) == 1:
            session.title = text
            session.emit("session.title_changed", {"title": text})
            session.emit("session.skills_loaded", {"skills": []})
            session.emit("session.mcp_servers_loaded", {"servers": []})
        session.emit("session.tools_updated", {"model": session.model})
        session.messages += [context] if context else []
        seen = await self._hooks.transform(text)
        if seen is None:
            return False
        self._emit_prompt(self._prompt, self._delivery, transformedContent=seen)
        system = session.messages[0]
        session.emit("system.message", {**system, "interactionId": self._id})
        session.messages.append({"role": "user", "content": seen})
        return True

    def _emit_prompt(self, prompt: QueuedPrompt, delivery: str, **more: Any) -> None:
        data = {
            "content": prompt.text,
            **more,
            "messageId": prompt.message_id,
            "delivery": delivery,
            **self._ids,
            **prompt.extra,
        }
        self._session.emit("user.message", data)

    # -- one turn of the model

    @property
    def _ids(self) -> Json:
        return {"turnId": str(self._turn), "interactionId": self._id}

    def _begin_turn(self) -> None:
        session, steering = self._session, self._queue.steering
        session.turn_id = str(self._turn)
        session.emit("assistant.turn_start", self._ids)
        self._initiator = "user" if steering or not self._turn else "agent"
        while steering:
            prompt = steering.popleft()
            session.emit("pending_messages.modified")
            self._emit_prompt(prompt, "steering")
            session.messages.append({"role": "user", "content": prompt.text})

    async def _take(self, call: ModelCall) -> bool:
        """Do what the model wants; return whether it has to be asked again."""
        session, request, reply = self._session, call.request, call.reply
        session.messages.append(openai.message(request, reply))
        truncated = reply.ends_with == "length" and not reply.calls
        if truncated and self._continuations < MAX_CONTINUATIONS:
            self._continuations += 1
            session.messages.append({"role": "user", "content": CONTINUE})
            return True
        message = events.assistant_message(
            request,
            reply,
            message_id=call.answer_id,
            origin=session.origin,
            model=session.model,
        )
        session.emit("assistant.message", {**message, **self._ids})
        self._answered |= reply.says_something
        if "reasoningText" in message:
            content = message["reasoningText"]
            thought = {"reasoningId": call.reasoning_id, "content": content}
            session.emit("assistant.reasoning", thought)
        if reply.calls:
            await self._run_tools(call)
        return bool(reply.calls) and not self._refused

    async def _run_tools(self, call: ModelCall) -> None:
        session, calls = self._session, call.reply.calls
        # Room for all: calls end in synchronous code, which cannot wait.
        send, results = trio.open_memory_channel[ToolExecution](len(calls))
        tools = self._tools.begin(
            [(call.request.call_id(index), each) for index, each in enumerate(calls)],
            self._ids,
            send.send_nowait,
        )
        await self._hooks.before_tools(tools)
        for tool in tools:
            tool.start()
        with send, results:
            for _ in calls:
                tool = await results.receive()
                if not tool.done:  # it waits for a hook to see its result
                    await self._hooks.after_tool(tool)
                    tool.complete()
                    if not all(tool.done for tool in tools):
                        await self._queue.heed_abort()
        await session.host.agenda.pause(TURNING)
        session.activity, self._tools.running = None, []
        self._refused = any(tool.refused for tool in tools)
        session.messages += [tool.message for tool in tools]
        session.messages += [
            {"role": "user", "content": context}
            for tool in tools
            for context in tool.context
        ]

    # -- one model call and its retries

    async def _ask(self) -> ModelCall | Json:
        """Ask the model until it answers, or return the error of giving up."""
        session = self._session
        waited: list[float] = []
        while True:
            size = len(session.messages)
            used = {"tokenLimit": 128_000, "currentTokens": 10, "messagesLength": size}
            session.emit("session.usage_info", {**used, "isInitial": not self._turn})
            call = ModelCall(session, str(self._turn))
            await call.listen()
            failure = failure_of(call.reply)
            if failure is None:
                initiator = "agent" if waited else self._initiator
                usage = events.usage(call.reply, session.model, initiator=initiator)
                session.emit("assistant.usage", usage)
                return call
            data = events.model_failure(failure, session.model, retries=len(waited))
            session.emit("model.call_failure", data)
            await self._hooks.report(failure.message)
            if len(waited) >= len(failure.waits):
                return events.error(failure, waited, session.origin)
            waited.append(failure.waits[len(waited)])
            await self._back_off(failure, waited[-1])

    async def _back_off(self, failure: Failure, seconds: float) -> None:
        """Wait before a retry; it is reported even if an abort cuts the wait short."""
        session, model = self._session, self._session.model

        def report_retry() -> None:
            retry = {"turnId": session.turn_id, "model": model}
            session.emit("assistant.turn_retry", {**retry, "reason": failure.reason})
            if failure.notice:
                info = {"infoType": "model_retry", "message": failure.notice}
                session.emit("session.info", info)

        session.begin("retry_backoff", when_interrupted=report_retry)
        await session.host.agenda.pause(seconds)
        session.activity = None
        report_retry()
