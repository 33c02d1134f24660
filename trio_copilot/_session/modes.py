"""What the CLI asks before it changes the way it works: leave plan mode, change model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

import attrs

from .._checks import wrong_type
from .._json import as_array, as_text
from .permissions import Abstain, Deny


@attrs.frozen(kw_only=True)
class ExitPlanModeRequest:
    """The agent has made a plan, and asks whether to carry it out."""

    summary: str
    plan: str = attrs.field(default="", repr=False)
    """The plan in Markdown; may be empty."""
    actions: tuple[str, ...] = ()
    """Ways to go on, such as `interactive` or `autopilot`."""
    recommended_action: str = ""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> ExitPlanModeRequest:
        """Return the question of an `exitPlanMode.request`."""
        return cls(
            summary=as_text(params.get("summary")),
            plan=as_text(params.get("planContent")),
            actions=tuple(map(as_text, as_array(params.get("actions")))),
            recommended_action=as_text(params.get("recommendedAction")),
        )

    def answer_to_wire(self, answer: object) -> dict[str, Any]:
        """Return what a handler returned as the CLI wants it.

        Raises:
          TypeError: it is neither text nor a `Deny`.
          ValueError: there is no such action.
        """
        if isinstance(answer, Deny):
            return {"approved": False, "feedback": answer.reason}
        if not isinstance(answer, str):
            raise wrong_type("The answer to a plan", "an action or Deny", answer)
        if answer not in self.actions:
            raise ValueError(f"The action must be one of {self.actions}")
        return {"approved": True, "selectedAction": answer}


AutoModeAnswer: TypeAlias = Literal["yes", "yes_always", "no"]
"""What to do when the model is rate limited: change to another one, or not."""


@attrs.frozen(kw_only=True)
class AutoModeSwitchRequest:
    """The model is rate limited; the CLI asks whether to choose another by itself."""

    error_code: str = ""
    retry_after: float | None = None
    """Seconds until the model could be asked again, if that is known."""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> AutoModeSwitchRequest:
        """Return the question of an `autoModeSwitch.request`."""
        seconds = params.get("retryAfterSeconds")
        return cls(
            error_code=as_text(params.get("errorCode")),
            retry_after=seconds if isinstance(seconds, (int, float)) else None,
        )

    def answer_to_wire(self, answer: object) -> dict[str, Any]:
        """Return what a handler returned as the CLI wants it.

        Raises:
          ValueError: it is no `AutoModeAnswer`.
        """
        known = get_args(AutoModeAnswer)
        if answer not in known:
            raise ValueError(f"The answer must be one of {known}")
        return {"response": answer}


ExitPlanModeHandler: TypeAlias = Callable[
    [ExitPlanModeRequest], Awaitable[str | Deny | Abstain]
]
"""An async function that returns one of the actions, `Deny("what to change")`, or
`Abstain()`."""
AutoModeSwitchHandler: TypeAlias = Callable[
    [AutoModeSwitchRequest], Awaitable[AutoModeAnswer | Abstain]
]
"""An async function that returns `"yes"`, `"yes_always"`, `"no"` or `Abstain()`."""
