"""Enumerations that the CLI may extend at any time."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self


class OpenEnum(StrEnum):
    """A `StrEnum` that takes any string.

    A string that is not a member becomes an instance all the same: it equals and prints
    as that string, and is not stored, so a CLI cannot fill the memory.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = str(value)
        return unknown

    def __reduce_ex__(self, proto: object) -> tuple[Any, ...]:
        return type(self), (self.value,)  # Python 3.11.2 would look up the name
