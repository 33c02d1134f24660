"""Which events can stand for others when a reader is slow.

Two kinds of event make up nearly all the volume. The *deltas* of one text can be joined
into one event with the whole text: nothing is lost. *Progress* replaces its predecessor:
only the newest matters. Every other event stands alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import attrs

from .._json import as_object
from .._protocol.envelope import SessionEvent
from .turn_events import ReasoningDelta, TextDelta, ToolProgress, TurnEvent

T = TypeVar("T")


class Coalescer(Generic[T]):
    """The rules for one type of item; by default nothing can be joined."""

    def delta_key(self, item: T) -> Hashable | None:
        """Identify the text that an item continues; `None` if it is not a delta."""
        return None

    def progress_key(self, item: T) -> Hashable | None:
        """Identify what an item is the newest state of; `None` if it is not progress."""
        return None

    def piece(self, item: T) -> str:
        """Return the text of a delta."""
        return ""

    def with_piece(self, item: T, piece: str) -> T:
        """Return the same delta with the text of all that were joined."""
        return item


# {wire type: (the field that names the text, the field that holds the piece)}
_DELTAS = {
    "assistant.message_delta": ("messageId", "deltaContent"),
    "assistant.reasoning_delta": ("reasoningId", "deltaContent"),
    "assistant.tool_call_delta": ("toolCallId", "inputDelta"),
    "tool.shell_output": ("toolCallId", "text"),
}
# {wire type of which only the newest matters: the field by which there are several, or ""}
_PROGRESS = {
    "assistant.streaming_delta": "",
    "model.messages_snapshot": "",
    "pending_messages.modified": "",
    "session.background_tasks_changed": "",
    "session.usage_info": "",
    "tool.execution_partial_result": "toolCallId",
}


class _EventRules(Coalescer[SessionEvent]):
    """The rules for wire events, by their type and ids."""

    def delta_key(self, item: SessionEvent) -> Hashable | None:
        fields = _DELTAS.get(item.type)
        if fields is None:
            return None
        name, piece = fields
        data = as_object(item.payload)
        if not isinstance(data.get(piece), str):
            return None
        # Shell output of one call has two streams, stdout and stderr.
        return (item.type, item.agent_id, str(data.get(name)), str(data.get("stream")))

    def progress_key(self, item: SessionEvent) -> Hashable | None:
        field = _PROGRESS.get(item.type)
        if field is None:
            return None
        return (item.type, item.agent_id, str(as_object(item.payload).get(field)))

    def piece(self, item: SessionEvent) -> str:
        return str(as_object(item.payload)[_DELTAS[item.type][1]])

    def with_piece(self, item: SessionEvent, piece: str) -> SessionEvent:
        data = {**as_object(item.payload), _DELTAS[item.type][1]: piece}
        return SessionEvent({**item.raw, "data": data})


class _TurnEventRules(Coalescer[TurnEvent]):
    """The rules for turn events: a turn loses nothing, so none is mere progress."""

    def delta_key(self, item: TurnEvent) -> Hashable | None:
        match item:
            case TextDelta(separator=""):
                return (TextDelta, item.message_id, item.agent_id)
            case ReasoningDelta():
                return (ReasoningDelta, item.reasoning_id, item.agent_id)
            case ToolProgress():
                return (ToolProgress, item.call_id, item.agent_id)
            case _:
                return None

    def piece(self, item: TurnEvent) -> str:
        return item.text if isinstance(item, _TURN_DELTAS) else ""

    def with_piece(self, item: TurnEvent, piece: str) -> TurnEvent:
        return (
            attrs.evolve(item, text=piece) if isinstance(item, _TURN_DELTAS) else item
        )


_TURN_DELTAS = (TextDelta, ReasoningDelta, ToolProgress)

SESSION_EVENTS: Coalescer[SessionEvent] = _EventRules()
TURN_EVENTS: Coalescer[TurnEvent] = _TurnEventRules()
