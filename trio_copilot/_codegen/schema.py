"""JSON schemas to the model.

Strategy: start at the union of all events and at the public methods, and follow the
references; what neither needs is left out. A definition that both schemas have is the
same in both. Only the constructs that the CLI's schemas use are understood; any other
raises `SchemaError`, because somebody must decide what it becomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from . import names
from .errata import corrected
from .model import (
    EVENT,
    Annotation,
    EnumType,
    Field,
    Method,
    NamedType,
    ObjectType,
    UnionType,
    Vocabulary,
)
from .source import string

Schema: TypeAlias = Mapping[str, Any]

SCOPES = ("server", "session", "clientSession", "clientGlobal")

_PRIMITIVES = {
    "null": "None",
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
}
_OPAQUE = {"x-opaque-json", "x-opaque-in-process"}
_MARKS = {
    ("visibility", "internal"): "Internal to the CLI.",
    ("stability", "experimental"): "Experimental.",
    ("deprecated", True): "Deprecated.",
}


class SchemaError(Exception):
    """The schema has a construct that the generator does not understand."""


def read_schema(events: Schema, api: Schema | None = None) -> Vocabulary:
    """Return the vocabulary of the events in one schema and the methods in another."""
    return _Reader(events, corrected(api or {})).read()


class _Reader:
    def __init__(self, events: Schema, api: Schema) -> None:
        self._schema = events
        self._api = api
        self._definitions = {**api.get("definitions", {}), **events["definitions"]}
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
            data = self._resolve(envelopes[wire]["properties"]["data"])
            if "anyOf" in data:
                self._union(name, data["anyOf"], wire)
            else:
                self._object(name, data, wire, envelopes[wire])
        methods = (
            self._method(scope, path, method)
            for scope in SCOPES
            for path, method in _methods(self._api.get(scope, {}))
            # The CLI's requests about a session are internal, and yet ours to answer.
            if scope == "clientSession" or method.get("visibility") != "internal"
        )
        return Vocabulary(self._types, events, tuple(methods))

    # -- methods

    def _method(self, scope: str, path: tuple[str, ...], method: Schema) -> Method:
        wire = method["rpcMethod"]
        owner = names.class_name(wire)
        params, params_type = self._params(scope, method["params"], owner)
        return Method(
            wire,
            scope,
            path,
            params,
            self._annotation(method["result"], f"{owner}Result"),
            self._marks(method),
            method.get("notification") is True,
            params_type,
        )

    def _params(
        self, scope: str, schema: Schema | None, owner: str
    ) -> tuple[tuple[Field, ...], str]:
        if schema is None:
            return (), ""
        known, choices = self._resolve(schema), [schema]
        if "anyOf" in known and "properties" not in known:
            choices = [member for member in known["anyOf"] if "not" not in member]
        if len(choices) > 1:
            whole = self._annotation(schema, f"{owner}Params")
            return (Field("params", "", whole, required=True),), ""
        known = self._resolve(choices[0])
        if scope not in ("server", "session"):
            name = known.get("title", f"{owner}Request")
            return (), self._annotation(choices[0], name).text
        # Each field is a parameter, except the id: a session knows its own.
        own = "sessionId" if scope == "session" else ""
        fields = self._fields(known, owner)
        return tuple(field for field in fields if field.wire != own), ""

    # -- annotations

    def _annotation(self, schema: Schema, owner: str) -> Annotation:
        """Return the annotation of a value; `owner` names a type without a name."""
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            value = schema["const"]
            text = string(value) if isinstance(value, str) else repr(value)
            return Annotation(f"Literal[{text}]")
        if "anyOf" in schema and "properties" not in schema:
            return self._any_of(schema["anyOf"], owner)
        if "enum" in schema or "x-extensible-enum" in schema:
            return self._named(owner, schema)
        return self._by_type(schema, owner)

    def _by_type(self, schema: Schema, owner: str) -> Annotation:
        kind = schema.get("type")
        if kind is None and (not schema or _OPAQUE & schema.keys()):
            return Annotation("Any")
        if not isinstance(kind, str | None):
            return self._any_of([{**schema, "type": each} for each in kind], owner)
        if kind == "array":
            items = schema.get("items", {})
            return self._annotation(items, f"{owner}Item").inside("tuple[{}, ...]")
        if kind == "object":
            if _has_fields(schema):
                return self._named(owner, schema)
            values = schema.get("additionalProperties", True)
            value: Schema = {} if isinstance(values, bool) else values
            return self._annotation(value, f"{owner}Value").inside("Mapping[str, {}]")
        if kind in _PRIMITIVES:
            return Annotation(_PRIMITIVES[kind])
        raise SchemaError(f"{owner}: it is unclear what {sorted(schema)} becomes")

    def _any_of(self, members: Iterable[Schema], owner: str) -> Annotation:
        # "not: {}" means in these schemas that the value may be absent.
        members = list(members)
        rest = [m for m in members if "not" not in m and m.get("type") != "null"]
        if len(rest) == 1:
            annotation = self._annotation(rest[0], owner)
        elif all(self._is_object(member) for member in rest):
            annotation = self._named(owner, {"anyOf": rest})
        else:
            each = [self._annotation(member, owner) for member in rest]
            texts = dict.fromkeys(annotation.text for annotation in each)
            text = "Any" if "Any" in texts else " | ".join(texts)
            refs = frozenset[str]().union(*(annotation.refs for annotation in each))
            annotation = Annotation(text, refs)
        return annotation if len(rest) == len(members) else annotation.optional()

    def _is_object(self, schema: Schema) -> bool:
        return _has_fields(self._resolve(schema))

    def _reference(self, ref: str) -> Annotation:
        schema, definition = self._resolve({"$ref": ref}), ref.rpartition("/")[2]
        if definition == EVENT:
            return Annotation(EVENT)
        members = schema.get("anyOf")
        if members is not None and "properties" not in schema:
            has_name = all(self._is_object(member) for member in members)
        else:
            is_enum = not {"enum", "x-extensible-enum"}.isdisjoint(schema)
            has_name = is_enum or _has_fields(schema)
        if not has_name:
            return self._annotation(schema, definition)
        if definition not in self._names:
            self._names[definition] = self._claim(definition, schema)
            self._build(self._names[definition], schema)
        return _to(self._names[definition])

    # -- types with a name

    def _named(self, proposed: str, schema: Schema) -> Annotation:
        name = self._claim(proposed, schema)
        self._build(name, schema)
        return _to(name)

    def _build(self, name: str, schema: Schema) -> None:
        if "properties" in schema:
            self._object(name, schema)
        elif "anyOf" in schema:
            self._union(name, schema["anyOf"])
        else:
            values: list[str] = schema.get("enum") or schema["x-extensible-enum"]
            taken = set[str]()
            members = ((names.unique(names.member_name(v), taken), v) for v in values)
            self._types[name] = EnumType(name, tuple(members))

    def _claim(self, proposed: str, schema: Schema) -> str:
        name = names.class_name(proposed)
        if name in self._taken:
            if "properties" in schema:
                name += "Details"
            else:
                name += "Variant" if "anyOf" in schema else "Value"
        return names.unique(name, self._taken)

    def _object(
        self,
        name: str,
        schema: Schema,
        wire_type: str = "",
        envelope: Schema | None = None,
    ) -> None:
        marks = self._marks({**schema, **(envelope or {})})
        self._types[name] = ObjectType(
            name, self._fields(schema, name), marks, wire_type
        )

    def _fields(self, schema: Schema, owner: str) -> tuple[Field, ...]:
        required = schema.get("required", ())
        taken = set[str]()
        fields: list[Field] = []
        for wire, value in schema.get("properties", {}).items():
            annotation = self._annotation(value, owner + names.class_name(wire))
            field = names.unique(names.field_name(wire), taken)
            nullable = self._nullable(value)
            fields.append(Field(field, wire, annotation, wire in required, nullable))
        return tuple(fields)

    def _nullable(self, schema: Schema) -> bool:
        known = self._resolve(schema)
        kinds = known.get("type")
        if kinds == "null" or (isinstance(kinds, list) and "null" in kinds):
            return True
        return any(map(self._nullable, known.get("anyOf", ())))

    @staticmethod
    def _marks(schema: Schema) -> tuple[str, ...]:
        return tuple(text for (k, v), text in _MARKS.items() if schema.get(k) == v)

    def _union(self, name: str, members: Iterable[Schema], wire_type: str = "") -> None:
        members = list(members)
        tag = self._tag(members)
        found: list[str] = []
        for index, member in enumerate(members, 1):
            label = names.class_name(tag[1][index - 1]) if tag else str(index)
            found.extend(sorted(self._annotation(member, name + label).refs))
        self._types[name] = UnionType(name, tuple(found), wire_type)

    def _tag(self, members: Iterable[Schema]) -> tuple[str, list[str]] | None:
        """Return the field that distinguishes the members, and its value in each."""
        objects = [self._resolve(member)["properties"] for member in members]
        for field in objects[0]:
            values = [each.get(field, {}).get("const") for each in objects]
            tags = {value for value in values if isinstance(value, str)}
            if len(tags) == len(objects):
                return field, values
        return None

    def _resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        return schema


def _methods(
    scope: Schema, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield the methods of a scope, with their paths."""
    for name, node in scope.items():
        if not isinstance(node, Mapping):
            continue
        if "rpcMethod" not in node:
            yield from _methods(cast("Schema", node), (*path, name))
        else:
            yield (*path, name), cast("Schema", node)


def _has_fields(schema: Schema) -> bool:
    """Whether an object has known fields; otherwise it may have any keys."""
    if "properties" not in schema:
        return False
    return bool(schema["properties"]) or schema.get("additionalProperties") is False


def _to(name: str) -> Annotation:
    return Annotation(name, frozenset({name}))
