"""JSON schema to a small model of Python types.

Strategy: start at the union of all events and follow the references; what no event needs
is left out. Only the constructs that the CLI's schema uses are understood. Another one
raises `SchemaError`, for then somebody must decide what it becomes.

The texts of the schema (descriptions) never enter the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from . import names

Schema: TypeAlias = Mapping[str, Any]

_PRIMITIVES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
}
_MARKS = {
    ("visibility", "internal"): "Internal to the CLI.",
    ("stability", "experimental"): "Experimental.",
    ("deprecated", True): "Deprecated.",
}


class SchemaError(Exception):
    """The schema has something that the generator does not understand."""


@attrs.frozen
class Annotation:
    """The source of a type annotation, and the generated types that it names."""

    text: str
    refs: frozenset[str] = frozenset()

    def optional(self) -> Annotation:
        """Return the annotation with `None` allowed."""
        if self.text == "Any" or self.text.endswith("| None"):
            return self
        return Annotation(f"{self.text} | None", self.refs)

    def inside(self, form: str) -> Annotation:
        """Return the annotation with its text put into `form`."""
        return Annotation(form.format(self.text), self.refs)


@attrs.frozen
class Field:
    """A field of an object."""

    name: str
    wire: str
    annotation: Annotation
    required: bool


@attrs.frozen
class ObjectType:
    """A JSON object with known fields; the payload of an event if it has a wire type."""

    name: str
    fields: tuple[Field, ...]
    marks: tuple[str, ...] = ()
    wire_type: str = ""

    @property
    def refs(self) -> frozenset[str]:
        """The generated types that this one names."""
        return frozenset[str]().union(*(field.annotation.refs for field in self.fields))


@attrs.frozen
class EnumType:
    """An enumeration of strings, as pairs of member name and value."""

    name: str
    members: tuple[tuple[str, str], ...]
    refs: frozenset[str] = frozenset()


@attrs.frozen
class UnionType:
    """One of several objects, told apart by a tag or by their required fields."""

    name: str
    members: tuple[str, ...]
    wire_type: str = ""

    @property
    def refs(self) -> frozenset[str]:
        """The generated types that this one names."""
        return frozenset(self.members)


NamedType: TypeAlias = ObjectType | EnumType | UnionType


@attrs.frozen
class Vocabulary:
    """All types that the events need, by name, and the events' by wire type."""

    types: Mapping[str, NamedType]
    events: Mapping[str, str]

    def needs(self, name: str) -> set[str]:
        """Return the names of all types that a type consists of, itself included."""
        found, todo = set[str](), [name]
        while todo:
            current = todo.pop()
            if current not in found:
                found.add(current)
                todo.extend(self.types[current].refs)
        return found


def read_schema(schema: Schema) -> Vocabulary:
    """Return the vocabulary of the events in a schema."""
    return _Reader(schema).read()


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._types: dict[str, NamedType] = {}
        self._names: dict[str, str] = {}  # {definition: name}
        self._taken = set(names.RESERVED)

    def read(self) -> Vocabulary:
        root = self._resolve(self._schema)
        envelopes = {
            event["properties"]["type"]["const"]: event
            for event in map(self._resolve, root["anyOf"])
        }
        events: dict[str, str] = {}
        for wire in sorted(envelopes):
            events[wire] = names.unique(names.class_name(wire), self._taken)
        for wire, name in events.items():
            self._event(wire, name, envelopes[wire])
        return Vocabulary(self._types, events)

    def _event(self, wire: str, name: str, envelope: Schema) -> None:
        data = self._resolve(envelope["properties"]["data"])
        if "anyOf" in data:
            self._union(name, data["anyOf"], wire)
        else:
            self._object(name, data, wire, envelope)

    # -- annotations

    def _annotation(self, schema: Schema, owner: str) -> Annotation:
        """Return how a value is annotated; `owner` names a type that has no name."""
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            return Annotation(f"Literal[{_literal(schema['const'])}]")
        if "anyOf" in schema:
            return self._any_of(schema["anyOf"], owner)
        if "enum" in schema or "x-extensible-enum" in schema:
            return self._named(owner, schema)
        return self._by_type(schema, owner)

    def _by_type(self, schema: Schema, owner: str) -> Annotation:
        kind = schema.get("type")
        if kind is None and (schema.get("x-opaque-json") or not schema):
            return Annotation("Any")
        if not isinstance(kind, str | None):
            return self._any_of([{**schema, "type": each} for each in kind], owner)
        if kind == "array":
            items = schema.get("items", {})
            return self._annotation(items, f"{owner}Item").inside("tuple[{}, ...]")
        if kind == "object":
            if "properties" in schema:
                return self._named(owner, schema)
            values = schema.get("additionalProperties", True)
            value: Schema = {} if isinstance(values, bool) else values
            return self._annotation(value, f"{owner}Value").inside("Mapping[str, {}]")
        if kind in _PRIMITIVES:
            return Annotation(_PRIMITIVES[kind])
        raise SchemaError(f"{owner}: no idea what to make of {sorted(schema)}")

    def _any_of(self, members: Iterable[Schema], owner: str) -> Annotation:
        members = list(members)
        rest = [member for member in members if member.get("type") != "null"]
        if len(rest) == 1:
            annotation = self._annotation(rest[0], owner)
        elif all(self._is_object(member) for member in rest):
            annotation = self._named(owner, {"anyOf": rest})
        else:
            each = [self._annotation(member, owner) for member in rest]
            annotation = _either(each)
        return annotation if len(rest) == len(members) else annotation.optional()

    def _is_object(self, schema: Schema) -> bool:
        return "properties" in self._resolve(schema)

    def _reference(self, ref: str) -> Annotation:
        schema, definition = self._resolve({"$ref": ref}), ref.rpartition("/")[2]
        if not self._has_name(schema):
            return self._annotation(schema, definition)
        if definition not in self._names:
            self._names[definition] = self._claim(definition, schema)
            self._build(self._names[definition], schema)
        return _to(self._names[definition])

    # -- types with a name

    def _has_name(self, schema: Schema) -> bool:
        members = schema.get("anyOf")
        if members is not None:
            return all(self._is_object(member) for member in members)
        return not {"properties", "enum", "x-extensible-enum"}.isdisjoint(schema)

    def _named(self, wanted: str, schema: Schema) -> Annotation:
        name = self._claim(wanted, schema)
        self._build(name, schema)
        return _to(name)

    def _build(self, name: str, schema: Schema) -> None:
        if "anyOf" in schema:
            self._union(name, schema["anyOf"])
        elif "properties" in schema:
            self._object(name, schema)
        else:
            self._enum(name, schema.get("enum") or schema["x-extensible-enum"])

    def _claim(self, wanted: str, schema: Schema) -> str:
        name = names.class_name(wanted)
        if name in self._taken:
            if "anyOf" in schema:
                name += "Variant"
            else:
                name += "Details" if "properties" in schema else "Value"
        return names.unique(name, self._taken)

    def _object(
        self,
        name: str,
        schema: Schema,
        wire_type: str = "",
        envelope: Schema | None = None,
    ) -> None:
        marked = {**schema, **(envelope or {})}
        marks = [text for (k, v), text in _MARKS.items() if marked.get(k) == v]
        required = schema.get("required", ())
        taken = set[str]()
        fields: list[Field] = []
        for wire, value in schema.get("properties", {}).items():
            annotation = self._annotation(value, name + names.class_name(wire))
            field = names.unique(names.field_name(wire), taken)
            fields.append(Field(field, wire, annotation, wire in required))
        self._types[name] = ObjectType(name, tuple(fields), tuple(marks), wire_type)

    def _enum(self, name: str, values: Iterable[str]) -> None:
        taken = set[str]()
        members = ((names.unique(names.member_name(v), taken), v) for v in values)
        self._types[name] = EnumType(name, tuple(members))

    def _union(self, name: str, members: Iterable[Schema], wire_type: str = "") -> None:
        members = list(members)
        tag = self._tag(members)
        found: list[str] = []
        for index, member in enumerate(members, 1):
            label = names.class_name(tag[1][index - 1]) if tag else str(index)
            found.extend(sorted(self._annotation(member, name + label).refs))
        self._types[name] = UnionType(name, tuple(found), wire_type)

    def _tag(self, members: Iterable[Schema]) -> tuple[str, list[str]] | None:
        """Return the field that tells the members apart, and its value in each."""
        objects = [self._resolve(member)["properties"] for member in members]
        for field in objects[0]:
            values = [each.get(field, {}).get("const") for each in objects]
            tags = {value for value in values if isinstance(value, str)}
            if len(tags) == len(objects):
                return field, values
        return None

    def _resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._schema["definitions"][schema["$ref"].rpartition("/")[2]]
        return schema


def _either(annotations: Sequence[Annotation]) -> Annotation:
    texts = dict.fromkeys(annotation.text for annotation in annotations)
    refs = frozenset[str]().union(*(annotation.refs for annotation in annotations))
    return Annotation("Any" if "Any" in texts else " | ".join(texts), refs)


def _to(name: str) -> Annotation:
    return Annotation(name, frozenset({name}))


def _literal(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
