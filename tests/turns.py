"""What tests do with a turn, and ask of the model behind it."""

from __future__ import annotations

from trio_copilot import TextDelta, ToolResult, Turn
from trio_copilot.testing import ModelRequest


async def until_text(turn: Turn) -> None:
    """Iterate a turn until the model has begun to speak."""
    async for event in turn:
        if isinstance(event, TextDelta):
            return
    raise AssertionError("no text came")


async def tool_results(turn: Turn) -> list[ToolResult]:
    """Iterate a turn to its end; return the results of its tools."""
    return [event async for event in turn if isinstance(event, ToolResult)]


def tool_texts(request: ModelRequest) -> list[str]:
    """Return what the tools have told the model so far."""
    return [str(m["content"]) for m in request.messages if m.get("role") == "tool"]
