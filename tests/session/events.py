"""Session events as the CLI sends them, in few words."""

from __future__ import annotations

import itertools
from typing import Any

from trio_copilot import SessionEvent

_ids = itertools.count(1)


def event(
    wire_type: str, *, agent: str | None = None, ephemeral: bool = False, **data: Any
) -> SessionEvent:
    """An event with an id that no other has."""
    raw: dict[str, Any] = {"id": f"event-{next(_ids)}", "type": wire_type, "data": data}
    if agent is not None:
        raw["agentId"] = agent
    if ephemeral:
        raw["ephemeral"] = True
    return SessionEvent(raw)


def delta(text: str, message_id: str = "m1", agent: str | None = None) -> SessionEvent:
    """A piece of an answer."""
    return event(
        "assistant.message_delta",
        agent=agent,
        ephemeral=True,
        messageId=message_id,
        deltaContent=text,
    )


def text_of(item: object) -> str:
    """The piece that a delta holds."""
    assert isinstance(item, SessionEvent)
    return str(item.raw["data"]["deltaContent"])
