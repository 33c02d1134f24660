"""Reads JSON that others wrote: what does not have the expected type counts as empty."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, cast

import msgspec

MAX_DEPTH = 512
"""How deep nested arrays and objects are read. What is deeper reads as null: Python's
decoders recurse, and its stack ends at a thousand calls."""

_decode = msgspec.json.Decoder().decode
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)


def decode_json(body: bytes | msgspec.Raw) -> Any:
    """Return the value of a body, or of a part of one, that is known to be JSON.

    It may hold what JavaScript sends and msgspec refuses; see `decode_leniently`.
    """
    try:
        return _decode(body)
    except (ValueError, RecursionError):
        return decode_leniently(bytes(body))


def decode_leniently(
    body: bytes, *, parse_constant: Callable[[str], Any] | None = None
) -> Any:
    """Return the value of JSON as JavaScript makes and reads it.

    Half of a UTF-16 pair is a character, an integer may have any number of digits, and
    what is nested too deep for Python is null.

    Args:
      body: the JSON.
      parse_constant: called with `NaN` and `Infinity`, which are not JSON.

    Raises:
      ValueError: it is not JSON.
    """
    text = body.decode("utf-8", "surrogatepass")

    def load(text: str) -> Any:
        return json.loads(text, parse_int=_integer, parse_constant=parse_constant)

    try:
        return load(text)
    except RecursionError:
        return load(_shallow(text))


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # thousands of digits: infinity, as in JavaScript
        return float(digits)


def _shallow(text: str) -> str:
    """Return JSON with null in place of what is nested too deep."""
    kept: list[str] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            if depth == MAX_DEPTH:
                kept += text[begin : token.start()], "null"
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == MAX_DEPTH:
                begin = token.end()
    return "".join([*kept, text[begin:]])


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


_JSON: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    NoneType: "null",
}


def misfit(value: object, *expected: type) -> TypeError:
    """Return an error that names types, but never the value: it may be a secret."""
    kinds = " or ".join(_JSON[kind] for kind in expected)
    seen = _JSON.get(type(value)) or f"{type(value).__name__}, which is not JSON"
    return TypeError(f"expected {kinds}, got {seen}")
