"""Wire names to Python names."""

from __future__ import annotations

import keyword
import re

# Used in the bodies of generated classes and modules. A field that shadows another
# builtin, such as `id`, does no harm and keeps its name.
RESERVED = frozenset(
    {"str", "int", "float", "bool", "tuple", "attrs", "extra"}
    | {"Any", "Literal", "Mapping", "TypeAlias"}
    | {"OpenEnum", "WireObject", "SessionEvent"}
    | {"UnknownEvent", "MalformedEvent", "UnknownVariant"}
    | {"Handler", "Handlers", "Namespace", "Unset", "UNSET"}
)


def class_name(wire: str) -> str:
    """`assistant.message_delta` -> `AssistantMessageDelta`."""
    return "".join(word[0].upper() + word[1:] for word in _words(wire))


def field_name(wire: str) -> str:
    """`deltaContent` -> `delta_content`, `from` -> `from_`."""
    name = "_".join(_snake(wire)) or "empty"
    if name[0].isdigit():
        name = f"n{name}"
    if keyword.iskeyword(name) or name in RESERVED:
        name += "_"
    return name


def member_name(value: str) -> str:
    """`ws:/responses` -> `WS_RESPONSES`."""
    name = "_".join(_snake(value)).upper() or "EMPTY"
    return f"N{name}" if name[0].isdigit() else name


def unique(name: str, taken: set[str]) -> str:
    """Return the name, with a number if it is taken, and take it."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name.rstrip('_')}_{number}"
    taken.add(candidate)
    return candidate


def _words(wire: str) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z0-9]+", wire) if word]


def _snake(wire: str) -> list[str]:
    whole = re.sub("gitHub|GitHub", lambda found: found[0].capitalize(), wire)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", whole)
    return [word.lower() for word in _words(spaced)]
