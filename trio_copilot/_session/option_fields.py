"""How the fields of `SessionOptions` check and convert what a caller passes.

`None` leaves an option to the CLI, so nearly every field may be `None`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
from attrs import validators

from .._checks import Validator, async_function, check_type, of_type, wrong_type
from .._protocol.roots import check_handlers
from .._tools.declare import Tool
from .hooks import Hooks
from .provider import Provider
from .system_message import SystemMessage

PATH = (str, os.PathLike)


def optional(*kinds: type) -> Validator:
    """Return a validator: a field is `None` or of one of these types."""
    return validators.optional(of_type(*kinds))


def option(*kinds: type) -> Any:
    """Return a field of one of these types."""
    return attrs.field(default=None, validator=optional(*kinds))


def flag() -> Any:
    """Return a field that is on unless it is switched off."""
    return attrs.field(default=True, validator=of_type(bool))


def function() -> Any:
    """Return a field that is an async function of the user."""
    return attrs.field(default=None, validator=async_function)


def sequence(*kinds: type, also: Sequence[Validator] = ()) -> Any:
    """Return a field that is a sequence of these types."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        # A string is a sequence of strings, and never meant as one.
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            raise wrong_type(attribute.name, "a sequence", cast("object", value))
        for item in cast("list[Any]", value):
            check_type(f"an item of {attribute.name}", item, *kinds)

    return attrs.field(default=None, validator=[check, *also])


_WHOLE_SOURCES = ("builtin:*", "mcp:*", "custom:*")


def tool_names(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check, as a validator, that names with an asterisk are whole sources of tools."""
    # The CLI takes any other asterisk for a part of a name, and finds no such tool.
    for name in value or ():
        if "*" in name and name not in _WHOLE_SOURCES:
            raise ValueError(
                f"{attribute.name}: no tool is called {name!r}, and the CLI has no such "
                f"pattern. It has {', '.join(_WHOLE_SOURCES)}; without available_tools "
                "the agent has all tools."
            )


def mappings_by_name() -> Any:
    """Return a field that is a mapping of names to mappings."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        check_type(attribute.name, value, Mapping)
        for item in cast("Mapping[str, Any]", value).values():
            check_type(f"an item of {attribute.name}", item, Mapping)

    return attrs.field(default=None, validator=check)


def session_handlers() -> Any:
    """Return a field that is a `SessionHandlers`, a class that is imported on first use."""

    def check(_: object, __: attrs.Attribute[Any], value: object) -> None:
        check_handlers(value, "SessionHandlers")

    return attrs.field(default=None, validator=check)


# Converters: from their annotations a type checker reads what a caller may pass.


def to_tools(value: Iterable[Tool]) -> tuple[Tool, ...]:
    """Make a tuple: a generator could be read once only."""
    check_type("tools", value, Iterable)
    return tuple(value)


def to_provider(value: Provider | Mapping[str, Any] | None) -> Provider | None:
    """Make a `Provider` of a mapping with its fields."""
    return Provider(**value) if isinstance(value, Mapping) else value


def to_hooks(value: Hooks | Mapping[str, Any] | None) -> Hooks | None:
    """Make `Hooks` of a mapping with its fields."""
    return Hooks(**value) if isinstance(value, Mapping) else value


def to_system_message(
    value: SystemMessage | Mapping[str, Any] | str | None,
) -> SystemMessage | None:
    """Make a `SystemMessage` of text that is appended, or of a mapping with its fields."""
    if isinstance(value, str):
        return SystemMessage(content=value)
    return SystemMessage(**value) if isinstance(value, Mapping) else value
