"""Answers the prompts of a scripted session: the task that runs while it has work.

Read from top to bottom it is a turn: `work` takes prompts until there are none,
`_Interaction.run` makes model calls until one brings no more tools, `_ask` repeats a
call that failed. Whatever is awaited may be aborted; the abort itself, and what it
tells the client, is in `_session`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from . import _events as events, _openai as openai
from ._failures import Failure, failure_of
from ._host import Json
from ._model_call import ModelCall
from ._tool_calls import ToolCall

if TYPE_CHECKING:
    from ._prompts import Prompt
    from ._session import ScriptedSession

STARTING = 0.010
"""Seconds from the admission of a prompt to its `user.message`."""

TURNING = 0.005
"""Seconds from the last result of a tool to the end of the turn."""

MAX_CONTINUATIONS = 2
"""How often the CLI goes on by itself after a token limit."""

CONTINUE = "Please continue from where you left off."

NO_ANSWER: Json = {
    "errorType": "query",
    "message": "No response was returned. Send your message again to retry.",
}


async def work(
    session: ScriptedSession, scope: trio.CancelScope, delivery: str
) -> None:
    """Answer what is queued, then say that the session is idle.

    Args:
      session: whose work it is.
      scope: what an abort cancels; then nothing more is said here.
      delivery: how the first prompt came: `"idle"` or `"queued"`.
    """
    with scope:
        while prompt := session.take_prompt():
            if await _Interaction(session, prompt, delivery).run():
                await session.hooks.stop_agent()
            await session.heed_abort()
            delivery = "queued"
        session.rest()


class _Interaction:
    """One message of the user and all model calls that it takes to answer it."""

    def __init__(self, session: ScriptedSession, prompt: Prompt, delivery: str) -> None:
        self._session = session
        self._prompt = prompt
        self._delivery = delivery
        self._id = session.host.new_id("interaction")
        self._turn = 0  # counts the model calls, without retries
        self._continuations = 0
        self._initiator = "user"  # of the current model call
        self._answered = False  # anything at all, a tool call included
        self._refused = False  # a tool call, by a user who did not say why

    async def run(self) -> bool:
        """Answer the message, or say why not; return whether there is an answer."""
        await self._session.host.agenda.pause(STARTING)
        if not await self._begin():
            return False
        goes_on = True
        error: Json | None = None
        while goes_on:
            self._begin_turn()
            await self._session.heed_abort()
            call = await self._ask()
            if isinstance(call, ModelCall):
                goes_on = await self._take(call)
                error = None if goes_on or self._answered else NO_ANSWER
            else:
                goes_on, error = False, call
            self._end_turn()
            if self._refused:
                self._session.give_up()
                return False
        if error is not None:
            self._session.emit("session.error", error)
        return error is None

    async def _begin(self) -> bool:
        """Say what the user said, unless a hook forbids it."""
        session, text = self._session, self._prompt.text
        session.origin = self._prompt.origin
        session.streamed = 0
        session.emit("pending_messages.modified")
        context = await session.hooks.start_session(text)
        if len(session.messages) == 1:
            session.title = text
            session.emit("session.title_changed", {"title": text})
            session.emit("session.skills_loaded", {"skills": []})
            session.emit("session.mcp_servers_loaded", {"servers": []})
        session.emit("session.tools_updated", {"model": session.model})
        session.messages += [context] if context else []
        seen = await session.hooks.transform(text)
        if seen is None:
            return False
        self._say_prompt(self._prompt, self._delivery, transformedContent=seen)
        system = session.messages[0]
        session.emit("system.message", {**system, "interactionId": self._id})
        session.messages.append({"role": "user", "content": seen})
        return True

    def _say_prompt(self, prompt: Prompt, delivery: str, **more: Any) -> None:
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
        session = self._session
        session.turn_id = str(self._turn)
        session.emit("assistant.turn_start", self._ids)
        self._initiator = "user" if session.steering or not self._turn else "agent"
        while session.steering:
            prompt = session.steering.popleft()
            session.emit("pending_messages.modified")
            self._say_prompt(prompt, "steering")
            session.messages.append({"role": "user", "content": prompt.text})

    def _end_turn(self) -> None:
        self._session.turn_id = None
        self._session.emit("assistant.turn_end", {"turnId": str(self._turn)})
        self._turn += 1

    async def _take(self, call: ModelCall) -> bool:
        """Do what the model wants; return whether it has to be asked again."""
        reply = call.reply
        messages = self._session.messages
        messages.append(openai.message(call.request, reply))
        truncated = reply.ends_with == "length" and not reply.calls
        if truncated and self._continuations < MAX_CONTINUATIONS:
            self._continuations += 1
            messages.append({"role": "user", "content": CONTINUE})
            return True
        self._say_answer(call)
        if reply.calls:
            await self._run_tools(call)
        return bool(reply.calls) and not self._refused

    def _say_answer(self, call: ModelCall) -> None:
        session = self._session
        message = events.assistant_message(call, session.origin, session.model)
        session.emit("assistant.message", {**message, **self._ids})
        self._answered |= call.reply.says_something
        if "reasoningText" in message:
            content = message["reasoningText"]
            thought = {"reasoningId": call.reasoning_id, "content": content}
            session.emit("assistant.reasoning", thought)

    async def _run_tools(self, call: ModelCall) -> None:
        session = self._session
        tell, results = trio.open_memory_channel[ToolCall](len(call.reply.calls))
        session.running = tools = [
            ToolCall(
                session,
                wish,
                self._ids,
                call.request.call_id(index),
                tell.send_nowait,
            )
            for index, wish in enumerate(call.reply.calls)
        ]
        session.begin("tool_call")
        for tool in tools:
            tool.announce()
        await session.hooks.before_tools(tools)
        for tool in tools:
            tool.start()
        with tell, results:
            for _ in tools:
                await self._finish(await results.receive())
        await session.host.agenda.pause(TURNING)
        session.activity, session.running = None, []
        self._refused = any(tool.refused for tool in tools)
        session.messages += [tool.message for tool in tools]
        session.messages += [
            {"role": "user", "content": context}
            for tool in tools
            for context in tool.context
        ]

    async def _finish(self, tool: ToolCall) -> None:
        """Ask a hook about the result of a call, if there is one; then say it."""
        if tool.done:
            return
        await self._session.hooks.after_tool(tool)
        tool.complete()
        if not all(tool.done for tool in self._session.running):
            await self._session.heed_abort()

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
            self._say_failure(failure, len(waited))
            await session.hooks.report(failure.message)
            if len(waited) >= len(failure.waits):
                return events.error(failure, waited, session.origin)
            await self._back_off(failure, waited)

    def _say_failure(self, failure: Failure, retries: int) -> None:
        data: Json = {
            "model": self._session.model,
            "retryAttempt": retries,
            "source": "top_level",
            "errorMessage": failure.message,
        }
        if failure.status is not None:
            data["statusCode"] = failure.status
        self._session.emit("model.call_failure", data)

    async def _back_off(self, failure: Failure, waited: list[float]) -> None:
        session, model = self._session, self._session.model

        def say_retry() -> None:
            retry = {"turnId": session.turn_id, "model": model}
            session.emit("assistant.turn_retry", {**retry, "reason": failure.reason})
            if failure.notice:
                info = {"infoType": "model_retry", "message": failure.notice}
                session.emit("session.info", info)

        waited.append(failure.waits[len(waited)])
        session.begin("retry_backoff", when_interrupted=say_retry)
        await session.host.agenda.pause(waited[-1])
        session.activity = None
        say_retry()
