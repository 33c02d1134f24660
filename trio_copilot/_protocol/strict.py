"""Whether a value of ours is what the CLI takes; it would not tell.

Strategy: what is read leniently from the CLI is checked here to the letter, by the same
hooks with the doors closed: no unknown fields, tags, constants or enumeration members.
Who means an unknown one says so: with `extra=`, `UnknownVariant` or the enumeration.
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
      value: what is given: objects of generated classes, or what JSON makes of them.
      of: the type of an annotation, resolved.
      name: what the value is called in the message.

    Raises:
      TypeError: it does not fit; the message says where and why.
    """
    strict = _converter()
    try:
        strict.get_structure_hook(of)(strict.unstructure(value), of)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        told = transform_error(error, name, lambda each, _: message(each))
        raise TypeError("; ".join(told)) from None


@cache
def _converter() -> Converter:
    made = new_converter(detailed=True)
    made.register_structure_hook(str, _text)
    made.register_structure_hook(OpenEnum, _member)
    made.register_structure_hook_factory(is_origin(Literal), _constant)
    made.register_structure_hook_factory(is_origin(Union, UnionType), _closed_union)
    made.register_structure_hook_factory(is_a(WireObject), _closed_object)
    # What is meant to be unknown stays what it is, so that it can be told.
    made.register_unstructure_hook(OpenEnum, _as_it_is)
    made.register_unstructure_hook(Unset, _as_it_is)
    made.register_unstructure_hook(UnknownVariant, _as_it_is)
    made.register_unstructure_hook_factory(is_a(WireObject), _known_fields)
    return made


def _as_it_is(value: Any) -> Any:
    return value


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
            f"it is none of {known}{meant} (to send it, make it a {of.__name__})"
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
    meant = (UnknownVariant, *filter(is_a(OpenEnum), get_args(of)))

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, meant):
            return value
        if isinstance(value, OpenEnum):  # of another kind: a string like others
            value = value.value
        made = read(value, of)
        if isinstance(made, UnknownVariant):
            raise TypeError(_no_member(made, of))
        return made

    return structure


def _no_member(value: UnknownVariant, of: Any) -> str:
    objects = [each for each in get_args(of) if is_a(WireObject)(each)]
    found = tag(objects)
    if found is None:
        names = ", ".join(each.__name__ for each in objects)
        return f"it has not what any of {names} needs"
    wire, tags = found
    return f"{wire} is none of {', '.join(map(repr, tags))}"


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
