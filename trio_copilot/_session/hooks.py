"""The functions of a user that the CLI calls at fixed points of its work.

A hook that fails must not open a door: if a hook that may forbid something raises, that
counts as forbidden, unless the user has asked for `fails_open`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from .._checks import async_function, of_type, safe_repr, wrong_type
from .._did_you_mean import checks_options
from .._json import as_object, as_text
from .._names import camel
from .._wire.encoding import sendable
from .permissions import Allow, Deny

logger = logging.getLogger("trio_copilot.session")


@attrs.frozen(kw_only=True)
class HookInput:
    """What the CLI passes to a hook."""

    type: str
    """The CLI's name for the hook, such as `preToolUse`."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The input as it is on the wire; its fields depend on the hook."""

    @property
    def tool_name(self) -> str:
        """The name of the tool, in hooks about tools; otherwise empty."""
        return as_text(self.details.get("toolName"))

    @property
    def tool_arguments(self) -> Any:
        """The arguments of the tool, in hooks about tools; otherwise `None`."""
        return self.details.get("toolArgs")

    @property
    def prompt(self) -> str:
        """The prompt, in hooks about prompts; otherwise empty."""
        return as_text(self.details.get("prompt"))


HookOutput: TypeAlias = Mapping[str, Any] | Allow | Deny | None
"""What a hook returns: `None` to change nothing, or a mapping as on the wire. Only
`pre_tool_use` may return `Allow()` or `Deny("why")`."""
HookHandler: TypeAlias = Callable[[HookInput], Awaitable[HookOutput]]
"""An async function that the CLI calls: the value of a field of `Hooks`."""


def _hook() -> Any:
    return attrs.field(default=None, validator=async_function)


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class Hooks:
    """Async functions that the CLI calls at fixed points of its work, and waits for.

    A hook gets a `HookInput`. It returns `None`, or a mapping as on the wire with what
    the CLI should do differently; the keys that count are named below. `pre_tool_use`
    may also return `Allow()` or `Deny("why")`.

    A hook runs as a task of the turn and is cancelled with it: the CLI waits for hooks
    even when a turn is aborted. A hook that raises stops the turn, and the exception
    comes out of its block. What `pre_tool_use` or `user_prompt_submitted` had to decide
    is then forbidden.

    Protocol: `hooks.invoke`.
    """

    __repr__ = safe_repr

    session_start: HookHandler | None = _hook()
    """Before the first prompt, also after resuming. May add to it
    (`additionalContext`)."""
    user_prompt_submitted: HookHandler | None = _hook()
    """When a prompt arrives. May change it (`modifiedPrompt`), add to it
    (`additionalContext`), or block it (`decision`: `block`, with a `reason`)."""
    user_prompt_transformed: HookHandler | None = _hook()
    """When the CLI has completed the prompt. May change what the model sees
    (`modifiedTransformedPrompt`)."""
    pre_tool_use: HookHandler | None = _hook()
    """Before a tool runs and before permission is asked. May allow or deny it, or change
    its arguments (`modifiedArgs`)."""
    pre_mcp_tool_call: HookHandler | None = _hook()
    """Before a call goes to an MCP server. May set its metadata (`metaToUse`)."""
    post_tool_use: HookHandler | None = _hook()
    """After a tool has succeeded. May change the result (`modifiedResult`) or add to it
    (`additionalContext`)."""
    post_tool_use_failure: HookHandler | None = _hook()
    """After a tool has failed. May add to the result (`additionalContext`)."""
    error_occurred: HookHandler | None = _hook()
    """After an error. May choose what happens (`errorHandling`: `retry`, `skip` or
    `abort`)."""
    agent_stop: HookHandler | None = _hook()
    """Before the agent stops. May make it continue (`decision`: `block`, with a
    `reason`, which the model reads)."""
    subagent_start: HookHandler | None = _hook()
    """Before a sub-agent begins. May add to its prompt (`additionalContext`)."""
    subagent_stop: HookHandler | None = _hook()
    """Before a sub-agent stops. May make it continue, as `agent_stop` may, or change its
    answer (`modifiedResponse`)."""
    session_end: HookHandler | None = _hook()
    """When the session is left; it has two seconds. Not called if the block is
    cancelled."""
    fails_open: bool = attrs.field(default=False, validator=of_type(bool))
    """Whether a hook that raises counts as one that has returned `None`. The exception is
    then logged, and not raised."""

    def handler(self, wire_type: str) -> HookHandler | None:
        """Return the hook that the CLI calls by this name."""
        name = _FIELDS.get(wire_type)
        return getattr(self, name) if name is not None else None


# {the CLI's name for a hook: the field}
_FIELDS = {
    camel(field.name): field.name
    for field in attrs.fields(Hooks)
    if field.name != "fails_open"
}


async def run_hook(
    hooks: Hooks, params: Mapping[str, Any]
) -> tuple[Any, Exception | None]:
    """Call the hook; return the result for the wire, and what the hook raised."""
    hook_input = HookInput(
        type=as_text(params.get("hookType")), details=as_object(params.get("input"))
    )
    handler = hooks.handler(hook_input.type)
    if handler is None:
        return {"output": None}, None
    try:
        result = {"output": _output_to_wire(hook_input.type, await handler(hook_input))}
        return sendable(result, f"The answer of the hook {hook_input.type}"), None
    except Exception as error:  # fail closed; the caller raises it
        if hooks.fails_open:
            logger.exception(
                "The hook %s failed; continuing without it", hook_input.type
            )
            return {"output": None}, None
        return refusal(hook_input.type, "A hook of the program failed."), error


def refusal(wire_type: str, reason: str) -> dict[str, Any]:
    """Return the most restrictive result that this hook can have."""
    match wire_type:
        case "preToolUse":
            return {"output": _output_to_wire(wire_type, Deny(reason))}
        case "userPromptSubmitted":
            return {"output": {"decision": "block", "reason": reason}}
        case _:
            return {"output": None}


def _output_to_wire(wire_type: str, output: object) -> Mapping[str, Any] | None:
    if output is None or isinstance(output, Mapping):
        return cast("Mapping[str, Any] | None", output)
    if wire_type == "preToolUse":
        if isinstance(output, Allow):
            return {"permissionDecision": "allow"}
        if isinstance(output, Deny):
            return {
                "permissionDecision": "deny",
                "permissionDecisionReason": output.reason,
            }
    answer = f"The answer of a hook for {wire_type}"
    raise wrong_type(answer, "None or a mapping", output)
