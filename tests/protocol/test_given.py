"""What users give may be a string wherever an enumeration is wanted, for type checkers too."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import pytest

from trio_copilot import rpc
from trio_copilot._protocol.call_codec import types_of
from trio_copilot._protocol.calls import Handler, Namespace
from trio_copilot._protocol.names import resolved
from trio_copilot._protocol.open_enum import OpenEnum
from trio_copilot._protocol.rpc_index import TYPES
from trio_copilot._protocol.wire_object import WireObject


def signatures() -> Iterator[tuple[str, Any]]:
    """The types that each call takes, and that each handler answers with."""
    for name in TYPES:
        of = getattr(rpc, name)
        if not inspect.isclass(of) or not issubclass(of, (Namespace, Handler)):
            continue
        for function in filter(inspect.iscoroutinefunction, vars(of).values()):
            types = types_of(function)
            result = types.pop("return")
            for given in [result] if issubclass(of, Handler) else types.values():
                yield f"{name}.{function.__name__}", given


def fields(of: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """The types of the fields of all classes in a type."""
    for part in get_args(of):
        yield from fields(part, seen)
    if of in seen or not inspect.isclass(of) or not issubclass(of, WireObject):
        return
    seen.add(of)
    for field in attrs.fields(resolved(of)):
        yield f"{of.__name__}.{field.name}", field.type
        yield from fields(field.type, seen)


def without_strings(of: Any, alternatives: tuple[Any, ...] = ()) -> Iterator[str]:
    """The enumerations in a type whose strings it does not take."""
    if inspect.isclass(of) and issubclass(of, OpenEnum):
        strings = {
            s for a in alternatives if get_origin(a) is Literal for s in get_args(a)
        }
        if not strings.issuperset(member.value for member in of):
            yield of.__name__
    of_several = get_origin(of) in (Union, UnionType)
    for part in get_args(of) if get_origin(of) is not Literal else ():
        yield from without_strings(part, get_args(of) if of_several else ())


def test_each_call_and_each_class_for_calls_takes_enumerations_as_strings() -> None:
    places, seen = list(signatures()), set[Any]()
    places += [field for _, of in list(places) for field in fields(of, seen)]

    assert [
        (at, *names) for at, of in places if (names := [*without_strings(of)])
    ] == []
    assert len(places) > 1000
    assert sum("OpenEnum" in _bases(of) for _, of in places) > 150


def _bases(of: Any) -> set[str]:
    inner = {name for part in get_args(of) for name in _bases(part)}
    return inner | {base.__name__ for base in getattr(of, "__mro__", ())}


@pytest.mark.parametrize("of", [rpc.SessionMode, tuple[rpc.SessionMode, ...]])
def test_the_search_finds_an_enumeration_without_its_strings(of: Any) -> None:
    assert [*without_strings(of)] == ["SessionMode"]
    assert [*without_strings(of | Literal["plan"] | None)] == ["SessionMode"]
