"""An async function becomes a tool: name, description, JSON schema, checked arguments.

Strategy: the parameters become the fields of a `msgspec.Struct` made on the spot.
msgspec derives the JSON schema from it, and converts the model's JSON to it, attrs classes
included, or reports what does not fit. So schema and check always agree.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
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
    """Raise this in a tool to tell the model, in your own words, what went wrong."""


@attrs.frozen(kw_only=True)
class ToolContext:
    """What a call is part of. A parameter annotated with this class receives it."""

    session_id: str
    """The id of the session."""
    call_id: str
    """The id of the call, as in `ToolCall.call_id`."""
    tool_name: str
    """The name by which the model called the tool."""
    working_directory: str = ""
    """Where the agent works."""
    agent_id: str | None = None
    """The sub-agent that called; `None` is the main agent."""


@attrs.frozen
class Tool:
    """Something that the model can call; usually made by `@tool`.

    Make one without a handler to answer its calls elsewhere in your program, by
    `Turn.submit_tool_result`.
    """

    name: str
    """ASCII letters, digits, `_` and `-`."""
    description: str = ""
    """When and how to use it, for the model."""
    parameters: Mapping[str, Any] = attrs.field(factory=lambda: {"type": "object"})
    """The JSON schema of the arguments, an object."""
    handler: Handler | None = attrs.field(default=None, kw_only=True, repr=False)
    """The async function that a call runs; gets the arguments as keywords."""
    timeout: float | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(attrs.validators.ge(0)),
    )
    """Seconds until a call is cancelled and reported to the model as failed; `None` is no
    limit."""
    limiter: trio.CapacityLimiter | None = attrs.field(default=None, kw_only=True)
    """Limits how many calls run at once; share it among tools to limit them together.
    Waiting for it does not count as time of the call."""
    errors: ErrorPolicy = attrs.field(
        default="type", kw_only=True, validator=one_of(get_args(ErrorPolicy))
    )
    """What happens when the handler raises. With `type` the model reads only the type of
    the exception: its text may contain what nobody meant to send, such as a path, a query
    or a password. With `tell` the model reads the text, too. With `raise` it reads the
    type, and the turn stops and raises the exception. The model always reads the text
    of a `ToolError`, and which arguments do not fit."""
    skip_permission: bool | None = attrs.field(default=None, kw_only=True)
    """Whether calls need no permission. `None`: they need it if the session has a
    permission handler; in a session without one, to pass a tool is to permit it."""
    overrides_built_in: bool = attrs.field(default=False, kw_only=True)
    """Whether it replaces the CLI's own tool of this name."""
    _arguments: type[msgspec.Struct] | None = attrs.field(
        default=None, kw_only=True, repr=False, eq=False, alias="arguments"
    )
    _context_parameters: tuple[str, ...] = attrs.field(
        default=(), kw_only=True, repr=False, alias="context_parameters"
    )

    def __attrs_post_init__(self) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", self.name):
            raise ToolDefinitionError(
                f"{self.name!r} is not a name for a tool: use ASCII letters, digits, _ "
                "and - only"
            )
        if self.handler is not None and not is_async(self.handler):
            raise ToolDefinitionError(
                f"The handler of {self.name} is not an async function, but of type "
                f"{type(self.handler).__name__}"
            )

    def to_wire(self, *, ask_permission: bool) -> dict[str, Any]:
        """Return the wire form of the declaration."""
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
          ToolError: they do not fit; the model reads where, and can try again.
        """
        assert self.handler is not None
        # A tool declared by hand has a schema that nobody here reads.
        expected: Any = self._arguments or dict[str, Any]
        try:
            fitting = read_arguments(arguments or {}, expected)
        except msgspec.ValidationError as error:
            raise ToolError(f"The arguments do not fit: {error}") from error
        if self._arguments is None:
            keywords = cast("dict[str, Any]", fitting)
        else:
            names = fitting.__struct_fields__
            keywords = {name: getattr(fitting, name) for name in names}
        keywords.update(dict.fromkeys(self._context_parameters, context))
        return partial(self.handler, **keywords)


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
    `TypedDict`, dataclasses and attrs classes. `Annotated[T, "text"]` describes a
    parameter, `Annotated[int, msgspec.Meta(ge=0)]` restricts it. A parameter annotated
    `ToolContext` receives the context of the call, and the model does not see it.

    The model's arguments are checked and converted before the function is called; if
    they do not fit, the model reads where. The function may return text, `None`, or
    anything that JSON can express.

    A call runs as a task of the turn that caused it, and is cancelled with the turn.

    Args:
      function: the async function, for `@tool` without parentheses.
      name: the tool's name; default: the function's.
      description: when and how to use it, for the model; default: the docstring.
      options: the other attributes of `Tool`: `timeout`, `limiter`, `errors`,
        `skip_permission` and `overrides_built_in`.

    Raises:
      ToolDefinitionError: the function is not async, or a parameter has no annotation, or
        one of a type without a JSON schema.
    """
    if function is not None:
        return _declare(function, name, description, options)
    return lambda f: _declare(f, name, description, options)


def _declare(
    function: Handler,
    name: str | None,
    description: str | None,
    options: Mapping[str, Any],
) -> Tool:
    label = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise ToolDefinitionError(
            f"{label} is not an async function: a tool is declared with `async def`"
        )
    # The user's frame is two calls up; the annotations may name its local classes.
    caller = sys._getframe(2)  # noqa: SLF001  # documented, in spite of its name
    hints = parameter_types(function, label, caller)
    # Also in `ToolContext | None` and `Annotated`: the model must never make one up.
    contexts = tuple(
        name
        for name, hint in hints.items()
        if hint is ToolContext or ToolContext in get_args(hint)
    )
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
