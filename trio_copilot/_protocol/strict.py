"""Checks whether a value that we send is what the CLI takes, for the CLI would not say.

Strategy: the hooks that read leniently from the CLI check to the letter here, with the
doors closed: no unknown fields, tags, constants or enumeration members. A user who means
an unknown one writes so: with `extra=`, `UnknownVariant` or the enumeration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_unstructure_fn, override

from .._did_you_mean import did_you_mean
from .._json import misfit
from .open_enum import OpenEnum
from .structure import (
    Hook,
    is_a,
    is_origin,
    message,
    new_converter,
    object_hook,
    tag,
    union_hook,
)
from .unknown import UnknownVariant
from .unset import Unset
from .wire_object import WireObject, wire_names


def check(value: Any, of: Any, name: str) -> None:
    """Check that a value fits a type, as it is or as JSON.

    Args:
      value: objects of generated classes, or their form in JSON.
      of: the type of an annotation, resolved.
      name: the name of the value in the error.

    Raises:
      TypeError: it does not fit; the error says where and why.
    """
    strict = _converter()
    try:
        strict.get_structure_hook(of)(strict.unstructure(value), of)
    except Exception as error:  # noqa: BLE001 - any error becomes a reason
        reasons = transform_error(error, name, lambda each, _: message(each))
        raise TypeError("; ".join(reasons)) from None


@cache
def _converter() -> Converter:
    made = new_converter(detailed=True)
    made.register_structure_hook(str, _text)
    made.register_structure_hook(OpenEnum, _member)
    made.register_structure_hook_factory(is_origin(Literal), _constant)
    made.register_structure_hook_factory(is_origin(Union, UnionType), _closed_union)
    made.register_structure_hook_factory(is_a(WireObject), _closed_object)
    # These stay what they are: the structure hooks must see that they were meant so.
    for kind in (OpenEnum, Unset, UnknownVariant):
        made.register_unstructure_hook(kind, lambda value: value)
    made.register_unstructure_hook_factory(is_a(WireObject), _known_fields)
    return made


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise misfit(value, str)
    return value


def _member(value: Any, of: type[OpenEnum]) -> OpenEnum:
    if isinstance(value, of):
        return value
    if not isinstance(value, str):
        raise misfit(value, str)
    if value not in of.__members__.values():
        known = ", ".join(repr(member.value) for member in of)
        meant = did_you_mean(value, [member.value for member in of])
        raise TypeError(
            f"it is not one of {known}{meant} (to send it, make it a {of.__name__})"
        )
    return of(value)


def _constant(of: Any) -> Hook:
    constants = get_args(of)

    def structure(value: Any, _: Any) -> Any:
        if value not in constants or isinstance(value, bool) != isinstance(
            constants[0], bool
        ):
            raise TypeError(f"expected {' or '.join(map(repr, constants))}")
        return value

    return structure


def _closed_union(of: Any, converter: Converter) -> Hook:
    read: Hook = union_hook(of, converter)
    deliberate = (UnknownVariant, *filter(is_a(OpenEnum), get_args(of)))

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, deliberate):
            return value
        if isinstance(value, OpenEnum):  # of another enumeration: just a string
            value = value.value
        made = read(value, of)
        if not isinstance(made, UnknownVariant):
            return made
        objects = list(filter(is_a(WireObject), get_args(of)))
        if found := tag(objects):
            wire, tags = found
            raise TypeError(f"{wire} is not one of {', '.join(map(repr, tags))}")
        names = ", ".join(each.__name__ for each in objects)
        raise TypeError(f"it does not fit any of {names}")

    return structure


def _closed_object(of: type[WireObject], converter: Converter) -> Hook:
    read: Hook = object_hook(of, converter)
    known = frozenset(wire_names(of).values())

    def structure(value: Any, _: Any) -> Any:
        made = read(value, of)
        unknown = value.keys() - known
        if unknown:
            names = (f"{name}{did_you_mean(name, known)}" for name in sorted(unknown))
            raise TypeError(f"{of.__name__} has no {', '.join(names)}")
        return made

    return structure


def _known_fields(
    of: type[WireObject], converter: Converter
) -> Callable[[Any], dict[str, Any]]:
    fields: Any = {
        name: override(rename=wire, omit_if_default=True)
        for name, wire in wire_names(of).items()
    }
    return make_dict_unstructure_fn(of, converter, extra=override(omit=True), **fields)
