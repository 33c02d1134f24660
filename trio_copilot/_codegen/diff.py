"""What changed between two vocabularies, as text to read.

Strategy: everything with a name (an event, a method, a type) is a set of facts, each with
a name and a value. Then all changes are of three kinds, whatever they concern: added,
removed, changed. Names are those of the wire, in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs

from .layout import users_of
from .model import (
    Annotation,
    EnumType,
    Field,
    NamedType,
    ObjectType,
    UnionType,
    Vocabulary,
)

Facts: TypeAlias = Mapping[tuple[str, str], str]
"""`{(kind, name): value}`; the value is empty where kind and name say it all."""

_USERS = 3  # named for each type; the others are counted

EVENTS = "Events"
METHODS = "Methods of the CLI"
REQUESTS = "Requests of the CLI"
OBJECTS = "Objects"
ENUMERATIONS = "Enumerations"
UNIONS = "Unions"
_SORTS = {ObjectType: OBJECTS, EnumType: ENUMERATIONS, UnionType: UNIONS}


@attrs.frozen
class Difference:
    """What became of everything of one sort."""

    added: Mapping[str, Facts]
    removed: Mapping[str, Facts]
    changed: Mapping[str, tuple[Facts, Facts]]

    @classmethod
    def between(
        cls, before: Mapping[str, Facts], after: Mapping[str, Facts]
    ) -> Difference:
        """Return what was added, removed and changed."""
        return cls(
            {name: after[name] for name in sorted(after.keys() - before)},
            {name: before[name] for name in sorted(before.keys() - after)},
            {
                name: (before[name], after[name])
                for name in sorted(before.keys() & after)
                if before[name] != after[name]
            },
        )

    def __str__(self) -> str:
        counts = [
            f"{len(names)} {what}"
            for names, what in (
                (self.added, "added"),
                (self.removed, "removed"),
                (self.changed, "changed"),
            )
            if names
        ]
        return ", ".join(counts) or "the same"

    def lines(self, users: Mapping[str, str]) -> Iterator[str]:
        """Yield the items of a list of all changes.

        Args:
          users: where each type is used, as text.
        """

        def head(what: str, name: str) -> str:
            where = f", in {users[name]}" if name in users else ""
            return f"- {what} `{name}`{where}"

        for name, facts in self.added.items():
            yield head("added", name)
            yield from (f"  - {_fact(key, facts)}" for key in sorted(facts))
        for name in self.removed:
            yield head("removed", name)
        for name, (was, now) in self.changed.items():
            yield head("changed", name)
            yield from _changes(was, now)


def report(old: Vocabulary, new: Vocabulary, title: str) -> str:
    """Return what changed, as Markdown: first how much, then what."""
    before, after = _catalogue(old), _catalogue(new)
    differences = {
        sort: Difference.between(before[sort], after[sort]) for sort in before
    }
    users = {**_users(old), **_users(new)}
    lines = [f"# {title}", ""]
    lines += [f"- {sort}: {found}" for sort, found in differences.items()]
    for sort, found in differences.items():
        items = list(found.lines(users))
        lines += ["", f"## {sort}", "", *items] if items else []
    return "\n".join(lines)


# -- facts


def _catalogue(vocabulary: Vocabulary) -> dict[str, dict[str, Facts]]:
    """Return the facts of everything, by sort and name."""
    found: dict[str, dict[str, Facts]] = {
        sort: {} for sort in (EVENTS, METHODS, REQUESTS, OBJECTS, ENUMERATIONS, UNIONS)
    }
    for wire, name in vocabulary.events.items():
        found[EVENTS][wire] = _of_type(vocabulary.types[name])
    for method in vocabulary.methods:
        is_ours = method.scope not in ("server", "session")
        facts = {**_marks(method.marks), **_fields("parameter", method.params)}
        if method.params_type:
            facts["parameters", ""] = f"`{method.params_type}`"
        if method.notification:
            facts["mark", "Notification"] = ""
        facts["result", ""] = _typed(method.result)
        found[REQUESTS if is_ours else METHODS][method.wire] = facts
    for name, known in vocabulary.types.items():
        if name not in vocabulary.events.values():
            found[_SORTS[type(known)]][name] = _of_type(known)
    return found


def _of_type(known: NamedType) -> Facts:
    if isinstance(known, ObjectType):
        return {**_marks(known.marks), **_fields("field", known.fields)}
    if isinstance(known, EnumType):
        return {("member", value): "" for _, value in known.members}
    return {("alternative", member): "" for member in known.members}


def _marks(marks: Iterable[str]) -> Facts:
    return {("mark", mark.removesuffix(".")): "" for mark in marks}


def _fields(what: str, fields: Iterable[Field]) -> Facts:
    return {
        (what, field.wire): _typed(field.annotation)
        + ("" if field.required else ", optional")
        for field in fields
    }


def _typed(annotation: Annotation) -> str:
    return f"`{annotation.text}`"


def _users(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the events and methods that use each type, as text."""
    users: dict[str, str] = {}
    for name, wires in users_of(vocabulary).items():
        users[name] = ", ".join(f"`{wire}`" for wire in sorted(wires)[:_USERS])
        if len(wires) > _USERS:
            users[name] += f" and {len(wires) - _USERS} more"
    return users


def _changes(was: Facts, now: Facts) -> Iterator[str]:
    for key in sorted(now.keys() - was):
        yield f"  - added {_fact(key, now)}"
    for key in sorted(was.keys() - now):
        yield f"  - removed {_fact(key, was)}"
    for key in sorted(now.keys() & was):
        if was[key] != now[key]:
            yield f"  - changed {_fact(key, now)}; was {was[key]}"


def _fact(key: tuple[str, str], facts: Facts) -> str:
    what, name = key
    label = f"{what} `{name}`" if name else what
    return f"{label}: {facts[key]}" if facts[key] else label
