"""Recorded events, and payloads made up from the annotations of a class."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import pytest

from trio_copilot._protocol.open_enum import OpenEnum
from trio_copilot._protocol.unknown import UnknownVariant
from trio_copilot._protocol.wire_object import WireObject, wire_names

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
OTHERS = Path(__file__).with_name("recorded_events.jsonl")
"""Of 107 more conversations with CLI 1.0.102 one event of each form: of the same type,
with the same fields of the same JSON types. Forms that the conversations in
`TRANSCRIPTS` have are left out."""


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    """Every event of the recorded conversations, as the CLI sent it."""
    paths = sorted(TRANSCRIPTS.glob("*.jsonl"))
    messages = [line["msg"] for path in paths for line in _lines(path)]
    events = [m["params"] for m in messages if m.get("method") == "session.event"]
    return [params["event"] for params in events] + _lines(OTHERS)


@pytest.fixture(scope="session")
def form(recorded: list[dict[str, Any]]) -> Callable[[int], dict[str, Any]]:
    """Make a recorded event of each form, so that the rare ones are tried as often.

    It is a function, because Hypothesis prints the arguments of a test.
    """
    forms = list({_form(event): event for event in recorded}.values())
    return lambda number: copy.deepcopy(forms[number % len(forms)])


def _form(value: Any) -> object:
    """Return what values have in common that differ in strings and numbers only."""
    if isinstance(value, list):
        return frozenset(map(_form, value))
    if not isinstance(value, dict):
        return type(value)
    form = frozenset((name, _form(part)) for name, part in value.items())
    return value.get("type") if "timestamp" in value else "", form


class Samples:
    """JSON values that fit a type."""

    def payloads(self, of: Any) -> list[dict[str, Any]]:
        """One payload with the required fields and one with all, per class."""
        if not isinstance(of, type):
            members = (m for m in get_args(of) if m is not UnknownVariant)
            return [payload for member in members for payload in self.payloads(member)]
        return [self.payload(of, full=False), self.payload(of, full=True)]

    def payload(self, of: type[WireObject], *, full: bool) -> dict[str, Any]:
        fields = attrs.fields_dict(attrs.resolve_types(of))
        return {
            wire: self.value(fields[name].type, full=full)
            for name, wire in wire_names(of).items()
            if full or fields[name].default is attrs.NOTHING
        }

    def value(self, of: Any, *, full: bool) -> Any:
        origin, args = get_origin(of), get_args(of)
        if origin in (Union, UnionType):
            return self.value(args[0], full=full)
        if origin is Literal:
            return args[0]
        if origin is tuple:
            return [self.value(args[0], full=full)]
        if origin is Mapping:
            return {"key": self.value(args[1], full=full)}
        if issubclass(of, WireObject):
            return self.payload(of, full=full)
        if issubclass(of, OpenEnum):
            return next(iter(of)).value
        return {str: "text", int: 3, float: 1.5, bool: True, NoneType: None}[of]


class SamplesWithAny(Samples):
    def value(self, of: Any, *, full: bool) -> Any:
        return {"any": [1, None]} if of is Any else super().value(of, full=full)


@pytest.fixture(scope="session")
def samples() -> Samples:
    return SamplesWithAny()
