"""One call of a tool, and the wire form of its result, failure or timeout."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, cast

import attrs
import trio

from .._errors import ToolDefinitionError
from .._wire.encoding import encode_json
from .declare import Tool, ToolContext, ToolError


@attrs.frozen
class Outcome:
    """How a call went."""

    wire: dict[str, Any]
    """The `result` of `session.tools.handlePendingToolCall`."""
    error: Exception | None = None
    """What the handler raised."""


def succeeded(value: Any) -> Outcome:
    """Return the outcome of a call that returned `value`.

    Raises:
      TypeError: JSON cannot express the value.
    """
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    else:
        text = encode_json(value).decode()
    return Outcome({"textResultForLlm": text, "resultType": "success"})


def failed(text: str, error: Exception | None = None) -> Outcome:
    """Return the outcome of a call that failed; the model reads `text`."""
    wire = {"textResultForLlm": text, "resultType": "failure", "error": text}
    return Outcome(wire, error)


CANCELLED = failed("The call was cancelled before it was done.")
"""The answer to a call that is still open when its handler has been cancelled."""


async def run_tool(tool: Tool, arguments: Any, context: ToolContext) -> Outcome:
    """Run one call to its end and return how it went.

    `Cancelled` passes through the handler and out of here: nothing has been answered.
    """
    try:
        call = tool.bind(arguments, context)
        async with AsyncExitStack() as stack:
            if tool.limiter is not None:
                await stack.enter_async_context(tool.limiter)
            if tool.timeout is None:
                return succeeded(await call())
            with trio.move_on_after(tool.timeout):
                return succeeded(await call())
            return failed(
                f"The tool did not finish within {tool.timeout:g} seconds.",
                trio.TooSlowError(f"{tool.name} took longer than {tool.timeout:g} s"),
            )
    except Exception as error:  # noqa: BLE001  # for the model, and for `ToolResult`
        return failed(_in_words(error, in_full=tool.errors == "tell"), error)


def words_of(error: Exception) -> str:
    """Return the text of an exception, or its type if `str` of it fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # a user's `__str__` may do anything
        return type(error).__name__


def _in_words(error: Exception, *, in_full: bool) -> str:
    """Return what the model reads about an exception.

    For an unexpected one that is its type: its text was not written for the model, and
    may contain what the model's provider or a reader of the session must not see.
    """
    if isinstance(error, ToolError):
        return words_of(error)
    if isinstance(error, ExceptionGroup):  # from a nursery in the handler
        faults = cast("ExceptionGroup[Exception]", error).exceptions
        return "\n".join(_in_words(fault, in_full=in_full) for fault in faults)
    kind = type(error).__name__
    if not in_full:
        return f"The tool failed: {kind}"
    return f"The tool failed: {kind}: {words_of(error)}"


def by_name(tools: tuple[Tool, ...]) -> dict[str, Tool]:
    """Return the tools by their names.

    Raises:
      ToolDefinitionError: two tools have the same name.
      TypeError: one of them is not a tool.
    """
    table: dict[str, Tool] = {}
    for item in tools:
        if not isinstance(item, Tool):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
            raise TypeError(
                f"tools: {getattr(item, '__name__', type(item).__name__)} is not a tool: "
                "decorate the function with @tool"
            )
        if item.name in table:
            raise ToolDefinitionError(f"Two tools are named {item.name!r}")
        table[item.name] = item
    return table
