"""What a newer or broken CLI may send arrives: every event, in order, and raw as it was.

The events are recorded ones that were tampered with at random.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from trio_copilot._protocol.codec import unstructure
from trio_copilot._wire.framing import FrameDecoder, encode_frame
from trio_copilot._wire.messages import Notification, decode_message, encode_message
from trio_copilot.events import MalformedEvent, SessionEvent

Draw = Callable[[st.SearchStrategy[Any]], Any]
Deed = Callable[[Any, Any, Draw], object]
"""Tampers with a container in an event at a key or index, as chance has it."""

# Not timed: a busy machine would fail them.
untimed = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def drop(where: Any, key: Any, draw: Draw) -> None:
    del where[key]


def null(where: Any, key: Any, draw: Draw) -> None:
    where[key] = None


def retype(where: Any, key: Any, draw: Draw) -> None:
    where[key] = draw(json_values)


def nest(where: Any, key: Any, draw: Draw) -> None:
    where[key] = draw(st.sampled_from([[where[key]], {"in": where[key]}]))


def repeat(where: Any, key: Any, draw: Draw) -> None:
    where[key] = [copy.deepcopy(where[key])] * draw(st.integers(0, 3))


def rename(where: Any, key: Any, draw: Draw) -> None:
    if isinstance(where, dict):
        where[draw(st.text())] = where.pop(key)


def swap(where: Any, key: Any, draw: Draw) -> None:
    other = draw(st.sampled_from(list(keys(where))))
    where[key], where[other] = where[other], where[key]


def add(where: Any, key: Any, draw: Draw) -> None:
    if isinstance(where, dict):
        where[f"brand{draw(st.text())}"] = draw(json_values)


def other_number(where: Any, key: Any, draw: Draw) -> None:
    if type(where[key]) is int:
        where[key] = float(where[key])
    elif type(where[key]) is float:
        where[key] = int(where[key])


def other_text(where: Any, key: Any, draw: Draw) -> None:
    if isinstance(where[key], str):
        where[key] = f"brand{draw(st.text())}"


def as_float(where: Any, key: Any, draw: Draw) -> None:
    if type(where[key]) is int:
        where[key] = float(where[key])


ANYTHING: list[Deed] = [drop, null, retype, nest, repeat, rename, swap, add]
ANYTHING += [other_number, other_text]
PROGRESS: list[Deed] = [add, other_text, as_float]
"""What a newer CLI may do, and nobody may call malformed: more fields, other members of
enumerations, other tags; and a whole number may be written as `3.0`."""


def keys(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, dict) else range(len(value))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place inside a JSON value."""
    for key in keys(value):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def tampered(raw: Any, inside: str | None, deeds: list[Deed], draw: Draw) -> Any:
    """Return an event to which up to three deeds were done, perhaps in one part only."""
    raw = copy.deepcopy(raw)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(raw[inside] if inside else raw))
        if found:
            where, key = draw(st.sampled_from(found))
            draw(st.sampled_from(deeds))(where, key, draw)
    return raw


@untimed
@given(data=st.data())
def test_whatever_is_done_to_events_they_arrive_in_order_and_keep_what_was_sent(
    forms: list[dict[str, Any]], data: st.DataObject
) -> None:
    picked = data.draw(st.lists(st.sampled_from(forms), min_size=1, max_size=5))
    sent = [tampered(raw, None, ANYTHING, data.draw) for raw in picked]

    events = list(over_the_wire(sent))

    assert [event.raw for event in events] == sent
    for event, raw in zip(events, sent, strict=True):
        assert event.data is not None
        assert unstructure(event.data) == raw.get("data")
        assert event.raw == raw
        assert repr(event)
        assert repr(event.data)
        assert event.timestamp is None or event.timestamp.tzinfo is not None


def over_the_wire(events: list[dict[str, Any]]) -> Iterator[SessionEvent]:
    """Send events as a CLI does, and yield them as a client makes them."""
    decoder = FrameDecoder()
    for raw in events:
        params = {"sessionId": "s", "event": raw}
        decoder.feed(
            encode_frame(encode_message(Notification("session.event", params)))
        )
    while (frame := decoder.next_frame()) is not None:
        message = decode_message(frame)
        assert isinstance(message, Notification)
        assert isinstance(message.params, dict)
        yield SessionEvent(message.params["event"])


@untimed
@given(data=st.data())
def test_fields_words_and_tags_of_a_newer_cli_are_not_malformed(
    forms: list[dict[str, Any]], data: st.DataObject
) -> None:
    raw = tampered(data.draw(st.sampled_from(forms)), "data", PROGRESS, data.draw)

    event = SessionEvent(raw)

    assert not isinstance(event.data, MalformedEvent), event.data.error
    assert unstructure(event.data) == raw["data"]


@untimed
@given(data=st.data())
def test_an_event_of_another_type_keeps_its_payload(
    forms: list[dict[str, Any]], data: st.DataObject
) -> None:
    one, other = data.draw(st.tuples(st.sampled_from(forms), st.sampled_from(forms)))

    event = SessionEvent({**one, "type": other["type"]})

    assert unstructure(event.data) == one["data"]
