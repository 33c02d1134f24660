"""Functions of yours that the CLI calls at fixed points of its work.

A hook that fails must not open a door: one that may forbid something and raises has
forbidden it, unless `fails_open` was asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from .._checks import async_function, of_type, set_fields, wrong_type
from .._did_you_mean import checks_options
from .._json import as_object, as_text
from .._names import camel
from .._wire.encoding import sendable
from .permissions import Allow, Deny

logger = logging.getLogger("trio_copilot.session")


@attrs.frozen(kw_only=True)
class HookInput:
    """What a hook is told."""

    type: str
    """The CLI's word for the moment, such as `preToolUse`."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The input as it is on the wire; its fields differ by type."""

    @property
    def tool_name(self) -> str:
        """The tool, in hooks about tools; else empty."""
        return as_text(self.details.get("toolName"))

    @property
    def tool_arguments(self) -> Any:
        """The arguments of the tool, in hooks about tools."""
        return self.details.get("toolArgs")

    @property
    def prompt(self) -> str:
        """The prompt, in hooks about prompts; else empty."""
        return as_text(self.details.get("prompt"))


HookOutput: TypeAlias = Mapping[str, Any] | Allow | Deny | None
"""What the CLI shall do differently, or `None`; a decision is for `pre_tool_use` only."""
HookHandler: TypeAlias = Callable[[HookInput], Awaitable[HookOutput]]
"""An async function that is called at a moment of `Hooks`."""


def _hook() -> Any:
    return attrs.field(default=None, validator=async_function)


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class Hooks:
    """Async functions by the moment at which the CLI calls them.

    A hook gets a `HookInput` and returns `None`, or what the CLI shall do differently: a
    mapping as on the wire, such as `{"modifiedArgs": {...}}`; `pre_tool_use` may return
    `Allow()` or `Deny("reason")`, too. It runs as a task of the turn, and the CLI waits
    for it, also with an abort: it is cancelled when the turn ends.

    An exception in a hook stops the turn and comes out of it; what `pre_tool_use` and
    `user_prompt_submitted` were asked about does not happen then.

    Protocol: `hooks.invoke`.
    """

    __repr__ = set_fields

    session_start: HookHandler | None = _hook()
    """Before the first prompt of a session."""
    user_prompt_submitted: HookHandler | None = _hook()
    """May change the prompt (`modifiedPrompt`) or block it (`decision`, `reason`)."""
    user_prompt_transformed: HookHandler | None = _hook()
    """May change what the model gets to see (`modifiedTransformedPrompt`)."""
    pre_tool_use: HookHandler | None = _hook()
    """Before a tool runs, and before a permission is asked for: may allow or deny it, or
    change its arguments (`modifiedArgs`)."""
    pre_mcp_tool_call: HookHandler | None = _hook()
    """Before a call goes to an MCP server (`metaToUse`)."""
    post_tool_use: HookHandler | None = _hook()
    """May change the result (`modifiedResult`) or add to it (`additionalContext`)."""
    post_tool_use_failure: HookHandler | None = _hook()
    error_occurred: HookHandler | None = _hook()
    """May decide what is done about an error (`errorHandling`)."""
    agent_stop: HookHandler | None = _hook()
    """Before the agent rests: may let it go on (`decision`: `block`, `reason`)."""
    subagent_start: HookHandler | None = _hook()
    subagent_stop: HookHandler | None = _hook()
    session_end: HookHandler | None = _hook()
    """When the session is left, for two seconds at the most; not if it is cancelled."""
    fails_open: bool = attrs.field(default=False, validator=of_type(bool))
    """Whether the agent goes on as if there were no hook when one raises: the exception
    is logged, and that is all."""

    def handler(self, wire_type: str) -> HookHandler | None:
        """Return the function for a moment, by the CLI's word for it."""
        name = _NAMES.get(wire_type)
        return getattr(self, name) if name is not None else None


_NAMES = {
    camel(field.name): field.name
    for field in attrs.fields(Hooks)
    if field.name != "fails_open"
}


async def run_hook(
    hooks: Hooks, params: Mapping[str, Any]
) -> tuple[Any, Exception | None]:
    """Call the hook; return the result for the wire, and what the hook raised."""
    question = HookInput(
        type=as_text(params.get("hookType")), details=as_object(params.get("input"))
    )
    handler = hooks.handler(question.type)
    if handler is None:
        return {"output": None}, None
    try:
        answer = {"output": _output(question, await handler(question))}
        return sendable(answer, f"The answer of the hook {question.type}"), None
    except Exception as error:  # fail closed, then raise it
        if hooks.fails_open:
            logger.exception("The hook %s failed; going on without it", question.type)
            return {"output": None}, None
        return refusal(question.type, "A hook of the program failed."), error


def refusal(wire_type: str, reason: str) -> dict[str, Any]:
    """Return the result that lets the least happen."""
    match wire_type:
        case "preToolUse":
            return {"output": _output(HookInput(type=wire_type), Deny(reason))}
        case "userPromptSubmitted":
            return {"output": {"decision": "block", "reason": reason}}
        case _:
            return {"output": None}


def _output(question: HookInput, output: object) -> Mapping[str, Any] | None:
    if output is None or isinstance(output, Mapping):
        return cast("Mapping[str, Any] | None", output)
    if question.type == "preToolUse":
        if isinstance(output, Allow):
            return {"permissionDecision": "allow"}
        if isinstance(output, Deny):
            return {
                "permissionDecision": "deny",
                "permissionDecisionReason": output.reason,
            }
    answer = f"The answer of a hook for {question.type}"
    raise wrong_type(answer, "None or a mapping", output)
