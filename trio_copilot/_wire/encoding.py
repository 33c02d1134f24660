"""What JSON can express, and what the CLI can read: decided here alone.

Strategy: msgspec writes the types it knows in one pass; a hook simplifies all others.
Only a tree that holds half of a UTF-16 pair is walked in Python. What would be too deep
or too large for the CLI is searched for in the finished text, and only if the number of
brackets or a long run of digits shows that it may be there.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence, Set as AbstractSet, ValuesView
from typing import Any, cast

import msgspec

from .._json import decode_json
from .text import check_exact, readable

MAX_DEPTH = 127
"""How deep arrays and objects may nest for the CLI, the message itself included."""

_ENVELOPE = 2
"""The outer levels of an answer: the message, and the parameters of the call with it."""

# The largest double has 309 digits. Of that many in a row, every 30th character is a
# digit, ten times over: so one character in 30 is enough to look at.
_SAMPLED = 30
_DIGITS = re.compile(rb"[0-9]{10}")
_LONG = re.compile(rb"[0-9]{309,}")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

# Text must be exact in members whose wire names end in one of these words.
_EXACT_WORDS = (
    *("agent", "arg", "command", "cwd", "dir", "director", "id", "model", "path"),
    *("root", "server", "skill", "tool", "uri", "url"),
)
_EXACT = re.compile(
    rf"(?:{'|'.join(f'^{word}|{word.title()}' for word in _EXACT_WORDS)})(?:y|ies|s)?$"
    "|(?<!display)Name$"
)
_CAPITAL = re.compile("(?=[A-Z])")


def encode_json(value: object) -> bytes:
    """Return `value` as JSON.

    Beyond JSON's own types, these are written in their usual forms: mappings, sequences,
    sets and views of dicts; dataclasses, attrs and msgspec classes; enums, by value;
    dates, UUIDs and `Decimal`; paths; `bytes`, as base64; arrays and scalars like those
    of numpy (`tolist()`, `item()`); and subclasses of these. NaN and infinity become
    null, as in JavaScript, and half of a UTF-16 pair becomes U+FFFD.

    Raises:
      TypeError: a value in it has no form in JSON, or contains itself.
      ValueError: an integer has too many digits for Python.
    """
    return _encode(value, exact=False)


def encode_for_cli(value: object, *, within: int = 0) -> bytes:
    """Return `value` as `encode_json` does, if the CLI can read the result.

    Args:
      value: a message, or a part of one.
      within: how many objects will enclose it.

    Raises:
      TypeError: a value in it has no form in JSON, or contains itself.
      ValueError: it is too deep, a number is too large, or half of a UTF-16 pair stands
        where text must be exact, such as in a path or an id.
    """
    body = _encode(value, exact=True)
    check_size(body, MAX_DEPTH - within)
    return body


def encode_as_cli(value: object) -> bytes:
    """Return `value` as a CLI in JavaScript writes it, with halves of pairs escaped."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        tree = _plain(value)
        return json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()


def sendable(answer: object, what: str) -> msgspec.Raw:
    """Return an answer for the CLI as JSON that is certain to be sendable.

    Args:
      answer: the result for the CLI.
      what: its name in errors, such as `the answer to a form`.

    Raises:
      TypeError, ValueError: as `encode_for_cli` does.
    """
    try:
        return msgspec.Raw(encode_for_cli(answer, within=_ENVELOPE))
    except (TypeError, ValueError) as error:
        raise unsendable(error, what) from error


def unsendable(error: Exception, what: str) -> TypeError | ValueError:
    """Return the error of an encoder with the name of what it failed on."""
    kind = ValueError if isinstance(error, ValueError) else TypeError
    return kind(f"{what} cannot be sent: {error}")


def _encode(value: object, *, exact: bool) -> bytes:
    try:
        try:
            return _encoder.encode(value)
        except UnicodeEncodeError:
            return _encoder.encode(_readable(_plain(value), "", exact=exact))
    except RecursionError as error:
        raise TypeError(f"it is too deep, or contains itself: {error}") from error


def _plain(value: object) -> Any:
    """Return a tree of JSON's own types."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_simpler)


def _readable(tree: Any, name: str, *, exact: bool) -> Any:
    """Return a tree without halves of pairs; `name` is that of the member it is in."""
    if isinstance(tree, str):
        if exact and _EXACT.search(name):
            check_exact(tree, _CAPITAL.sub("_", name).lower())
        return readable(tree)
    if isinstance(tree, dict):
        members = cast("dict[str, Any]", tree)
        return {
            readable(key): _readable(value, key, exact=exact)
            for key, value in members.items()
        }
    if isinstance(tree, (list, tuple)):
        items = cast("Sequence[Any]", tree)
        return [_readable(item, name, exact=exact) for item in items]
    return tree


def _simpler(value: object) -> object:
    """Return a value of a type that msgspec knows, in place of one that it does not."""
    for kind, simplify in _SIMPLER:
        if isinstance(value, kind):
            return simplify(value)
    for name in ("tolist", "item"):  # numpy's; an array has both
        method: Callable[[], object] | None = getattr(value, name, None)
        if callable(method):
            return method()
    raise TypeError(f"{type(value)} has no form in JSON")


_SIMPLER: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    *((kind, kind) for kind in (str, int, float, bytes)),  # that is, their subclasses
    (Mapping, dict),
    ((Sequence, AbstractSet, ValuesView), list),
    (os.PathLike, os.fsdecode),
    (msgspec.Raw, decode_json),
)

_encoder = msgspec.json.Encoder(enc_hook=_simpler)


def check_size(body: bytes, max_depth: int = MAX_DEPTH) -> None:
    """Check that JSON is neither too deep nor too large for the CLI.

    Raises:
      ValueError: it is; the error says which.
    """
    brackets = body.count(b"{") + body.count(b"[")
    if brackets <= max_depth and not _DIGITS.search(body[::_SAMPLED]):
        return
    bare = _STRING.sub(b"", body)
    if any(math.isinf(float(digits)) for digits in _LONG.findall(bare)):
        raise ValueError("an integer in it is too large for a double")
    depth = 0
    for byte in bare:
        if byte in b"[{":
            depth += 1
            if depth > max_depth:
                raise ValueError(f"it is nested deeper than {max_depth} levels")
        elif byte in b"]}":
            depth -= 1
