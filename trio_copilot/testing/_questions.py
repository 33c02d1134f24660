"""Questions to the user: those of the model's tool `ask_user`, and elicitations.

Both are asked by an event and answered by a method, each once. A question of the model
is a request to the client besides, and whichever answer comes first counts. An abort
takes neither back: whoever answers late is still told that this was the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import trio

from ._callbacks import result_of
from ._host import Json

if TYPE_CHECKING:
    from ._session import ScriptedSession

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
"""What the model learns of the tool."""

_NO_ANSWER: Json = {
    "answer": "The user was unable to respond due to an error",
    "wasFreeform": True,
}


class UserInputs:
    """The questions of the model that wait for an answer."""

    def __init__(self, session: ScriptedSession) -> None:
        self._session = session
        self._waiting: dict[str, Callable[[str], None]] = {}

    @property
    def on(self) -> bool:
        """Whether the client takes questions; else the model cannot ask any."""
        return self._session.options.get("requestUserInput") is True

    def ask(self, call_id: str, arguments: Json, then: Callable[[str], None]) -> None:
        """Ask the user, and call `then` with what the model is told."""
        session = self._session
        request_id = session.host.new_id("question")
        self._waiting[request_id] = then
        choices = arguments.get("choices")
        asked: Json = {"question": arguments["question"], "choices": choices}
        asked["allowFreeform"] = True
        about = {"requestId": request_id, **asked, "toolCallId": call_id}
        session.emit("user_input.requested", about)
        if choices is None:
            del asked["choices"]
        session.host.callbacks.ask(
            "userInput.request",
            {"sessionId": session.id, **asked},
            lambda answer: self.answer(request_id, result_of(answer)),
        )

    def answer(self, request_id: str, response: Any) -> bool:
        """Take an answer; return whether there was such a question."""
        then = self._waiting.pop(request_id, None)
        if then is None:
            return False
        said = _understood(response)
        self._session.emit("user_input.completed", {**said, "requestId": request_id})
        verb = "responded" if said["wasFreeform"] else "selected"
        self._session.later(lambda: then(f"User {verb}: {said['answer']}"))
        return True

    def close(self) -> None:
        """Forget the questions."""
        self._waiting.clear()


def _understood(response: Any) -> Json:
    """Return the answer, or what stands for one that is none."""
    if not isinstance(response, dict):
        return _NO_ANSWER
    said = cast("Json", response)
    if not isinstance(said.get("answer"), str):
        return _NO_ANSWER
    return {"answer": said["answer"], "wasFreeform": said.get("wasFreeform") is True}


class Elicitations:
    """The forms that wait for the user."""

    def __init__(self, session: ScriptedSession) -> None:
        self._session = session
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
        answered = trio.Event()
        results: list[Json] = []

        def take(result: Json) -> None:
            results.append(result)
            answered.set()

        self.ask(form, take)
        await answered.wait()
        return results[0]

    def answer(self, request_id: str, result: Json) -> bool:
        """Take a result, of any form; return whether there was such a question."""
        then = self._waiting.pop(request_id, None)
        if then is None:
            return False
        about = {"requestId": request_id, **result}
        self._session.emit("elicitation.completed", about)
        then(result)
        return True

    def close(self) -> None:
        """Cancel the forms that are open, without a word to the user."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for then in waiting:
            then({"action": "cancel"})
