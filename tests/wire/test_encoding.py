"""What JSON can express, and what the CLI can read of it."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import re
import types
import uuid

import attrs
import msgspec
import pytest

from tests.awkward import nested
from trio_copilot._wire.encoding import (
    MAX_DEPTH,
    encode_as_cli,
    encode_for_cli,
    encode_json,
    sendable,
)
from trio_copilot._wire.text import check_exact, readable


class Colour(enum.Enum):
    RED = "red"


class Name(str):
    __slots__ = ()


class Count(int):
    pass


class Metres(float):
    pass


class Blob(bytes):
    pass


@attrs.frozen
class Point:
    x: int


@dataclasses.dataclass
class Line:
    start: Point


class Struct(msgspec.Struct):
    y: int


class Scalar:
    """Like numpy's, which are not subclasses of a builtin type."""

    def item(self) -> int:
        return 7


class Array(Scalar):
    def item(self) -> int:
        raise ValueError("only an array of one can be converted")

    def tolist(self) -> list[float]:
        return [1.5, 2]


class Endless:
    """As a numpy number beyond a double."""

    def item(self) -> Endless:
        return Endless()


def named(value: object) -> str:
    """What to call a value: the same in every process."""
    return re.sub(r" at 0x\w+", "", repr(value))


@pytest.mark.parametrize(
    ("value", "json_text"),
    [
        (math.nan, "null"),
        ([math.inf, "\ud83d"], '[null,"\ufffd"]'),
        (types.MappingProxyType({"a": (1, 2)}), '{"a":[1,2]}'),
        (collections.UserDict({"a": 1}), '{"a":1}'),
        (collections.Counter("aa"), '{"a":2}'),
        (collections.ChainMap({"a": 1}, {"b": 2}), '{"b":2,"a":1}'),
        (collections.deque([1]), "[1]"),
        (range(3), "[0,1,2]"),
        (array.array("i", [1]), "[1]"),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.values(), "[1]"),
        ({"a": 1}.items(), '[["a",1]]'),
        (frozenset([1]), "[1]"),
        (Name("x"), '"x"'),
        (Count(1), "1"),
        (Metres(1.5), "1.5"),
        (Blob(b"hi"), '"aGk="'),
        (memoryview(b"hi"), '"aGk="'),
        ([Scalar(), Array()], "[7,[1.5,2]]"),
        (Point(1), '{"x":1}'),
        (Line(Point(1)), '{"start":{"x":1}}'),
        (Struct(1), '{"y":1}'),
        (Colour.RED, '"red"'),
        (dt.date(2020, 2, 29), '"2020-02-29"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (decimal.Decimal("1.50"), '"1.50"'),
        (pathlib.PurePosixPath("/tmp/x"), '"/tmp/x"'),
        (msgspec.Raw(b"[1]"), "[1]"),
        (
            {Name("a"): 1, 2: 2, pathlib.PurePosixPath("p"): 3, Colour.RED: 4},
            '{"a":1,"2":2,"p":3,"red":4}',
        ),
    ],
    ids=named,
)
def test_what_json_can_express(value, json_text):
    """Alone, and beside half of a pair, which is written another way."""
    assert encode_json(value).decode() == json_text
    assert encode_json([value, "\udce9"]).decode() == f'[{json_text},"\ufffd"]'
    assert encode_for_cli(value).decode() == json_text


@pytest.mark.parametrize(
    "value",
    [
        object(),
        int,
        1j,
        print,
        ValueError("x"),
        (number for number in range(3)),
        {(1, 2): 3},
        Endless(),
    ],
    ids=named,
)
def test_what_json_cannot_express_is_a_type_error(value):
    for encode in (encode_json, encode_for_cli, encode_as_cli):
        for tree in (value, ["\ud83d", value]):
            with pytest.raises((TypeError, RecursionError)):
                encode(tree)
    with pytest.raises(TypeError, match=r"^The answer cannot be sent: "):
        sendable(value, "The answer")


def test_a_value_within_itself_is_a_type_error():
    tree: list[object] = []
    tree.append(tree)
    with pytest.raises(TypeError, match="contains itself"):
        encode_for_cli(tree)


# -- halves of UTF-16 pairs


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", ""),
        ("é 😀", "é 😀"),
        ("cut \ud83d here", "cut \ufffd here"),
        ("\ude00", "\ufffd"),
        ("caf\udce9", "caf\ufffd"),
        ("\ud83d\ude00 \ud83d\ud83d\ude00", "😀 \ufffd😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
    ids=ascii,
)
def test_a_half_becomes_a_replacement_character_and_two_that_fit_a_pair(text, right):
    assert readable(text) == right
    assert json.loads(encode_for_cli({text: [text]})) == {right: [right]}


@pytest.mark.parametrize(
    ("member", "option"),
    [
        ("sessionId", "session_id"),
        ("id", "id"),
        ("path", "path"),
        ("filePath", "file_path"),
        ("workingDirectory", "working_directory"),
        ("model", "model"),
        ("cwd", "cwd"),
        ("toolName", "tool_name"),
        ("availableTools", "available_tools"),
        ("additionalDirectories", "additional_directories"),
        ("args", "args"),
    ],
)
def test_a_name_that_must_be_exact_is_refused_by_its_option(member, option):
    for value in ("caf\udce9", ["a", "caf\udce9"]):
        tree = {"params": {member: value}}
        with pytest.raises(ValueError, match=rf"^{option} must be text that"):
            encode_for_cli(tree)
        assert encode_json(tree)  # what the model gets is free text
    assert encode_for_cli({member: "é"})


@pytest.mark.parametrize(
    "member", ["prompt", "displayName", "name", "idea", "pathos", "paid", "Identity"]
)
def test_all_other_text_is_free(member):
    assert json.loads(encode_for_cli({member: "\udce9"})) == {member: "\ufffd"}


def test_a_name_can_be_checked_where_it_is_given():
    check_exact("café", "home")
    with pytest.raises(ValueError, match="home must be text that the CLI can read"):
        check_exact("caf\udce9", "home")


def test_a_cli_in_javascript_escapes_halves():
    assert encode_as_cli({"\ud83d": "é\udce9"}) == rb'{"\ud83d":"\u00e9\udce9"}'


# -- what is too deep or too large


@pytest.mark.parametrize("text", ["", '[{"', "{" * 200, "9" * 400, "\\" * 3])
def test_the_cli_reads_127_levels_and_whatever_text(text):
    fits = {text: [nested(MAX_DEPTH - 2), nested(MAX_DEPTH - 2), text]}
    assert encode_for_cli(fits)
    with pytest.raises(ValueError, match="nested deeper than 127 levels"):
        encode_for_cli({text: [text, nested(MAX_DEPTH - 1)]})


def test_an_answer_leaves_room_for_its_envelope():
    fits = sendable(nested(MAX_DEPTH - 2), "It")
    assert encode_for_cli({"params": {"result": fits}})
    with pytest.raises(
        ValueError, match=r"It cannot be sent: .* deeper than 125 levels"
    ):
        sendable(nested(MAX_DEPTH - 1), "It")


@pytest.mark.parametrize("number", [10**309, -(10**309), 2 * 10**308, 10**4000])
def test_an_integer_beyond_a_double_is_refused(number):
    for tree in (number, {"a" * 17: [1.5, number]}):
        with pytest.raises(ValueError, match="too large for a double"):
            encode_for_cli(tree)
        assert encode_json(tree)


@pytest.mark.parametrize("number", [10**308, -(10**308), 2**64, 1e308])
def test_a_number_within_a_double_is_sent(number):
    assert json.loads(encode_for_cli([number])) == [number]


def test_an_integer_of_too_many_digits_for_python_is_refused():
    with pytest.raises(ValueError, match="digits"):
        encode_for_cli(10**9000)
