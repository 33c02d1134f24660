"""Checks of options. Their errors never show a value: any may be a secret.

Errors name the option, and the type that was given or the values that are possible. A
repr shows which options are set, and the values of switches and numbers only.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def wrong_type(name: str, expected: str, value: object) -> TypeError:
    """Return the error for an option of the wrong type."""
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def check_type(name: str, value: object, *kinds: type) -> None:
    """Check that a value is of one of these types.

    Raises:
      TypeError: it is not.
    """
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise wrong_type(name, expected, value)


def of_type(*kinds: type) -> Validator:
    """Return a validator: a field is of one of these types."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_type(attribute.name, value, *kinds)

    return check


def one_of(known: Collection[str]) -> Validator:
    """Return a validator: a field is one of these words."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_type(attribute.name, value, str)
        if value not in known:
            words = ", ".join(map(repr, known))
            raise ValueError(f"{attribute.name} must be one of {words}")

    return check


def of_strings(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check, as a validator, that a field is a mapping of strings to strings."""
    check_type(attribute.name, value, Mapping)
    for item in (*value.keys(), *value.values()):
        check_type(f"an item of {attribute.name}", item, str)


def is_async(function: object) -> bool:
    """Whether this is an async function, or an object that can be called as one."""
    call = getattr(function, "__call__", None)  # noqa: B004  # of an object
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def async_function(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Check, as a validator, that a field is an async function or `None`."""
    if value is not None and not is_async(value):
        raise wrong_type(attribute.name, "an async function", value)


def safe_repr(self: Any) -> str:
    """Return the repr of an attrs object: which fields are set, but no secret value.

    Its class has `repr=False` and `__repr__ = safe_repr`.
    """
    shown: list[str] = []
    for field in attrs.fields(self.__class__):
        value = getattr(self, field.name)
        if isinstance(value, (bool, int, float)):
            shown.append(f"{field.alias}={value!r}")
        elif value:
            shown.append(f"{field.alias}=...")
    return f"{self.__class__.__name__}({', '.join(shown)})"


def seconds(name: str, value: float | None) -> float:
    """Return a number of seconds; `None` is infinity.

    Raises:
      TypeError: it is not a number.
      ValueError: it is negative.
    """
    if value is None:
        return math.inf
    if not isinstance(value, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_type(name, "a number of seconds or None", value)
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, and is {value!r}")
    return value
