"""Says what is wrong with a value, and never the value: any may hold a secret.

Errors name the option, and the type that was given or the values that there are. A repr
says which options are set, and shows none but switches and numbers.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def wrong_type(name: str, wanted: str, value: object) -> TypeError:
    """Return the error of an option that has another type than it may have."""
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def check_type(name: str, value: object, *kinds: type) -> None:
    """Check that a value is of one of these kinds.

    Raises:
      TypeError: it is not.
    """
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise wrong_type(name, wanted, value)


def of_type(*kinds: type) -> Validator:
    """A field is of one of these kinds."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_type(attribute.name, value, *kinds)

    return check


def one_of(known: Collection[str]) -> Validator:
    """A field is one of these words."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_type(attribute.name, value, str)
        if value not in known:
            words = ", ".join(map(repr, known))
            raise ValueError(f"{attribute.name} must be one of {words}")

    return check


def of_words(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A field is a mapping of strings to strings: a validator."""
    check_type(attribute.name, value, Mapping)
    for word in (*value.keys(), *value.values()):
        check_type(f"what is in {attribute.name}", word, str)


def is_async(function: object) -> bool:
    """Whether this is an async function, or an object that can be called as one."""
    call = getattr(function, "__call__", None)  # noqa: B004  # of an object
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def async_function(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A field is an async function or `None`: a validator."""
    if value is not None and not is_async(value):
        raise wrong_type(attribute.name, "an async function", value)


def set_fields(self: Any) -> str:
    """Return the repr of an attrs object: what is set, and no value that could be secret.

    For a class that is made with `repr=False`, as `__repr__ = set_fields`.
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
    """Return a number of seconds; `None` is for ever.

    Raises:
      TypeError: it is no number.
      ValueError: it is negative.
    """
    if value is None:
        return math.inf
    if not isinstance(value, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_type(name, "a number of seconds or None", value)
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, and is {value!r}")
    return value
