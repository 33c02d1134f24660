"""A small model of Python types and methods: what a schema becomes, and source is made of.

The texts of the schema (descriptions) never enter the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

EVENT = "SessionEvent"
"""The definition of all events: the envelope reads them, not a union."""


@attrs.frozen
class Annotation:
    """The source of a type annotation, and the generated types that it names."""

    text: str
    refs: frozenset[str] = frozenset()

    def optional(self) -> Annotation:
        """Return the annotation with `None` allowed."""
        if self.text in ("Any", "None") or self.text.endswith("| None"):
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
    nullable: bool = False
    """Whether null may be sent, and differs from leaving the field out."""


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
    """One of several objects, distinguished by a tag or by their required fields."""

    name: str
    members: tuple[str, ...]
    wire_type: str = ""

    @property
    def refs(self) -> frozenset[str]:
        """The generated types that this one names."""
        return frozenset(self.members)


NamedType: TypeAlias = ObjectType | EnumType | UnionType


@attrs.frozen
class Method:
    """A method of the CLI in the scopes `server` and `session`, else one of its client."""

    wire: str
    scope: str
    path: tuple[str, ...]
    """The namespaces, and the name in the last one."""
    params: tuple[Field, ...]
    result: Annotation
    marks: tuple[str, ...] = ()
    notification: bool = False
    params_type: str = ""
    """The type that holds the parameters, if the client answers the method."""

    @property
    def given(self) -> frozenset[str]:
        """The types that users provide: for a call, or as the result of a handler."""
        if self.scope not in ("server", "session"):
            return self.result.refs
        return frozenset[str]().union(*(field.annotation.refs for field in self.params))

    @property
    def refs(self) -> frozenset[str]:
        """The generated types that this one names."""
        used = (field.annotation.refs for field in self.params)
        held = {self.params_type} if self.params_type else frozenset[str]()
        return self.result.refs.union(held, *used)


@attrs.frozen
class Vocabulary:
    """All types by name, the name of each event's type by wire type, and the methods."""

    types: Mapping[str, NamedType]
    events: Mapping[str, str]
    methods: tuple[Method, ...] = ()

    def needs(self, name: str) -> set[str]:
        """Return the names of all types that a type consists of, itself included."""
        return self.closure({name})

    def needed_by(self, method: Method) -> set[str]:
        """Return the names of all types that a call of a method can involve."""
        return self.closure(method.refs)

    def closure(self, *names: Iterable[str]) -> set[str]:
        """Return these names, and those of all types that they consist of."""
        found, todo = set[str](), [name for each in names for name in each]
        while todo:
            current = todo.pop()
            if current not in found:
                found.add(current)
                todo.extend(self.types[current].refs)
        return found
