"""An async function becomes a tool: name, description, JSON schema, checked arguments.

Strategy: the parameters become the fields of a `msgspec.Struct` made on the spot.
msgspec derives the JSON schema from it and turns the model's JSON into it, attrs classes
included, or says where it does not fit. So schema and check agree.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType
from typing import Any, Literal, cast, get_args, overload

import attrs
import msgspec
import trio

from .._checks import is_async, one_of
from .._errors import CopilotError, ToolDefinitionError
from .annotations import parameter_types
from .arguments import arguments_type, read_arguments, schema_of

Handler = Callable[..., Awaitable[Any]]
ErrorPolicy = Literal["type", "tell", "raise"]


class ToolError(CopilotError):
    """Raise this in a tool to tell the model in your own words what went wrong."""


@attrs.frozen(kw_only=True)
class ToolContext:
    """What a call is part of: a parameter annotated with this class receives it."""

    session_id: str
    call_id: str
    """The model's id of the call, as in `ToolCall.call_id`."""
    tool_name: str
    working_directory: str = ""
    """Where the session works."""
    agent_id: str | None = None
    """The sub-agent that called; `None` is the main agent."""


def _check_name(_: object, __: object, name: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", name):
        raise ToolDefinitionError(
            f"{name!r} is no name for a tool: use ASCII letters, digits, _ and - only"
        )


def _check_handler(tool: Tool, _: object, handler: Handler | None) -> None:
    if handler is not None and not is_async(handler):
        raise ToolDefinitionError(
            f"The handler of {tool.name} is not an async function, but of type "
            f"{type(handler).__name__}"
        )


@attrs.frozen
class Tool:
    """Something the model can call.

    Made by `@tool`. To declare a tool that your program answers itself, by
    `Turn.submit_tool_result`, make one without a handler.
    """

    name: str = attrs.field(validator=_check_name)
    """Letters, digits, `_` and `-`."""
    description: str = ""
    """What the model is told about it."""
    parameters: Mapping[str, Any] = attrs.field(factory=lambda: {"type": "object"})
    """JSON schema of the arguments, an object."""
    handler: Handler | None = attrs.field(
        default=None, kw_only=True, validator=_check_handler, repr=False
    )
    timeout: float | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(attrs.validators.ge(0)),
    )
    """Seconds until a call is cancelled and reported as failed; `None` is for ever."""
    limiter: trio.CapacityLimiter | None = attrs.field(default=None, kw_only=True)
    """Limits how many calls run at once; share it among tools to limit them together."""
    errors: ErrorPolicy = attrs.field(
        default="type", kw_only=True, validator=one_of(get_args(ErrorPolicy))
    )
    """What is done about an unexpected exception in the handler. The model is told its
    `type` alone, for its text may hold what nobody meant to send: a path, a query, a
    password. `tell` tells the text, too; `raise` tells the type, stops the turn, and
    raises the exception from it. A `ToolError` and arguments that do not fit are told
    in full in any case."""
    skip_permission: bool | None = attrs.field(default=None, kw_only=True)
    """Whether calls need no permission. `None`: they do when the session has a
    permission handler; without one, to pass a tool is to permit it."""
    overrides_built_in: bool = attrs.field(default=False, kw_only=True)
    """Whether it takes the place of a tool of this name that is built into the CLI."""
    _arguments: type[msgspec.Struct] | None = attrs.field(
        default=None, kw_only=True, repr=False, eq=False, alias="arguments"
    )
    _context_parameters: tuple[str, ...] = attrs.field(
        default=(), kw_only=True, repr=False, alias="context_parameters"
    )

    def to_wire(self, *, ask_permission: bool) -> dict[str, Any]:
        """Return the declaration as `session.create` wants it."""
        skip = self.skip_permission
        if skip is None:
            skip = not ask_permission
        wire: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        if skip:
            wire["skipPermission"] = True
        if self.overrides_built_in:
            wire["overridesBuiltInTool"] = True
        return wire

    def bind(
        self, arguments: Any, context: ToolContext
    ) -> Callable[[], Awaitable[Any]]:
        """Check the model's arguments and return the call, ready to be awaited.

        Raises:
          ToolError: they do not fit; says where, for the model to mend.
        """
        assert self.handler is not None
        keywords = self._structured(arguments)
        keywords.update(dict.fromkeys(self._context_parameters, context))
        handler = self.handler
        return lambda: handler(**keywords)

    def _structured(self, arguments: Any) -> dict[str, Any]:
        # Of a tool declared by hand nothing is known here but that it takes an object.
        expected: Any = self._arguments or dict[str, Any]
        try:
            fitting = read_arguments(arguments or {}, expected)
        except msgspec.ValidationError as error:
            raise ToolError(f"The arguments do not fit: {error}") from error
        if self._arguments is None:
            return cast("dict[str, Any]", fitting)
        return {name: getattr(fitting, name) for name in fitting.__struct_fields__}


@overload
def tool(function: Handler, /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    limiter: trio.CapacityLimiter | None = None,
    errors: ErrorPolicy = "type",
    skip_permission: bool | None = None,
    overrides_built_in: bool = False,
) -> Callable[[Handler], Tool]: ...
def tool(
    function: Handler | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    **options: Any,
) -> Tool | Callable[[Handler], Tool]:
    """Make a tool of an async function.

    The model sees the function's name, its docstring, and a JSON schema made of its
    annotations: builtin types, `Literal`, enums, `Optional`, collections, dates,
    `TypedDict`, dataclasses and attrs classes; `Annotated[T, "text"]` describes a
    parameter, `Annotated[int, msgspec.Meta(ge=0)]` restricts it. The model's arguments
    are structured and checked before the function is called; what does not fit is told
    to the model. The function may return text, `None`, or anything that JSON can express.

    A call runs as a task of the turn that caused it, and is cancelled when that ends.

    Args:
      function: the async function, when used without parentheses.
      name: the tool's name; default: the function's.
      description: what the model is told; default: the function's docstring.
      options: the other attributes of `Tool`.

    Raises:
      ToolDefinitionError: the function is not async, a parameter has no annotation, or
        no schema can be made of one.
    """
    if function is not None:
        return _declare(function, name, description, options, sys._getframe(1))
    return lambda f: _declare(f, name, description, options, sys._getframe(1))


def _declare(
    function: Handler,
    name: str | None,
    description: str | None,
    options: Mapping[str, Any],
    caller: FrameType,
) -> Tool:
    label = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise ToolDefinitionError(
            f"{label} is not an async function: a tool is declared with `async def`"
        )
    hints = parameter_types(function, label, caller)
    contexts = tuple(name for name, hint in hints.items() if _is_context(hint))
    arguments = arguments_type(function, label, hints, ignored=contexts)
    return Tool(
        name or label,
        inspect.getdoc(function) or "" if description is None else description,
        schema_of(arguments, label),
        handler=function,
        arguments=arguments,
        context_parameters=contexts,
        **options,
    )


def _is_context(hint: Any) -> bool:
    # `ToolContext | None` and `Annotated` too: never is the model asked to make one up.
    return hint is ToolContext or ToolContext in get_args(hint)
