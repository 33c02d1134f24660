"""An event can be made of any dict, and is read only where it is used."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trio_copilot._protocol import codec
from trio_copilot.events import (
    AssistantMessageDelta,
    MalformedEvent,
    SessionEvent,
    UnknownEvent,
)

DELTA = {
    "type": "assistant.message_delta",
    "id": "e1",
    "timestamp": "2026-11-20T21:00:16.201Z",
    "parentId": "e0",
    "agentId": "a1",
    "ephemeral": True,
    "data": {"messageId": "m1", "deltaContent": "Hello"},
}
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
json_values = (
    scalars
    | st.lists(scalars, max_size=2)
    | st.dictionaries(st.text(max_size=5), scalars, max_size=2)
    | st.sampled_from(list(DELTA.values()))
)
garbage = st.dictionaries(st.sampled_from([*DELTA, "other"]), json_values, max_size=7)

# Must not fail on a busy machine.
patient = settings(suppress_health_check=[HealthCheck.too_slow])


def test_the_envelope_is_read_with_python_names() -> None:
    event = SessionEvent(DELTA)

    assert event.type == "assistant.message_delta"
    assert event.raw is DELTA
    assert event.id == "e1"
    assert event.timestamp == datetime(2026, 11, 20, 21, 0, 16, 201000, UTC)
    assert event.timestamp.utcoffset() == timedelta(0)
    assert event.parent_id == "e0"
    assert event.agent_id == "a1"
    assert event.ephemeral is True


def test_what_is_absent_is_none() -> None:
    event = SessionEvent({"type": "abort", "parentId": None})

    assert event.id is None
    assert event.timestamp is None
    assert event.parent_id is None
    assert event.agent_id is None
    assert event.ephemeral is False


@pytest.mark.parametrize("moment", [None, 5, "", "yesterday", "2026-11-20T21:00:16"])
def test_a_timestamp_that_says_no_moment_is_none(moment: object) -> None:
    assert SessionEvent({"timestamp": moment}).timestamp is None


def test_a_match_statement_reads_an_event() -> None:
    match SessionEvent(DELTA):
        case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
            assert text == "Hello"
        case _:
            pytest.fail("no match")


def test_the_payload_is_structured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    event = SessionEvent(DELTA)
    data = event.data
    monkeypatch.setattr(codec, "_hooks", {})

    assert event.data is data
    assert SessionEvent(DELTA).data is not data
    assert SessionEvent(DELTA).data == data


def test_an_event_cannot_be_changed() -> None:
    event: Any = SessionEvent(DELTA)
    for name in ("type", "id", "raw", "data", "new"):
        with pytest.raises(AttributeError):
            setattr(event, name, "other")


def test_events_are_equal_if_they_were_sent_equal() -> None:
    twin, other = SessionEvent(dict(DELTA)), SessionEvent({**DELTA, "id": "e2"})

    assert SessionEvent(DELTA) == twin
    assert SessionEvent(DELTA) != other
    assert {SessionEvent(DELTA), twin, other} == {twin, other}


@pytest.mark.parametrize("look_first", [False, True])
def test_an_event_can_be_copied_and_pickled(look_first: bool) -> None:
    event = SessionEvent(DELTA)
    if look_first:
        assert event.data

    for twin in (
        copy.copy(event),
        copy.deepcopy(event),
        pickle.loads(pickle.dumps(event)),
    ):
        assert twin == event
        assert twin.data == event.data


def test_the_repr_is_short_and_shows_no_payload() -> None:
    long = "x" * 1_000_000
    event = SessionEvent(
        {"type": long, "id": long, "agentId": long, "data": {"messageId": "secret"}}
    )

    assert repr(SessionEvent(DELTA)) == (
        "<SessionEvent assistant.message_delta id=e1 agent_id=a1>"
    )
    assert repr(SessionEvent({})) == "<SessionEvent without a type>"
    assert len(repr(event)) < 300
    assert "secret" not in repr(event)


@pytest.mark.parametrize("raw", [{}, {"type": 7}, {"type": None}, {"type": ["abort"]}])
def test_an_event_without_a_type_is_an_unknown_one(raw: dict[str, Any]) -> None:
    event = SessionEvent({**raw, "data": {"some": "data"}})

    assert event.type == ""
    assert event.data == UnknownEvent("", {"some": "data"})


@pytest.mark.parametrize("data", [None, 5, "text", [], {}])
def test_a_payload_that_is_no_such_object_is_malformed(data: object) -> None:
    event = SessionEvent({"type": "assistant.message_delta", "data": data})

    assert isinstance(event.data, MalformedEvent)
    assert event.data.raw == data


@patient
@given(garbage)
def test_no_dict_is_too_strange(raw: dict[str, Any]) -> None:
    event = SessionEvent(raw)

    assert isinstance(event.type, str)
    for text in (event.id, event.parent_id, event.agent_id):
        assert text is None or isinstance(text, str)
    assert event.timestamp is None or event.timestamp.tzinfo is not None
    assert isinstance(event.ephemeral, bool)
    assert event.data is not None
    assert repr(event)
    assert hash(event) == hash(SessionEvent(raw))
