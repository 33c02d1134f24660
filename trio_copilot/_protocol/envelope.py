"""The part of a wire event that every event has.

Strategy: an event is made in the reader, thousands of times a second, and most are
filtered out or merged unseen. So making one keeps the dict and picks out its type;
everything else is read when it is asked for. Whatever the CLI sends makes an event.

This module must not know what the payloads mean: `codec` does, and is imported when the
first payload is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import attrs

_set = object.__setattr__  # how a frozen object is filled


@cache
def _codec() -> Callable[[str, Any], object]:
    from .codec import structure_data

    return structure_data


@attrs.frozen(init=False, repr=False)
class SessionEvent:
    """One event of a session, as the CLI sent it.

    Two events are equal if they were sent equal. The typed payload is made when it is
    first looked at, once, so that `match` is the natural way to read events::

        match event:
            case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
                ...

    Args:
      raw: `params.event` of one `session.event` notification. The event keeps it; it
          must not be changed any more.
    """

    raw: Mapping[str, Any]
    """The event as received."""
    type: str = attrs.field(init=False, eq=False)
    """The wire type, such as `assistant.message_delta`; empty if the event has none."""
    _data: object = attrs.field(init=False, eq=False, repr=False)  # once looked at

    def __init__(self, raw: Mapping[str, Any]) -> None:
        # By hand: this runs for every event, and a generated one takes a third longer.
        _set(self, "raw", raw)
        wire_type = raw.get("type")
        _set(self, "type", wire_type if isinstance(wire_type, str) else "")

    @property
    def id(self) -> str | None:
        """The event's id; the CLI may send an event again, under the same id."""
        return self._text("id")

    @property
    def timestamp(self) -> datetime | None:
        """When the CLI made the event, with its time zone."""
        try:
            moment = datetime.fromisoformat(self._text("timestamp") or "")
        except ValueError:
            return None
        return moment if moment.tzinfo is not None else None

    @property
    def parent_id(self) -> str | None:
        """The id of the event before this one in the session's log."""
        return self._text("parentId")

    @property
    def agent_id(self) -> str | None:
        """The sub-agent that this is about; `None` is the main agent."""
        return self._text("agentId")

    @property
    def ephemeral(self) -> bool:
        """Whether the event is seen live only, not kept in the session's log."""
        return self.raw.get("ephemeral") is True

    @property
    def data(self) -> object:
        """The payload: one of the classes in `trio_copilot.events`.

        It is an `UnknownEvent` if the type is not known, a `MalformedEvent` if the
        payload does not fit the type.
        """
        try:
            return self._data
        except AttributeError:  # it is the first look
            data = _codec()(self.type, self.raw.get("data"))
            _set(self, "_data", data)
            return data

    def _text(self, key: str) -> str | None:
        value = self.raw.get(key)
        return value if isinstance(value, str) else None

    def __hash__(self) -> int:
        return hash((self.type, self.id))

    def __reduce__(self) -> tuple[object, ...]:
        return SessionEvent, (self.raw,)

    def __repr__(self) -> str:
        parts = [self.type[:80] or "without a type"]
        if self.id is not None:
            parts.append(f"id={self.id[:80]}")
        if self.agent_id is not None:
            parts.append(f"agent_id={self.agent_id[:80]}")
        return f"<SessionEvent {' '.join(parts)}>"
