"""One model call of a scripted session, and what is streamed of its answer.

With a reply's `delay` of 0 all its deltas come in one burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from . import _openai as openai, _questions as questions
from ._host import Json
from ._session_state import ScriptedSessionState

# The members of a tool's declaration that the model sees.
_DECLARED = ("name", "description", "parameters")


class ModelCall:
    """Asks the model once and streams its answer, complete or not.

    Attributes:
      request: what was asked.
      reply: the script's reply.
      answer_id: the message id of the answer.
      reasoning_id: the id of its reasoning.
    """

    def __init__(self, session: ScriptedSessionState, turn_id: str) -> None:
        tools = [
            {"type": "function", "function": {k: tool.get(k) for k in _DECLARED}}
            for tool in session.tools.values()
        ]
        if session.takes_questions:
            tools.append({"type": "function", "function": questions.DECLARATION})
        raw = {
            "model": session.model,
            "messages": list(session.messages),
            "tools": tools,
            "stream": session.streaming,
        }
        self._session = session
        self.request, self.reply = session.host.model.begin(raw)
        self.answer_id = session.host.new_id("answer")
        self.reasoning_id = session.host.new_id("reasoning")
        self._started = False  # the text, by assistant.message_start
        self._ephemeral: list[Json] = []  # what may be sent again
        session.emit("model.call_start", {"turnId": turn_id, "model": session.model})

    async def listen(self) -> None:
        """Stream the answer until it ends, properly or not.

        Cancelled: the CLI has closed the connection to the model.
        """
        model = self._session.host.model
        try:
            await self._stream()
        except trio.Cancelled:
            model.give_up(self.request)
            raise
        finally:
            model.finish(self.request)

    async def _stream(self) -> None:
        session, reply = self._session, self.reply
        session.begin("model_call", cancelPhase="pre_first_token")
        await session.host.agenda.pause(reply.before)
        if reply.status == 200:
            for number, delta in enumerate(openai.deltas(self.request, reply)):
                if number and reply.delay:
                    await session.host.agenda.pause(reply.delay)
                if session.streaming:
                    session.begin("model_call", cancelPhase="mid_stream")
                    self._emit_delta(delta)
            if reply.then == "hang":
                await trio.sleep_forever()
        for event in reversed(self._ephemeral):
            session.log.send(event)
        session.activity = None

    def _emit_delta(self, delta: Mapping[str, Any]) -> None:
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            self._count(function["name"] + function["arguments"])
            data = {"toolName": function["name"], "inputDelta": function["arguments"]}
            self._emit("assistant.tool_call_delta", toolCallId=call["id"], **data)
        if thought := delta.get("reasoning_content"):
            self._count(thought)
            ids = {"reasoningId": self.reasoning_id}
            self._emit("assistant.reasoning_delta", **ids, deltaContent=thought)
        if text := delta.get("content"):
            self._count(text)
            ids = {"messageId": self.answer_id}
            if not self._started:
                self._started = True
                self._emit("assistant.message_start", **ids)
            self._emit("assistant.message_delta", **ids, deltaContent=text)

    def _count(self, text: str) -> None:
        self._session.streamed += len(text.encode("utf-8", "surrogatepass"))
        size = self._session.streamed
        self._emit("assistant.streaming_delta", totalResponseSizeBytes=size)

    def _emit(self, kind: str, **data: Any) -> None:
        event = self._session.emit(kind, data)
        if self._session.host.behaviour.duplicate_deltas:
            # Send one from the middle again: late, out of order, with the same id.
            self._ephemeral.append(event)
            self._session.log.send(self._ephemeral[len(self._ephemeral) // 2])
