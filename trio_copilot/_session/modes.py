"""What the CLI asks before it leaves plan mode, or chooses another model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

import attrs

from .._checks import wrong_type
from .._json import as_array, as_text
from .permissions import Abstain, Deny


@attrs.frozen(kw_only=True)
class ExitPlanModeRequest:
    """The agent has made a plan in plan mode, and asks whether to carry it out.

    Protocol: `exitPlanMode.request`.
    """

    summary: str
    """The plan in short."""
    plan: str = attrs.field(default="", repr=False)
    """The plan in Markdown; may be empty."""
    actions: tuple[str, ...] = ()
    """Ways to carry it out, such as `interactive` or `autopilot`."""
    recommended_action: str = ""
    """The action that the CLI recommends."""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> ExitPlanModeRequest:
        """Return the request with these parameters."""
        return cls(
            summary=as_text(params.get("summary")),
            plan=as_text(params.get("planContent")),
            actions=tuple(map(as_text, as_array(params.get("actions")))),
            recommended_action=as_text(params.get("recommendedAction")),
        )

    def answer_to_wire(self, answer: object) -> dict[str, Any]:
        """Return the wire form of a handler's answer.

        Raises:
          TypeError: it is neither text nor a `Deny`.
          ValueError: it is not one of the actions.
        """
        if isinstance(answer, Deny):
            return {"approved": False, "feedback": answer.reason}
        if not isinstance(answer, str):
            raise wrong_type("The answer to a plan", "an action or Deny", answer)
        if answer not in self.actions:
            raise ValueError(f"The action must be one of {self.actions}")
        return {"approved": True, "selectedAction": answer}


AutoModeAnswer: TypeAlias = Literal["yes", "yes_always", "no"]
"""Whether to use another model while this one is rate limited: now, always, or not."""


@attrs.frozen(kw_only=True)
class AutoModeSwitchRequest:
    """The model is rate limited, and the CLI asks whether it may choose another.

    Protocol: `autoModeSwitch.request`.
    """

    error_code: str = ""
    """Why, in the provider's words; may be empty."""
    retry_after: float | None = None
    """Seconds until the model can be used again; `None` if unknown."""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> AutoModeSwitchRequest:
        """Return the request with these parameters."""
        seconds = params.get("retryAfterSeconds")
        return cls(
            error_code=as_text(params.get("errorCode")),
            retry_after=seconds if isinstance(seconds, (int, float)) else None,
        )

    def answer_to_wire(self, answer: object) -> dict[str, Any]:
        """Return the wire form of a handler's answer.

        Raises:
          ValueError: it is not an `AutoModeAnswer`.
        """
        known = get_args(AutoModeAnswer)
        if answer not in known:
            raise ValueError(f"The answer must be one of {known}")
        return {"response": answer}


ExitPlanModeHandler: TypeAlias = Callable[
    [ExitPlanModeRequest], Awaitable[str | Deny | Abstain]
]
"""An async function that decides on a plan: the value of `on_exit_plan_mode=`.

It returns one of the actions, `Deny("what to change")`, or `Abstain()`. It is cancelled
with its turn; an exception comes out of the turn, and the plan is not carried out.
"""
AutoModeSwitchHandler: TypeAlias = Callable[
    [AutoModeSwitchRequest], Awaitable[AutoModeAnswer | Abstain]
]
"""An async function that decides on another model: the value of `on_auto_mode_switch=`.

It returns `"yes"`, `"yes_always"`, `"no"`, or `Abstain()`. It is cancelled with its turn;
an exception comes out of the turn, and the model is not changed.
"""
