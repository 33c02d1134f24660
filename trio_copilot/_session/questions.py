"""Questions and forms: what the agent, or one of its tools, asks a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from .._checks import wrong_type
from .._json import as_array, as_object, as_text
from .permissions import Abstain


@attrs.frozen(kw_only=True)
class UserInputRequest:
    """A question that the agent asks with its tool `ask_user`.

    Protocol: `userInput.request`.
    """

    question: str
    """The question, for a person."""
    choices: tuple[str, ...] = ()
    """Answers to choose from; may be empty."""
    allow_freeform: bool = True
    """Whether an answer that is not among the choices is allowed."""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> UserInputRequest:
        """Return the request with these parameters."""
        return cls(
            question=as_text(params.get("question")),
            choices=tuple(map(as_text, as_array(params.get("choices")))),
            allow_freeform=params.get("allowFreeform") is not False,
        )

    def answer_to_wire(self, answer: object) -> dict[str, Any]:
        """Return the wire form of a handler's answer.

        Raises:
          TypeError: it is not text.
          ValueError: it is not one of the choices, and has to be.
        """
        if not isinstance(answer, str):
            raise wrong_type("The answer to a question", "text", answer)
        freeform = answer not in self.choices
        if freeform and not self.allow_freeform:
            raise ValueError(f"The answer must be one of {self.choices}")
        return {"answer": answer, "wasFreeform": freeform}


@attrs.frozen(kw_only=True)
class ElicitationRequest:
    """A form that an MCP server or a tool wants filled in.

    Protocol: `elicitation.requested`.
    """

    message: str
    """What the form is for, for a person."""
    schema: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The JSON schema of the answer: an object whose fields are text, numbers, booleans
    or choices."""
    mode: str = "form"
    """`form`, or `url`: the person should visit the page at `details["url"]`."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The request as it is on the wire."""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> ElicitationRequest:
        """Return the request in the data of an event."""
        return cls(
            message=as_text(data.get("message")),
            schema=as_object(data.get("requestedSchema")),
            mode=as_text(data.get("mode")) or "form",
            details=data,
        )


def elicitation_to_wire(content: object) -> dict[str, Any]:
    """Return the wire form of a handler's answer.

    Raises:
      TypeError: it is neither a mapping nor `None`.
    """
    if content is None:
        return {"action": "decline"}
    if not isinstance(content, Mapping):
        raise wrong_type("The answer to a form", "a mapping or None", content)
    return {"action": "accept", "content": dict(cast("Mapping[str, Any]", content))}


UserInputHandler: TypeAlias = Callable[[UserInputRequest], Awaitable[str | Abstain]]
"""An async function that answers a question: the value of `on_user_input=`.

It returns text, or `Abstain()`. It is cancelled with its turn; an exception comes out of
the turn, and the agent reads that there is no answer.
"""
ElicitationHandler: TypeAlias = Callable[
    [ElicitationRequest], Awaitable[Mapping[str, Any] | Abstain | None]
]
"""An async function that fills in a form: the value of `on_elicitation=`.

It returns a mapping that fits the form's schema, `None` to decline, or `Abstain()`. It is
cancelled with its turn; an exception comes out of the turn, and cancels the form.
"""
