"""Questions to the user: those of the model's tool `ask_user`, and elicitations.

An event asks both and a method answers both, each once. A question of the model is a
request to the client as well; whichever answer comes first counts. An abort takes neither
back: a late answer is still accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .._json import as_object
from ._callbacks import called_back, result_of
from ._host import Json
from ._session_state import ScriptedSessionState

ASK_USER = "ask_user"

DECLARATION: Json = {
    "name": ASK_USER,
    "description": "Ask the user a question and wait for their response.",
    "parameters": {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "choices": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["question"],
    },
}
"""The tool as the model sees it."""

_NO_ANSWER: Json = {
    "answer": "The user was unable to respond due to an error",
    "wasFreeform": True,
}


class UserInputs:
    """The questions of the model that wait for an answer."""

    def __init__(self, session: ScriptedSessionState) -> None:
        self._session = session
        # {request id: what to call with the tool's result}
        self._waiting: dict[str, Callable[[str], None]] = {}

    def ask(self, call_id: str, arguments: Json, then: Callable[[str], None]) -> None:
        """Ask the user, and call `then` with the result of the tool."""
        session = self._session
        request_id = session.host.new_id("question")
        self._waiting[request_id] = then
        choices = arguments.get("choices")
        question: Json = {"question": arguments["question"], "choices": choices}
        question["allowFreeform"] = True
        event = {"requestId": request_id, **question, "toolCallId": call_id}
        session.emit("user_input.requested", event)
        if choices is None:
            del question["choices"]
        session.host.client.callbacks.ask(
            "userInput.request",
            {"sessionId": session.id, **question},
            lambda answer: self.answer(request_id, result_of(answer)),
        )

    def answer(self, request_id: str, response: Any) -> bool:
        """Take an answer; return whether there was such a question."""
        then = self._waiting.pop(request_id, None)
        if then is None:
            return False
        result, given = _NO_ANSWER, as_object(response)
        if isinstance(given.get("answer"), str):
            freeform = given.get("wasFreeform") is True
            result = {"answer": given["answer"], "wasFreeform": freeform}
        self._session.emit("user_input.completed", {**result, "requestId": request_id})
        verb = "responded" if result["wasFreeform"] else "selected"
        self._session.later(lambda: then(f"User {verb}: {result['answer']}"))
        return True

    def close(self) -> None:
        """Forget the questions."""
        self._waiting.clear()


class Elicitations:
    """The forms that wait for the user."""

    def __init__(self, session: ScriptedSessionState) -> None:
        self._session = session
        # {request id: what to call with the result}
        self._waiting: dict[str, Callable[[Json], None]] = {}

    def ask(self, form: Json, then: Callable[[Json], None]) -> None:
        """Show a form, and call `then` with the result."""
        request_id = self._session.host.new_id("elicitation")
        self._waiting[request_id] = then
        self._session.emit("elicitation.requested", {"requestId": request_id, **form})

    async def request(self, form: Json) -> Json:
        """Show a form and wait for the result.

        Cancelled: the form stays open.
        """
        return await called_back(partial(self.ask, form))

    def answer(self, request_id: str, result: Json) -> bool:
        """Take a result, of any form; return whether there was such a form."""
        then = self._waiting.pop(request_id, None)
        if then is None:
            return False
        self._session.emit("elicitation.completed", {"requestId": request_id, **result})
        then(result)
        return True

    def close(self) -> None:
        """Cancel the open forms, without an event."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for then in waiting:
            then({"action": "cancel"})
