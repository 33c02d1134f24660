"""Events of a turn become messages of the bridge.

This module does not know who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trio_copilot import (
    CancelCause,
    Correction,
    Notice,
    ReasoningDelta,
    Retry,
    TextDelta,
    ToolCall,
    ToolProgress,
    ToolResult,
    TurnEnd,
    TurnEndReason,
    TurnError,
    TurnEvent,
    TurnStart,
    Usage,
)

from ._messages import (
    Corrected,
    Delta,
    End,
    Noticed,
    Reasoning,
    Retried,
    ServerMessage,
    Start,
    ToolCalled,
    ToolEnded,
    ToolProgressed,
)

_USAGE = (
    *("calls", "input_tokens", "output_tokens", "cache_read_tokens"),
    *("cache_write_tokens", "reasoning_tokens", "cost", "duration"),
)


def translated(event: TurnEvent, turn: str) -> ServerMessage | None:
    """Return what the peer is told of an event; `None` for what others say better.

    Args:
      event: of the turn. Its `TurnEnd` is `ended`'s.
      turn: the peer's id of the turn.
    """
    match event:
        case TextDelta():
            return _delta(event, turn)
        case Correction():
            return _correction(event, turn)
        case ReasoningDelta(text=text, agent_id=agent):
            return Reasoning(turn=turn, text=text, agent=agent)
        case ToolCall():
            return _tool_call(event, turn)
        case ToolProgress(call_id=call, text=text, agent_id=agent):
            return ToolProgressed(turn=turn, call=call, text=text, agent=agent)
        case ToolResult():
            return _tool_result(event, turn)
        case TurnStart(message_id=message_id):
            return Start(turn=turn, message_id=message_id)
        case Retry():
            return _retry(event, turn)
        case Notice(kind=kind, text=text) if kind != "model_retry":  # a Retry says it
            return Noticed(turn=turn, kind=kind, text=text)
        case _:
            return None


def _delta(event: TextDelta, turn: str) -> Delta:
    return Delta(
        turn=turn,
        text=event.text,
        message=event.message_id,
        agent=event.agent_id,
        separator=event.separator or None,
    )


def _correction(event: Correction, turn: str) -> Corrected:
    return Corrected(
        turn=turn,
        message=event.message_id,
        was=event.was,
        text=event.text,
        agent=event.agent_id,
    )


def _retry(event: Retry, turn: str) -> Retried:
    return Retried(
        turn=turn,
        kind=event.kind,
        dropped=event.dropped_text,
        status_code=event.status_code,
        message=event.message or None,
        waited=event.waited,
    )


def _tool_call(event: ToolCall, turn: str) -> ToolCalled:
    return ToolCalled(
        turn=turn,
        call=event.call_id,
        name=event.name,
        arguments=event.arguments,
        agent=event.agent_id,
    )


def _tool_result(event: ToolResult, turn: str) -> ToolEnded:
    return ToolEnded(
        turn=turn,
        call=event.call_id,
        success=event.success,
        text=event.text,
        agent=event.agent_id,
    )


def ended(end: TurnEnd | None, turn: str, *, stopped: bool) -> End:
    """Return the last message of a turn.

    Args:
      end: how it ended; `None` if it was stopped before it had begun.
      turn: the peer's id of the turn.
      stopped: whether the peer had it stopped.
    """
    if end is None:
        end = TurnEnd(reason=TurnEndReason.CANCELLED, text="", cause=CancelCause.OUTER)
    cause = end.cause
    if stopped and cause is CancelCause.OUTER:
        cause = CancelCause.ABORT  # the scope around the turn is the peer's button
    return End(
        turn=turn,
        reason=end.reason.value,
        cause=cause.value if cause is not None else None,
        usage=usage_of(end.usage),
        error=_error(end.error),
    )


def usage_of(usage: Usage) -> Mapping[str, float]:
    """Return what was used, by name."""
    return {name: getattr(usage, name) for name in _USAGE}


def _error(error: TurnError | None) -> Mapping[str, Any] | None:
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": str(error),
        "status_code": error.status_code,
    }
