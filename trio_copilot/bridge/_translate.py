"""Events of a turn become messages of the bridge.

This module does not know who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    """Return the message for an event; `None` if other messages cover it.

    Args:
      event: an event of the turn; for its `TurnEnd` there is `end_message`.
      turn: the peer's id of the turn.
    """
    match event:
        case TextDelta():
            return Delta(
                turn=turn,
                text=event.text,
                message=event.message_id,
                agent=event.agent_id,
                separator=event.separator or None,
            )
        case Correction():
            return Corrected(
                turn=turn,
                message=event.message_id,
                was=event.was,
                text=event.text,
                agent=event.agent_id,
            )
        case ReasoningDelta(text=text, agent_id=agent):
            return Reasoning(turn=turn, text=text, agent=agent)
        case ToolCall(call_id=call, name=name, arguments=arguments, agent_id=agent):
            return ToolCalled(
                turn=turn, call=call, name=name, arguments=arguments, agent=agent
            )
        case ToolProgress(call_id=call, text=text, agent_id=agent):
            return ToolProgressed(turn=turn, call=call, text=text, agent=agent)
        case ToolResult(call_id=call, success=success, text=text, agent_id=agent):
            return ToolEnded(
                turn=turn, call=call, success=success, text=text, agent=agent
            )
        case TurnStart(message_id=message_id):
            return Start(turn=turn, message_id=message_id)
        case Retry():
            return Retried(
                turn=turn,
                kind=event.kind,
                dropped=event.dropped_text,
                status_code=event.status_code,
                message=event.message or None,
                waited=event.waited,
            )
        case Notice(kind=kind, text=text) if kind != "model_retry":  # a Retry covers it
            return Noticed(turn=turn, kind=kind, text=text)
        case _:
            return None


def end_message(end: TurnEnd | None, turn: str, *, stopped: bool) -> End:
    """Return the last message of a turn.

    Args:
      end: how it ended; `None` if it was stopped before it had begun.
      turn: the peer's id of the turn.
      stopped: whether the peer asked to stop it.
    """
    if end is None:
        end = TurnEnd(reason=TurnEndReason.CANCELLED, text="", cause=CancelCause.OUTER)
    cause = end.cause
    if stopped and cause is CancelCause.OUTER:
        cause = CancelCause.ABORT  # the scope around the turn is the peer's button
    error = None
    if end.error is not None:
        error = {
            "kind": end.error.kind,
            "message": str(end.error),
            "status_code": end.error.status_code,
        }
    return End(
        turn=turn,
        reason=end.reason.value,
        cause=cause.value if cause is not None else None,
        usage=usage_of(end.usage),
        error=error,
    )


def failure(message: str, kind: str) -> TurnEnd:
    """Return the end of a turn that failed outside of the agent's work."""
    error = TurnError(message, kind=kind)
    return TurnEnd(reason=TurnEndReason.ERROR, text="", error=error)


def usage_of(usage: Usage) -> Mapping[str, float]:
    """Return what was used, by name."""
    return {name: getattr(usage, name) for name in _USAGE}
