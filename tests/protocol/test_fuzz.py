"""What a newer or broken CLI may send arrives: every event, in order, and raw as it was.

The events are recorded ones that were tampered with at random.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.depth import DEPTH
from trio_copilot._protocol.codec import unstructure
from trio_copilot._wire.framing import FrameDecoder, encode_frame
from trio_copilot._wire.messages import Notification, decode_message, encode_message
from trio_copilot.events import MalformedEvent, SessionEvent

pytestmark = pytest.mark.repetitive

Events: TypeAlias = list[dict[str, Any]]
Form: TypeAlias = Callable[[int], dict[str, Any]]
"""Makes one of the recorded events."""

patient = settings(
    max_examples=200 * DEPTH, suppress_health_check=[HealthCheck.too_slow]
)


@attrs.frozen
class Step:
    """A deed at one place of an event, and what it is done with."""

    deed: Callable[[Any, Any, Step], object]
    """Changes a container in an event at a key or index."""
    place: int
    text: str
    value: Any


def drop(where: Any, key: Any, step: Step) -> None:
    del where[key]


def null(where: Any, key: Any, step: Step) -> None:
    where[key] = None


def retype(where: Any, key: Any, step: Step) -> None:
    where[key] = copy.deepcopy(step.value)


def nest(where: Any, key: Any, step: Step) -> None:
    where[key] = {step.text: where[key]}


def repeat(where: Any, key: Any, step: Step) -> None:
    where[key] = [copy.deepcopy(where[key]) for _ in range(step.place % 3)]


def rename(where: Any, key: Any, step: Step) -> None:
    if isinstance(where, dict):
        where[step.text] = where.pop(key)


def swap(where: Any, key: Any, step: Step) -> None:
    other = pick(list(keys(where)), step.place)
    where[key], where[other] = where[other], where[key]


def add(where: Any, key: Any, step: Step) -> None:
    if isinstance(where, dict):
        where[f"brand{step.text}"] = copy.deepcopy(step.value)


def add_another(where: Any, key: Any, step: Step) -> None:
    if isinstance(where, dict):  # it may be a mapping, all of whose values are alike
        where[f"brand{step.text}"] = copy.deepcopy(where[key])


def change_text(where: Any, key: Any, step: Step) -> None:
    if isinstance(where[key], str):
        where[key] = f"brand{step.text}"


def to_float(where: Any, key: Any, step: Step) -> None:
    if type(where[key]) is int:
        where[key] = float(where[key])


def to_int(where: Any, key: Any, step: Step) -> None:
    if type(where[key]) is float:
        where[key] = int(where[key])


NEWER = (add_another, change_text, to_float)
"""What a newer CLI may do, and nobody may call malformed: more fields, other members of
enumerations, other tags; and a whole number may be written as `3.0`."""
ANY = (*NEWER, add, to_int, drop, null, retype, nest, repeat, rename, swap)

numbers = st.integers(0, 2**32)
scalars = st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text()
arrays = st.lists(scalars, max_size=2)
objects = st.dictionaries(st.text(), scalars | arrays, max_size=2)


def steps(deeds: Sequence[Any]) -> st.SearchStrategy[list[Step]]:
    """Up to three steps with some of these deeds."""
    values = st.one_of(scalars, arrays, objects)
    step = st.builds(Step, st.sampled_from(deeds), numbers, st.text(), values)
    return st.lists(step, min_size=1, max_size=3)


def pick(choices: Sequence[Any], number: int) -> Any:
    return choices[number % len(choices)]


def keys(value: Any) -> Iterable[Any]:
    return value if isinstance(value, dict) else range(len(value))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place inside a JSON value."""
    for key in keys(value):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def tamper(value: Any, steps: Iterable[Step]) -> None:
    for step in steps:
        found = list(places(value))
        if found:
            where, key = pick(found, step.place)
            step.deed(where, key, step)


def over_the_wire(events: Events) -> Iterator[SessionEvent]:
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


@patient
@given(st.lists(st.tuples(numbers, steps(ANY)), min_size=1, max_size=4))
def test_whatever_is_done_to_events_they_arrive_in_order_and_keep_what_was_sent(
    form: Form, plan: list[tuple[int, list[Step]]]
) -> None:
    sent = [form(number) for number, _ in plan]
    for raw, (_, steps) in zip(sent, plan, strict=True):
        tamper(raw, steps)

    events = list(over_the_wire(sent))

    payloads = [event.data for event in events]
    assert [unstructure(data) for data in payloads] == [raw.get("data") for raw in sent]
    assert [event.raw for event in events] == sent
    assert None not in payloads
    assert all(map(repr, [*events, *payloads]))


@patient
@given(numbers, steps(NEWER))
def test_fields_words_and_tags_of_a_newer_cli_are_not_malformed(
    form: Form, number: int, steps: list[Step]
) -> None:
    raw = form(number)
    tamper(raw["data"], steps)

    data = SessionEvent(raw).data

    assert not isinstance(data, MalformedEvent), data.error
    assert unstructure(data) == raw["data"]


@patient
@given(numbers, numbers)
def test_an_event_of_another_type_keeps_its_payload(
    form: Form, one: int, other: int
) -> None:
    raw = {**form(one), "type": form(other)["type"]}

    assert unstructure(SessionEvent(raw).data) == raw["data"]
