"""One model call of a scripted session, and what is streamed of its answer.

With a reply's `delay` of 0 all its deltas come in one burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

from . import _openai as openai, _questions as questions
from ._host import Json
from ._script import ModelRequest, Reply

if TYPE_CHECKING:
    from ._session import ScriptedSession


# What the model learns of a tool.
_DECLARED = ("name", "description", "parameters")


class ModelCall:
    """Asks the model once and passes on what it says, whatever becomes of it.

    Attributes:
      request: what was asked.
      reply: what the script has the model answer.
      answer_id: the message id of the answer.
      reasoning_id: the id of its reasoning.
    """

    def __init__(self, session: ScriptedSession, turn_id: str) -> None:
        self._session = session
        self.request, self.reply = _ask(session)
        self.answer_id = session.host.new_id("answer")
        self.reasoning_id = session.host.new_id("reasoning")
        self._started = False  # the text, by assistant.message_start
        self._ephemeral: list[Json] = []  # what may be sent again
        session.emit("model.call_start", {"turnId": turn_id, "model": session.model})

    async def listen(self) -> None:
        """Pass on the answer until it ends, properly or not.

        Cancelled: the CLI has closed the connection to the model.
        """
        try:
            await self._listen()
        except trio.Cancelled:
            self._session.host.model._give_up(self.request)
            raise
        finally:
            self._session.host.model._over(self.request)

    async def _listen(self) -> None:
        session, reply = self._session, self.reply
        session.begin("model_call", cancelPhase="pre_first_token")
        await session.host.agenda.pause(reply.before)
        if reply.status == 200:
            for number, delta in enumerate(openai.deltas(self.request, reply)):
                if number and reply.delay:
                    await session.host.agenda.pause(reply.delay)
                if session.streaming:
                    session.begin("model_call", cancelPhase="mid_stream")
                    self._pass_on(delta)
            if reply.then == "hang":
                await trio.sleep_forever()
        for event in reversed(self._ephemeral):
            session.log.send(event)
        session.activity = None

    def _pass_on(self, delta: Mapping[str, Any]) -> None:
        for call in delta.get("tool_calls", ()):
            wish = call["function"]
            self._count(wish["name"] + wish["arguments"])
            data = {"toolName": wish["name"], "inputDelta": wish["arguments"]}
            self._send("assistant.tool_call_delta", toolCallId=call["id"], **data)
        if thought := delta.get("reasoning_content"):
            self._count(thought)
            ids = {"reasoningId": self.reasoning_id}
            self._send("assistant.reasoning_delta", **ids, deltaContent=thought)
        if text := delta.get("content"):
            self._count(text)
            ids = {"messageId": self.answer_id}
            if not self._started:
                self._started = True
                self._send("assistant.message_start", **ids)
            self._send("assistant.message_delta", **ids, deltaContent=text)

    def _count(self, text: str) -> None:
        self._session.streamed += len(text.encode("utf-8", "surrogatepass"))
        size = self._session.streamed
        self._send("assistant.streaming_delta", totalResponseSizeBytes=size)

    def _send(self, kind: str, **data: Any) -> None:
        event = self._session.emit(kind, data)
        if self._session.host.behaviour.duplicate_deltas:
            self._ephemeral.append(event)
            self._session.log.send(self._ephemeral[len(self._ephemeral) // 2])


def _ask(session: ScriptedSession) -> tuple[ModelRequest, Reply]:
    tools = [
        {"type": "function", "function": {k: tool.get(k) for k in _DECLARED}}
        for tool in session.tools.values()
    ]
    if session.user_inputs.on:
        tools.append({"type": "function", "function": questions.DECLARATION})
    raw = {
        "model": session.model,
        "messages": list(session.messages),
        "tools": tools,
        "stream": session.streaming,
    }
    return session.host.model._take(raw)
