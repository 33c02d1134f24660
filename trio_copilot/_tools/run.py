"""One call of a tool: its result, failure or timeout in the form the wire wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """Return the outcome of a call that failed; the model is told `text`."""
    wire = {"textResultForLlm": text, "resultType": "failure", "error": text}
    return Outcome(wire, error)


CANCELLED = failed("The call was cancelled before it was done.")
"""What is owed for a call whose handler was cancelled while the call is still open."""


async def run_tool(tool: Tool, arguments: Any, context: ToolContext) -> Outcome:
    """Run one call to its end and return how it went.

    `Cancelled` goes through the handler and out of here: nothing was answered.
    """
    try:
        call = tool.bind(arguments, context)
        return await _run(tool, call)
    except Exception as error:  # noqa: BLE001  # the model's to know, the turn's to show
        return failed(_in_words(error, in_full=tool.errors == "tell"), error)


def words_of(error: Exception) -> str:
    """Return the text of an exception; of one that cannot say it, its type."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # `__str__` of the user's, which may do anything
        return type(error).__name__


def _in_words(error: Exception, *, in_full: bool) -> str:
    """Return what the model is told of an exception.

    Of an unexpected one that is its type: its text was not written for the model, and
    may hold what the provider of the model, or whoever reads along, must not see.
    """
    if isinstance(error, ToolError):
        return words_of(error)
    if isinstance(error, ExceptionGroup):  # a nursery of the handler's makes one
        faults = cast("ExceptionGroup[Exception]", error).exceptions
        return "\n".join(_in_words(fault, in_full=in_full) for fault in faults)
    kind = type(error).__name__
    if not in_full:
        return f"The tool failed: {kind}"
    return f"The tool failed: {kind}: {words_of(error)}"


async def _run(tool: Tool, call: Callable[[], Awaitable[Any]]) -> Outcome:
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


def by_name(tools: tuple[Tool, ...]) -> dict[str, Tool]:
    """Return the tools by their names.

    Raises:
      ToolDefinitionError: two tools have the same name.
      TypeError: something is no tool.
    """
    table: dict[str, Tool] = {}
    for item in tools:
        if not isinstance(item, Tool):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
            raise TypeError(
                f"tools: {getattr(item, '__name__', type(item).__name__)} is no tool: "
                "decorate the function with @tool"
            )
        if item.name in table:
            raise ToolDefinitionError(f"Two tools are named {item.name!r}")
        table[item.name] = item
    return table
