"""What a real CLI sent is read without loss; `test_fuzz` tries variations of it."""

from __future__ import annotations

from typing import Any

from trio_copilot._protocol.codec import unstructure
from trio_copilot._protocol.index import EVENTS
from trio_copilot.events import MalformedEvent, SessionEvent, UnknownEvent


def test_every_recorded_event_is_read_and_written_back(
    recorded: list[dict[str, Any]],
) -> None:
    types = set()
    for raw in recorded:
        event = SessionEvent(raw)
        types.add(event.type)

        assert not isinstance(event.data, MalformedEvent), event.data.error
        assert isinstance(event.data, UnknownEvent) == (event.type not in EVENTS)
        assert unstructure(event.data) == raw["data"]
    assert len(types) > 65


def test_every_recorded_event_says_when_and_in_which_order(
    recorded: list[dict[str, Any]],
) -> None:
    for raw in recorded:
        event = SessionEvent(raw)

        assert event.id
        assert event.timestamp is not None
        assert event.parent_id == raw["parentId"]
