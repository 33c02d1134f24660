"""Types of the model to Python source: a class, an enumeration or a union each.

Docstrings hold wire names only: the schema's own texts are not ours to copy.
"""

from __future__ import annotations

from typing import assert_never

from .._names import camel
from .model import EnumType, Field, NamedType, ObjectType, UnionType
from .source import WIDTH, alternatives, string


def order(named: NamedType) -> tuple[int, str]:
    """Sort by this: events, objects, enumerations; unions last, as they are evaluated at once."""
    match named:
        case UnionType():
            return (3, named.name)
        case EnumType():
            return (2, named.name)
        case ObjectType():
            return (0, named.wire_type) if named.wire_type else (1, named.name)
        case _:
            assert_never(named)


def type_source(named: NamedType, users: list[str]) -> str:
    """Return the class or the alias of a type.

    Args:
      named: the type.
      users: the wire names of the events and methods that need it.
    """
    match named:
        case ObjectType():
            return _object(named, users)
        case EnumType():
            return _enum(named, users)
        case UnionType():
            return _union(named, users)
        case _:
            assert_never(named)


def _object(named: ObjectType, users: list[str]) -> str:
    parts = [_doc(named, users, *named.marks)]
    odd = {f.name: f.wire for f in named.fields if camel(f.name) != f.wire}
    if odd:
        pairs = ", ".join(f'"{name}": "{wire}"' for name, wire in odd.items())
        parts.append(f"    _wire_names: ClassVar[Mapping[str, str]] = {{{pairs}}}\n")
    if named.fields:
        parts.append("".join(_field(field) for field in named.fields))
    return (
        "@attrs.frozen(kw_only=True, repr=False, eq=False)\n"
        f"class {named.name}(WireObject):\n" + "\n".join(parts)
    )


def _field(field: Field) -> str:
    kind = field.annotation if field.required else field.annotation.optional()
    default = "" if field.required else " = None"
    line = f"    {field.name}: {kind.text}"
    if len(line + default) <= WIDTH or (field.required and " | " not in kind.text):
        return f"{line}{default}\n"
    if not field.required and len(f"{line} = (") <= WIDTH:
        return f"{line} = (\n        None\n    )\n"
    inner = f"        {kind.text}"
    if len(inner) > WIDTH:
        inner = "        " + "\n        | ".join(alternatives(kind.text))
    return f"    {field.name}: (\n{inner}\n    ){default}\n"


def _enum(named: EnumType, users: list[str]) -> str:
    members = "".join(
        f"    {name} = {string(value)}\n" for name, value in named.members
    )
    return f"class {named.name}(OpenEnum):\n{_doc(named, users)}\n{members}"


def _union(named: UnionType, users: list[str]) -> str:
    members = [*named.members, "UnknownVariant"]
    line = f"{named.name}: TypeAlias = {' | '.join(members)}"
    if len(line) > WIDTH:
        inner = "    " + " | ".join(members)
        if len(inner) > WIDTH:
            inner = "    " + "\n    | ".join(members)
        line = f"{named.name}: TypeAlias = (\n{inner}\n)"
    return f"{line}\n{_doc(named, users).replace('    ', '')}"


def _doc(named: NamedType, users: list[str], *marks: str) -> str:
    if not isinstance(named, EnumType) and named.wire_type:
        what = f"The payload of `{named.wire_type}`."
    else:
        more = f" and {len(users) - 1} more" if len(users) > 1 else ""
        what = f"Part of `{users[0]}`{more}."
    return f'    """{" ".join([what, *marks])}"""\n'
