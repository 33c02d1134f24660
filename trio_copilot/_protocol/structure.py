"""How JSON values become the generated classes, and back.

Strategy: cattrs writes the code that fills a class, when the class is first used; the
hooks here decide what a value may be. They are strict about JSON types, so that a value
has the type that it claims, and accept what a newer CLI may send: other values of an
enumeration, other tags, more fields, explicit nulls.

This module must not know the types of events. It loads cattrs, so others import it only
when the first payload or call needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import (
    list_structure_factory,
    mapping_structure_factory,  # pyright: ignore[reportUnknownVariableType] - untyped
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import use_class_methods

from .._json import misfit
from .names import resolved
from .open_enum import OpenEnum
from .unknown import UnknownVariant
from .wire_object import WireObject, wire_names

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Called with a JSON value and the type that it should become."""

_kind: Callable[[Any], type] = type  # does not narrow types, unlike `type` itself


@cache
def converter(*, detailed: bool = False) -> Converter:
    """Return the converter; the detailed one is slow, and says where a value did not fit."""
    return new_converter(detailed=detailed)


def new_converter(*, detailed: bool) -> Converter:
    """Return a converter of one's own, to which other hooks can be added."""
    made = Converter(
        detailed_validation=detailed, unstruct_collection_overrides={tuple: list}
    )
    simple: tuple[type, ...] = (str, bool, NoneType)
    for kind in simple:
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(int, _integer)
    made.register_structure_hook(float, _number)
    made.register_structure_hook(OpenEnum, _enumerated)
    # Users who make an object may write the string, as in a call.
    made.register_unstructure_hook(OpenEnum, lambda it: getattr(it, "value", it))
    made.register_structure_hook_factory(is_origin(Literal), _constant_hook)
    made.register_structure_hook_factory(is_origin(tuple), _array_hook)
    made.register_structure_hook_factory(is_origin(Mapping), _mapping_hook)
    made.register_structure_hook_factory(is_origin(Union, UnionType), union_hook)
    made.register_structure_hook_factory(is_a(WireObject), object_hook)
    made.register_unstructure_hook_factory(is_a(WireObject), _object_back)
    made.register_unstructure_hook(UnknownVariant, lambda variant: variant.raw)
    use_class_methods(made, "_structure", "_unstructure")  # a `SessionEvent` has them
    return made


def message(error: BaseException) -> str:
    """Return the reason in an error of a hook."""
    if isinstance(error, KeyError):
        return "required, but missing"
    return str(error) if isinstance(error, TypeError) else type(error).__name__


def is_origin(*origins: object) -> Callable[[Any], bool]:
    """Return a predicate for types that are forms of one of these."""
    return lambda of: get_origin(of) in origins


def is_a(base: type) -> Callable[[Any], bool]:
    """Return a predicate for subclasses of this type."""
    return lambda of: isinstance(of, type) and issubclass(of, base)


# -- values


def _exactly(kind: type) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise misfit(value, kind)
        return value

    return structure


def _integer(value: Any, _: Any) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise misfit(value, int)
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise misfit(value, float)
    return value


def _enumerated(value: Any, of: type[OpenEnum]) -> OpenEnum:
    if type(value) is not str:
        raise misfit(value, str)
    return of(value)


def _constant_hook(of: Any) -> Hook:
    """Check only the type of a constant: a newer CLI may have another one."""
    return _exactly(_kind(get_args(of)[0]))


def _array_hook(of: Any, converter: Converter) -> Hook:
    alias: Any = GenericAlias(list, get_args(of)[:1])
    items: Hook = list_structure_factory(alias, converter)

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if _kind(value) is not list:
            raise misfit(value, list)
        return tuple(items(value, None))

    return structure


def _mapping_hook(of: Any, converter: Converter) -> Hook:
    alias: Any = GenericAlias(dict, get_args(of))
    items: Hook = mapping_structure_factory(alias, converter)

    def structure(value: Any, _: Any) -> Any:
        if _kind(value) is not dict:
            raise misfit(value, dict)
        return items(value, None)

    return structure


# -- objects


def object_hook(of: type[WireObject], converter: Converter) -> Hook:
    """Return a hook that fills a class, and keeps what else is in the JSON object."""
    wires = wire_names(resolved(of))
    fields: Any = {name: override(rename=wire) for name, wire in wires.items()}
    fill = make_dict_structure_fn(of, converter, extra=override(omit=True), **fields)
    known = frozenset(wires.values())
    optional = known - _required(of)

    def structure(value: Any, _: Any) -> WireObject:
        if _kind(value) is not dict:
            raise misfit(value, dict)
        made = fill(value, of)
        if value.keys() <= known and None not in value.values():
            return made  # nearly always: the rest costs another object
        extra = {
            name: part
            for name, part in value.items()
            if name not in known or (part is None and name in optional)
        }
        return attrs.evolve(made, extra=extra) if extra else made  # it is frozen

    return structure


def _object_back(of: type[WireObject], converter: Converter) -> Callable[[Any], Any]:
    required = _required(resolved(of))
    fields: Any = {
        name: override(rename=wire, omit_if_default=wire not in required)
        for name, wire in wire_names(of).items()
    }
    empty = make_dict_unstructure_fn(of, converter, extra=override(omit=True), **fields)

    def unstructure(made: WireObject) -> dict[str, Any]:
        return {**empty(made), **made.extra}

    return unstructure


def _required(of: type[WireObject]) -> frozenset[str]:
    """Return the wire names of the required fields."""
    fields = attrs.fields_dict(of)
    names = wire_names(of).items()
    return frozenset(w for name, w in names if fields[name].default is attrs.NOTHING)


# -- unions: their members are resolved when the first such value arrives, since most are
# optional parts that most payloads do not have


def union_hook(of: Any, converter: Converter) -> Hook:
    """Return a hook for one of several types, distinguished by their JSON."""
    members: dict[type, list[Any]] = {}  # {JSON type: members that are read from it}
    for member in get_args(of):
        for kind in _kinds(member):
            members.setdefault(kind, []).append(member)
    hooks: dict[type, Hook] = {}  # {JSON type: hook}, as first used

    def structure(value: Any, _: Any) -> Any:
        kind = _kind(value)
        hook = hooks.get(kind)
        if hook is None:
            if kind not in members:
                raise misfit(value, *members)
            hook = hooks[kind] = _member_hook(members[kind], converter)
        return hook(value, members[kind][0])

    return structure


def _member_hook(members: Sequence[Any], converter: Converter) -> Hook:
    objects = [member for member in members if is_a(WireObject)(member)]
    if len(objects) < 2:  # the JSON type alone decides
        return converter.get_structure_hook(members[0])
    found = tag(objects)
    if found is None:
        return _by_fit(objects, converter)
    wire, values = found
    return _by_tag(wire, dict(zip(values, objects, strict=True)), converter)


def _kinds(of: Any) -> tuple[type, ...]:
    """Return the JSON types that a type is read from."""
    if get_origin(of) is Literal:
        return (_kind(get_args(of)[0]),)
    if is_a(OpenEnum)(of):
        return (str,)
    if is_a(WireObject)(of) or of is UnknownVariant:
        return (dict,)
    others: dict[Any, tuple[type, ...]] = {
        int: (int, float),
        float: (float, int),
        tuple: (list,),
        Mapping: (dict,),
    }
    return others.get(get_origin(of) or of, (of,))


def tag(objects: Sequence[type[WireObject]]) -> tuple[str, list[str]] | None:
    """Return the wire field with a different constant in each class, and the constants."""
    fields = [attrs.fields_dict(resolved(each)) for each in objects]
    for name, wire in wire_names(objects[0]).items():
        types = [each[name].type if name in each else None for each in fields]
        tags = [get_args(of)[0] for of in types if get_origin(of) is Literal]
        if len(set(tags)) == len(objects) and isinstance(tags[0], str):
            return wire, tags
    return None


def _by_tag(
    wire: str, objects: Mapping[str, type[WireObject]], converter: Converter
) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        tag = value.get(wire)
        if type(tag) is not str:
            raise TypeError(f"expected a string as {wire!r}, the tag of its class")
        of = objects.get(tag)
        return (
            UnknownVariant(tag, value) if of is None else converter.structure(value, of)
        )

    return structure


def _by_fit(objects: Sequence[type[WireObject]], converter: Converter) -> Hook:
    """Read the first class that fits: most required fields first, known words preferred."""
    choices = sorted(map(_Choice.to_be, objects), key=lambda each: -len(each.required))

    def structure(value: Any, _: Any) -> Any:
        possible = [each for each in choices if each.may_be(value)]
        known = [each for each in possible if _says(value, each.words)]
        problem: Exception | None = None
        for each in known or possible:
            try:
                return converter.structure(value, each.of)
            except Exception as error:  # noqa: BLE001 - the next one may fit
                problem = problem or error
        if known and problem is not None:  # without known words it was only a guess
            raise problem
        return UnknownVariant("", value)

    return structure


_Words: TypeAlias = Mapping[str, frozenset[Any]]
"""The possible values of fields, by their names on the wire."""


@attrs.frozen
class _Choice:
    """What distinguishes a class from others."""

    of: type[WireObject]
    required: frozenset[str]
    words: _Words
    constants: _Words

    @classmethod
    def to_be(cls, of: type[WireObject]) -> _Choice:
        fields, names = attrs.fields_dict(resolved(of)), wire_names(of).items()
        words = {wire: _words(fields[name].type) for name, wire in names}
        known = {wire: each for wire, each in words.items() if each}
        # An enumeration of one is a constant.
        constants = {wire: each for wire, each in known.items() if len(each) == 1}
        return cls(of, _required(of), known, constants)

    def may_be(self, value: Mapping[str, Any]) -> bool:
        return self.required <= value.keys() and _says(value, self.constants)


def _words(of: Any) -> frozenset[Any]:
    """Return the values of a constant or an enumeration, also of an optional one."""
    if get_origin(of) in (Union, UnionType):
        each = [_words(member) for member in get_args(of) if member is not NoneType]
        return frozenset[Any]().union(*each) if all(each) else frozenset()
    if is_a(OpenEnum)(of):
        return frozenset(member.value for member in of)
    return frozenset(get_args(of) if get_origin(of) is Literal else ())


def _says(value: Mapping[str, Any], words: _Words) -> bool:
    """Whether each field has one of its words, or another JSON type than they have."""
    return all(
        _kind(value.get(wire)) not in map(_kind, each) or value[wire] in each
        for wire, each in words.items()
    )
