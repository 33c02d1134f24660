"""Every event of the index can be imported, read and written."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from trio_copilot import events
from trio_copilot._protocol.codec import structure_data, unstructure
from trio_copilot._protocol.index import EVENTS, TYPES
from trio_copilot._protocol.open_enum import OpenEnum
from trio_copilot._protocol.unknown import MalformedEvent, UnknownVariant
from trio_copilot._protocol.wire_object import WireObject, wire_names

GENERATED = Path(
    importlib.import_module("trio_copilot._protocol.generated").__path__[0]
)

each_event = pytest.mark.parametrize("wire_type", EVENTS)


def payload_type(wire_type: str) -> Any:
    return getattr(events, EVENTS[wire_type][1])


@each_event
def test_each_event_is_read_and_written_back(wire_type: str, samples: Any) -> None:
    for raw in samples.payloads(payload_type(wire_type)):
        data = structure_data(wire_type, raw)

        assert isinstance(data, payload_type(wire_type)), data
        assert unstructure(data) == raw


@each_event
def test_each_missing_field_is_told(wire_type: str, samples: Any) -> None:
    members = get_args(payload_type(wire_type)) or (payload_type(wire_type),)
    for of in members:
        if of is UnknownVariant:
            continue
        whole = samples.payload(of, full=False)
        names = {wire: name for name, wire in wire_names(of).items()}
        for wire in whole.keys() - ({"kind"} if len(members) > 1 else set()):
            part = {key: value for key, value in whole.items() if key != wire}
            data = structure_data(wire_type, part)

            assert isinstance(data, MalformedEvent)
            assert data.error == f"required, but missing @ data.{names[wire]}"


def test_each_type_is_in_the_facade() -> None:
    for name, module in TYPES.items():
        home = importlib.import_module(f"trio_copilot._protocol.generated.{module}")
        of = getattr(events, name)

        assert of is getattr(home, name)
        if isinstance(of, type):
            assert issubclass(of, (WireObject, OpenEnum))
            assert of.__doc__
        else:
            assert all(attrs.has(member) for member in get_args(of))


def test_the_facade_shows_what_it_has() -> None:
    own = {"SessionEvent", "UnknownEvent", "MalformedEvent", "UnknownVariant"}

    assert own | set(TYPES) <= set(dir(events))


def test_the_facade_knows_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'AssistentMessage'"):
        _ = events.AssistentMessage  # type: ignore[attr-defined] # that is the test


def test_type_checkers_see_each_type_in_the_facade() -> None:
    assert events.__file__ is not None
    source = Path(events.__file__).read_text()
    imported = {
        alias.asname: node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }

    for name, module in TYPES.items():
        assert imported[name] == f"_protocol.generated.{module}"


@pytest.mark.parametrize("path", [*GENERATED.glob("*.py")], ids=lambda path: path.stem)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 1500


def test_modules_import_none_but_turn_and_shared() -> None:
    allowed = {"stream": set[str](), "turn": {"shared"}}
    modules = list(GENERATED.glob("*.py"))
    assert len(modules) > len(allowed)
    for path in modules:
        siblings = {
            node.module
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.level == 1
        }
        assert siblings <= allowed.get(path.stem, {"turn", "shared"})
