"""Looking into JSON that somebody else made: what does not fit reads as empty."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

_decode = msgspec.json.Decoder().decode


def decode_json(body: bytes | msgspec.Raw) -> Any:
    """Return the value of a body, or a part of one, that is known to be JSON.

    It may have what JavaScript sends and msgspec refuses: numbers beyond a double.
    """
    try:
        return _decode(body)
    except (ValueError, RecursionError):
        return json.loads(bytes(body))


def as_object(value: object) -> dict[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # it came from JSON


def as_array(value: object) -> list[Any]:
    """Return `value` if it is a JSON array, else an empty one."""
    if not isinstance(value, list):
        return []
    return cast("list[Any]", value)  # type: ignore[redundant-cast]  # not for pyright


def as_text(value: object) -> str:
    """Return `value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
