"""An event that the CLI repeats is taken once."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.session.events import delta, event
from trio_copilot import SessionEvent
from trio_copilot._session import dedupe
from trio_copilot._session.dedupe import Deduplicator


def test_an_ephemeral_event_is_new_once() -> None:
    seen = Deduplicator()
    one, other = delta("a"), delta("a")

    assert seen.is_new(one)
    assert seen.is_new(other)
    assert not seen.is_new(one)
    assert not seen.is_new(SessionEvent(dict(one.raw)))


def test_an_event_of_the_log_is_always_new() -> None:
    """The CLI repeats those on purpose, as when a session is resumed."""
    seen = Deduplicator()
    kept = event("assistant.message")

    assert seen.is_new(kept)
    assert seen.is_new(kept)


@pytest.mark.parametrize("odd", [{}, {"id": 7}, {"id": None}])
def test_what_has_no_id_is_always_new(odd: dict[str, object]) -> None:
    seen = Deduplicator()
    nameless = SessionEvent({"type": "x", "ephemeral": True, **odd})

    assert seen.is_new(nameless)
    assert seen.is_new(nameless)


def test_a_repetition_that_comes_in_the_next_turn_is_known() -> None:
    seen = Deduplicator()
    late = delta("a")
    seen.is_new(late)

    seen.next_turn()
    assert not seen.is_new(late)


def test_what_was_two_turns_ago_is_forgotten() -> None:
    seen = Deduplicator()
    old = delta("a")
    seen.is_new(old)

    seen.next_turn()
    seen.next_turn()
    assert seen.is_new(old)


def test_memory_is_bounded_and_the_oldest_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dedupe, "WINDOW", 3)
    seen = Deduplicator()
    events = [delta(str(number)) for number in range(6)]
    assert all(map(seen.is_new, events))

    assert [seen.is_new(event) for event in events[3:]] == [False] * 3
    assert seen.is_new(events[0])


@given(st.lists(st.integers(0, 30), max_size=200))
def test_whatever_came_within_the_window_is_known(ids: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dedupe, "WINDOW", 8)
        seen, fresh = Deduplicator(), list[int]()
        for number in ids:
            event = SessionEvent({"type": "x", "ephemeral": True, "id": str(number)})
            if seen.is_new(event):
                assert number not in fresh[-8:]
                fresh.append(number)
            else:
                assert number in fresh[-16:]
