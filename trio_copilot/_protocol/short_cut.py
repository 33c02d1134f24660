"""Reads the payload of an event in one pass over its JSON.

Strategy: each class gets a twin that msgspec fills, checking while it parses; the object
is made of the twin's values. The hooks of cattrs still read parts that are objects, arrays
or enumerations. A payload that is irregular in any way - an unknown field, a null, another
type - is left to the hooks altogether: they decide what becomes of it, and this module is
merely faster.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, TypeAlias, Union, get_args

import attrs
import msgspec
from msgspec import UNSET, Raw

from .._drafts import maker
from .names import resolved
from .wire_object import WireObject, wire_names

Hook: TypeAlias = Callable[[Any, Any], Any]
Reader: TypeAlias = Callable[[Raw], WireObject]

_SIMPLE: dict[object, Any] = {str: str, bool: bool, int: int, float: int | float}
"""The types that msgspec reads exactly as the hooks do: `{annotation: twin's}`."""


def reader(of: type[WireObject], hook_of: Callable[[Any], Hook]) -> Reader:
    """Return a reader for a class, which raises if a payload is irregular.

    Args:
      of: the class.
      hook_of: finds the hook of a type; most classes need none.
    """
    fields = [each for each in attrs.fields(resolved(of)) if each.name != "extra"]
    wires = wire_names(of)
    twin = msgspec.defstruct(
        of.__name__,
        [(each.name, *_twin_field(each)) for each in fields],
        rename=wires,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    decode = msgspec.json.Decoder(twin).decode
    values_of = msgspec.structs.astuple
    hooks = [
        (index, hook_of(kind), kind)
        for index, each in enumerate(fields)
        if (kind := _without_none(each.type)) not in _SIMPLE
    ]
    make = maker(of, "extra", *(each.name for each in fields))

    def read(raw: Raw) -> WireObject:  # most classes have no hooks: no list, no loop
        values = values_of(decode(raw))
        if not hooks:
            return make({}, *values)
        parts = list(values)
        for index, hook, kind in hooks:
            value = parts[index]
            if value is None:
                raise ValueError("null is left to the hooks")
            parts[index] = None if value is UNSET else hook(value, kind)
        return make({}, *parts)

    return read


def _twin_field(field: attrs.Attribute[Any]) -> tuple[Any, ...]:
    simple = _SIMPLE.get(_without_none(field.type))
    if field.default is attrs.NOTHING:
        return (simple or Any,)
    return (simple, None) if simple else (Any, UNSET)


def _without_none(of: Any) -> Any:
    kinds = [kind for kind in get_args(of) if kind is not NoneType]
    return Union[tuple(kinds)] if len(kinds) < len(get_args(of)) else of  # noqa: UP007
