"""Test data from the raw schemas: values that fit a type, nearly fit, and do not fit.

Strategy: a schema yields JSON values, each with one peculiarity; one deep inside is
embedded in the smallest value that can hold it. So the samples of a method's parameters
cover every type that they consist of. This module reads the schemas itself, without the
model and the classes made from it: it is their witness.

The classes check JSON types, required fields, constants and enumerations, but no patterns,
lengths or ranges, so samples ignore these. The only texts of the schema in a sample are
the names of fields and the values of enumerations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, TypeAlias

import attrs

Schema: TypeAlias = Mapping[str, Any]

NEW = "brandNew"
"""A field, constant or member of an enumeration that no schema has."""


class Kind(Enum):
    """How a sample relates to its schema."""

    VALID = auto()
    NEWER = auto()
    """A newer CLI may send it: it is read, but not sent by accident."""
    NULL = auto()
    """An optional field is null: CLIs send that, although the schema forbids it."""
    WRONG = auto()
    """It fits no version of the schema."""


@attrs.frozen
class Sample:
    """A JSON value, and its peculiarity."""

    kind: Kind
    value: Any
    where: str = ""
    """The place inside the value, such as `.toolRequests[0].name`, and what was done."""

    def inside(self, step: str, put: Callable[[Any], Any]) -> Sample:
        """Return the sample as a part of a larger one."""
        return Sample(self.kind, put(self.value), step + self.where)


@attrs.frozen
class Call:
    """A method in the raw schema of the methods."""

    wire: str
    scope: str
    path: tuple[str, ...]
    params: Schema | None
    result: Schema
    internal: bool


def calls(api: Schema) -> Iterator[Call]:
    """Yield every method of the schema of the methods."""
    for scope in ("server", "session", "clientSession", "clientGlobal"):
        yield from _calls(api[scope], scope, ())


def _calls(node: Schema, scope: str, path: tuple[str, ...]) -> Iterator[Call]:
    for name, part in node.items():
        if isinstance(part, str):
            continue  # a description of the namespace
        if "rpcMethod" not in part:
            yield from _calls(part, scope, (*path, name))
            continue
        yield Call(
            part["rpcMethod"],
            scope,
            (*path, name),
            part["params"],
            part["result"],
            part.get("visibility") == "internal",
        )


class Sampler:
    """Generates samples; the details of each definition only once.

    Args:
      schemas: those with the definitions that references may mean.
      opaque: definitions of objects whose fields do not matter.
    """

    def __init__(self, *schemas: Schema, opaque: Iterable[str] = ()) -> None:
        self._definitions: dict[str, Schema] = {}
        for schema in schemas:
            self._definitions.update(schema["definitions"])
        self._definitions.update({name: {"type": "object"} for name in opaque})
        self._seen = set[str]()

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema that a reference means."""
        while "$ref" in schema:
            schema = self._definitions[_name(schema)]
        return schema

    def members(self, schema: Schema) -> list[Schema]:
        """Return the alternatives that a schema is made of, resolved; often one."""
        known = self.resolve(schema)
        if "anyOf" not in known or "properties" in known:
            kinds = known.get("type")
            if not isinstance(kinds, str | None):
                return [{**known, "type": kind} for kind in kinds]
            return [known]
        each = (m for m in known["anyOf"] if "not" not in m)  # "not": it may be absent
        return [member for choice in each for member in self.members(choice)]

    def smallest(self, schema: Schema) -> Any:
        """Return a valid value with nothing in it that is not required."""
        first = min(self.members(schema), key=lambda m: m.get("type") == "null")
        if "const" in first:
            return first["const"]
        if "properties" in first:
            fields = first["properties"]
            return {name: self.smallest(fields[name]) for name in _required(first)}
        if _enum(first):
            return _enum(first)[0]
        if first.get("type") == "array" and first.get("minItems", 0):
            return [self.smallest(first["items"])]
        return _EXAMPLES[first["type"]] if "type" in first else {"any": [None, 1.5]}

    def payloads(self, events: Schema) -> Iterator[tuple[str, Schema]]:
        """Yield the wire type of each event of the schema, and that of its payload."""
        for choice in events["definitions"][_name(events)]["anyOf"]:
            fields = self.resolve(choice)["properties"]
            yield fields["type"]["const"], fields["data"]

    def samples(self, schema: Schema) -> Iterator[Sample]:
        """Yield all samples of a schema."""
        yield from self._outside(schema)
        yield from self._details(schema)

    def _part(self, schema: Schema) -> Iterator[Sample]:
        """Yield the samples of a part; the details of a definition only once."""
        yield from self._outside(schema)
        if "$ref" in schema:
            if _name(schema) in self._seen:
                return
            self._seen.add(_name(schema))
        yield from self._details(schema)

    # -- of another type

    def _outside(self, schema: Schema) -> Iterator[Sample]:
        yield Sample(Kind.VALID, self.smallest(schema))
        types = {member.get("type") for member in self.members(schema)}
        if None in types:  # a value may have any type
            return
        for name, value in _EXAMPLES.items():
            if name not in types and (name, "number" in types) != ("integer", True):
                yield Sample(Kind.WRONG, value, " is of another type")

    # -- of the same type

    def _details(self, schema: Schema) -> Iterator[Sample]:
        members = self.members(schema)
        objects = [member for member in members if "properties" in member]
        sure = len(objects) < 2 or self._has_tag(objects)
        for member in members:
            if "properties" in member:
                yield from self._of_object(member, sure=sure)
            else:
                yield from self._of_one(member)

    def _has_tag(self, objects: list[Schema]) -> bool:
        for name in objects[0]["properties"]:
            fields = (
                self.resolve(each["properties"].get(name, {})) for each in objects
            )
            tags = {each["const"] for each in fields if "const" in each}
            if len(tags) == len(objects) and not tags <= {True, False}:
                return True
        return False

    def _of_one(self, member: Schema) -> Iterator[Sample]:
        if "const" in member:
            yield Sample(Kind.VALID, member["const"])
            if isinstance(member["const"], str):
                yield Sample(Kind.NEWER, NEW, " is no constant")
        elif _enum(member):
            yield from (Sample(Kind.VALID, value) for value in _enum(member))
            yield Sample(Kind.NEWER, NEW, " is no member")
        elif member.get("type") == "array":
            for sample in self._part(member.get("items", {})):
                yield sample.inside("[0]", lambda value: [value])
        elif isinstance(member.get("additionalProperties"), Mapping):
            for sample in self._part(member["additionalProperties"]):
                yield sample.inside(".key", lambda value: {"key": value})
        else:
            yield Sample(Kind.VALID, self.smallest(member))

    def _of_object(self, schema: Schema, *, sure: bool) -> Iterator[Sample]:
        """Yield the samples of an object; `sure`: it cannot be taken for another one."""
        smallest, fields = self.smallest(schema), schema["properties"]

        def put_as(name: str) -> Callable[[Any], dict[str, Any]]:
            return lambda value: {**smallest, name: value}

        full = {name: self.smallest(field) for name, field in fields.items()}
        yield Sample(Kind.VALID, smallest)
        yield Sample(Kind.VALID, full)
        more = {**full, NEW: [1]}
        if fields or schema.get("additionalProperties") is False:
            yield Sample(Kind.NEWER, more, f".{NEW} is unknown")
        else:
            yield Sample(Kind.VALID, more)
        for name in _required(schema) if sure else ():
            rest = {key: value for key, value in full.items() if key != name}
            yield Sample(Kind.WRONG, rest, f".{name} is missing")
        for name, field in fields.items():
            for sample in self._part(field):
                made = sample.inside(f".{name}", put_as(name))
                if sample.value is not None or sample.kind is Kind.VALID:
                    yield made
                elif name not in _required(schema):
                    yield attrs.evolve(made, kind=Kind.NULL)
                elif sure:
                    yield made


_EXAMPLES: Mapping[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 7.5,
    "string": "text",
    "array": [],
    "object": {},
}


def _name(reference: Schema) -> str:
    return str(reference["$ref"].rpartition("/")[2])


def _enum(schema: Schema) -> list[str]:
    return list(schema.get("enum") or schema.get("x-extensible-enum") or ())


def _required(schema: Schema) -> list[str]:
    return list(schema.get("required", ()))
