"""What a real CLI sent is read without loss, and so is anything near it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trio_copilot._protocol.codec import unstructure
from trio_copilot._protocol.index import EVENTS
from trio_copilot.events import MalformedEvent, SessionEvent, UnknownEvent

Place = tuple[Any, Any]  # a container in a raw event, and a key or index in it


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
    assert len(types) > 50


def test_every_recorded_event_says_when_and_in_which_order(
    recorded: list[dict[str, Any]],
) -> None:
    for raw in recorded:
        event = SessionEvent(raw)

        assert event.id
        assert event.timestamp is not None
        assert event.parent_id == raw["parentId"]


# -- mutations: what the next version of the CLI might send


def _drop(where: Any, key: Any, dice: random.Random) -> None:
    del where[key]


def _null(where: Any, key: Any, dice: random.Random) -> None:
    where[key] = None


def _retype(where: Any, key: Any, dice: random.Random) -> None:
    where[key] = dice.choice(["text", 7, 7.5, True, [], [None], {}, {"x": 1}, ""])


def _nest(where: Any, key: Any, dice: random.Random) -> None:
    where[key] = dice.choice([[where[key]], {"x": where[key]}])


def _rename(where: Any, key: Any, dice: random.Random) -> None:
    if isinstance(where, dict):
        where[f"{key}New"] = where.pop(key)


def _add(where: Any, key: Any, dice: random.Random) -> None:
    if isinstance(where, dict):
        where["brandNew"] = copy.deepcopy(where[key])


MUTATIONS: list[Callable[[Any, Any, random.Random], None]] = [
    _drop,
    _null,
    _retype,
    _nest,
    _rename,
    _add,
]


def places(value: Any) -> Iterator[Place]:
    """Every place inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        yield value, key
        if isinstance(part, dict | list):
            yield from places(part)


@pytest.mark.parametrize("seed", range(10))
def test_an_event_that_was_tampered_with_still_arrives(
    recorded: list[dict[str, Any]], seed: int
) -> None:
    dice = random.Random(seed)
    for _ in range(300):
        raw = copy.deepcopy(dice.choice(recorded))
        for _ in range(dice.randint(1, 3)):
            where, key = dice.choice(list(places(raw)))
            dice.choice(MUTATIONS)(where, key, dice)
            if not raw:
                break
        before = copy.deepcopy(raw)

        event = SessionEvent(raw)

        assert event.data is not None
        assert unstructure(event.data) == raw.get("data")
        assert raw == before
        assert repr(event)
        assert repr(event.data)
