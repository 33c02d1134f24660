"""Which events can stand for others when a reader is slow.

Two kinds of event make up nearly all the volume. The *deltas* of one text can be joined
into one event with the whole text: nothing is lost. *Progress* replaces its predecessor:
only the newest matters. Every other event stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import attrs

from .._json import as_object
from .._protocol.envelope import SessionEvent
from .turn_events import ReasoningDelta, TextDelta, ToolProgress, TurnEvent

T = TypeVar("T")


@attrs.frozen
class Coalescer(Generic[T]):
    """The rules for one type of item."""

    delta_key: Callable[[T], Hashable | None]
    """Identifies the text that an item continues; `None` if it is not a delta."""
    progress_key: Callable[[T], Hashable | None]
    """Identifies what an item is the newest state of; `None` if it is not progress."""
    piece: Callable[[T], str]
    """The text of a delta."""
    with_piece: Callable[[T, str], T]
    """Returns the same delta with the text of all that were joined."""


# Wire type -> (the field that names the text, the field that holds the piece).
_DELTAS = {
    "assistant.message_delta": ("messageId", "deltaContent"),
    "assistant.reasoning_delta": ("reasoningId", "deltaContent"),
    "assistant.tool_call_delta": ("toolCallId", "inputDelta"),
    "tool.shell_output": ("toolCallId", "text"),
}
# Wire types of which only the newest matters -> the field that identifies it.
_PROGRESS = {
    "assistant.streaming_delta": "",
    "model.messages_snapshot": "",
    "pending_messages.modified": "",
    "session.background_tasks_changed": "",
    "session.usage_info": "",
    "tool.execution_partial_result": "toolCallId",
}


def _data(event: SessionEvent) -> dict[str, Any]:
    return as_object(event.payload)


def _event_delta_key(event: SessionEvent) -> Hashable | None:
    fields = _DELTAS.get(event.type)
    if fields is None:
        return None
    name, piece = fields
    data = _data(event)
    if not isinstance(data.get(piece), str):
        return None
    return (event.type, event.agent_id, str(data.get(name)), str(data.get("stream")))


def _event_progress_key(event: SessionEvent) -> Hashable | None:
    field = _PROGRESS.get(event.type)
    if field is None:
        return None
    return (event.type, event.agent_id, str(_data(event).get(field)))


def _event_piece(event: SessionEvent) -> str:
    return str(_data(event)[_DELTAS[event.type][1]])


def _event_with_piece(event: SessionEvent, piece: str) -> SessionEvent:
    field = _DELTAS[event.type][1]
    return SessionEvent({**event.raw, "data": {**_data(event), field: piece}})


def _turn_delta_key(event: TurnEvent) -> Hashable | None:
    match event:
        case TextDelta(separator=""):
            return (TextDelta, event.message_id, event.agent_id)
        case ReasoningDelta():
            return (ReasoningDelta, event.reasoning_id, event.agent_id)
        case ToolProgress():
            return (ToolProgress, event.call_id, event.agent_id)
        case _:
            return None


def _turn_piece(event: TurnEvent) -> str:
    return event.text if isinstance(event, _TURN_DELTAS) else ""


def _turn_with_piece(event: TurnEvent, piece: str) -> TurnEvent:
    if isinstance(event, _TURN_DELTAS):
        return attrs.evolve(event, text=piece)
    return event


_TURN_DELTAS = (TextDelta, ReasoningDelta, ToolProgress)

SESSION_EVENTS: Coalescer[SessionEvent] = Coalescer(
    _event_delta_key, _event_progress_key, _event_piece, _event_with_piece
)
TURN_EVENTS: Coalescer[TurnEvent] = Coalescer(
    _turn_delta_key, lambda _: None, _turn_piece, _turn_with_piece
)
