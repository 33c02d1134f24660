"""Annotations become a schema for the model, and the check of what the model gives."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    Required,
    TypedDict,
    TypeVar,
)

import attrs
import msgspec
import pytest

from trio_copilot import Tool, ToolContext, ToolDefinitionError, ToolError, tool

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Place:
    """Somewhere."""

    city: str
    country: str = "France"


@attrs.define
class Trip:
    start: Place
    stops: list[Place] = attrs.Factory(list)


@attrs.frozen
class Tree:
    children: list[Tree]


@attrs.frozen
class Box(Generic[T]):
    inside: T


@attrs.frozen
class Positive:
    number: int = attrs.field(validator=attrs.validators.gt(0))


@attrs.frozen
class Lost:
    nowhere: Nowhere  # type: ignore[name-defined]  # noqa: F821  # on purpose


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict, total=False):
    depth: Required[int]
    follow: bool


class Pair(NamedTuple):
    left: int
    right: str


class Plain:
    """What nothing is known about."""


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@attrs.frozen
class Dependent:
    x: int
    y: int = attrs.Factory(lambda self: self.x, takes_self=True)


@dataclasses.dataclass
class Halved:
    x: dataclasses.InitVar[int]


@attrs.frozen
class Reading:
    """A common mistake: null is the default, but not a `str`."""

    value: int
    unit: str = None  # type: ignore[assignment]  # the mistake
    note: str | None = None
    extra: Any = None


PLACE = {
    "title": "Place",
    "description": "Somewhere.",
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "country": {"type": "string", "default": "France"},
    },
    "required": ["city"],
}
CONTEXT = ToolContext(session_id="s", call_id="c", tool_name="take")
MISSING = object()


def taking(hint: object, default: object = MISSING) -> Tool:
    """A tool with one parameter, `x`, that returns it."""

    async def take(x):
        return x

    take.__annotations__ = {"x": hint}
    take.__defaults__ = None if default is MISSING else (default,)
    return tool(take)


def schema_of_x(made: Tool) -> Any:
    return made.parameters["properties"]["x"]


async def given(made: Tool, arguments: object) -> Any:
    """What the handler gets."""
    return await made.bind(arguments, CONTEXT)()


# -- the schema


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (bytes, {"type": "string", "contentEncoding": "base64"}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            set[str],
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        ),
        (
            dict[str, int],
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        (
            Mapping[int, str],
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        (dt.date, {"type": "string", "format": "date"}),
        (dt.timedelta, {"type": "string", "format": "duration"}),
        (decimal.Decimal, {"type": "string", "format": "decimal"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
    ],
    ids=str,
)
def test_an_annotation_has_its_schema(hint: object, schema: dict[str, Any]) -> None:
    assert taking(hint).parameters == {
        "type": "object",
        "properties": {"x": schema},
        "required": ["x"],
        "additionalProperties": False,
    }


def test_a_class_is_defined_inside_the_schema() -> None:
    made = taking(Place)

    assert schema_of_x(made) == {"$ref": "#/$defs/Place"}
    assert made.parameters["$defs"] == {"Place": PLACE}


@pytest.mark.parametrize(
    ("hint", "names"),
    [
        (list[Place], ["Place"]),
        (Place | None, ["Place"]),
        (Trip, ["Trip", "Place"]),
        (Tree, ["Tree"]),
        (Box[int] | None, ["Box_int_"]),
        (Point, ["Point"]),
        (Options, ["Options"]),
        (Pair, ["Pair"]),
        (Colour, ["Colour"]),
        (dict[str, Level], ["Level"]),
    ],
    ids=str,
)
def test_every_class_within_is_defined_too(hint: object, names: list[str]) -> None:
    assert taking(hint).parameters["$defs"].keys() == set(names)


def test_a_class_may_have_the_name_of_the_tool() -> None:
    async def look(at: Place) -> None: ...

    look.__name__ = "Place"
    schema = tool(look).parameters

    (name,) = schema["$defs"]
    assert schema["properties"]["at"] == {"$ref": f"#/$defs/{name}"}
    assert schema["$defs"][name] == PLACE


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (Annotated[int, "metres"], {"description": "metres", "type": "integer"}),
        (
            Annotated[str, "A city,", "not a town"],
            {"description": "A city, not a town", "type": "string"},
        ),
        (Annotated[int, msgspec.Meta(ge=0)], {"type": "integer", "minimum": 0}),
        (
            Annotated[int, "metres", msgspec.Meta(ge=0)],
            {"description": "metres", "type": "integer", "minimum": 0},
        ),
        (Annotated[int, object()], {"type": "integer"}),
        (Annotated[Place, "where"], {"description": "where", "$ref": "#/$defs/Place"}),
    ],
)
def test_annotated_describes_and_restricts(
    hint: object, schema: dict[str, Any]
) -> None:
    assert schema_of_x(taking(hint)) == schema


@pytest.mark.parametrize(
    ("hint", "default", "sent"),
    [
        (int, 3, 3),
        (int | None, None, None),
        (Colour, Colour.RED, "red"),
        (Place, Place("Nice"), {"city": "Nice", "country": "France"}),
        (dt.date, dt.date(2020, 2, 29), "2020-02-29"),
    ],
)
async def test_a_default_is_told_to_the_model_and_used(
    hint: object, default: object, sent: object
) -> None:
    made = taking(hint, default)

    assert schema_of_x(made)["default"] == sent
    assert made.parameters["required"] == []
    assert await given(made, {}) is default


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            Annotated[int, "metres", msgspec.Meta(ge=0)],
            {
                "description": "metres",
                "anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}],
            },
        ),
        (Place, {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}),
        (Literal["a"], {"anyOf": [{"enum": ["a"]}, {"type": "null"}]}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Any, {}),
    ],
    ids=str,
)
async def test_a_parameter_whose_default_is_none_takes_null(
    hint: object, schema: dict[str, Any]
) -> None:
    """`unit: str = None` is often written, and means `str | None`."""
    made = taking(hint, None)

    assert schema_of_x(made) == {**schema, "default": None}
    assert await given(made, {}) is None
    assert await given(made, {"x": None}) is None


@pytest.mark.parametrize(
    ("hint", "default"), [(int, 0.5), (Literal["a", "b"], ""), (int, "x")]
)
async def test_a_default_that_would_be_refused_is_used_and_not_offered(
    hint: object, default: object
) -> None:
    made = taking(hint, default)

    assert "default" not in schema_of_x(made)
    assert made.parameters["required"] == []
    assert await given(made, {}) == default


def test_a_class_offers_null_only_where_it_takes_it() -> None:
    properties = taking(Reading).parameters["$defs"]["Reading"]["properties"]

    assert properties["unit"] == {"type": "string"}
    assert properties["note"]["default"] is None
    assert properties["extra"] == {"default": None}


@pytest.mark.parametrize(
    ("hint", "default"),
    [(list[int], [1]), (dict[str, int], {"a": 1}), (set[int], {1})],
)
async def test_a_mutable_default_is_new_for_every_call(
    hint: object, default: Any
) -> None:
    made = taking(hint, default)

    (await given(made, None)).clear()
    assert await given(made, None) == default != type(default)()


# -- what is refused


@pytest.mark.parametrize(
    "hint",
    [
        object,
        complex,
        Plain,
        list[Plain],
        pathlib.Path,
        type,
        Callable[[], int],
        Iterable[int],
        Literal[1.5],
        Place | Point,
        str | dt.date,
        Lost,
        Mixed,
        Dependent,
        Halved,
    ],
    ids=str,
)
def test_a_type_without_a_schema_is_refused_by_its_parameter(hint: object) -> None:
    with pytest.raises(
        ToolDefinitionError, match="take: no JSON schema can be made of parameter 'x'"
    ) as caught:
        taking(hint)

    assert caught.value.__cause__ is not None


def test_what_has_no_schema_is_named() -> None:
    with pytest.raises(
        ToolDefinitionError,
        match=r"of type Plain: type .*Plain.* is not supported\. Use",
    ):
        taking(Plain)


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (Mixed, "Enums must contain either all str or all int values"),
        (str | dt.date, "may not contain more than one str-like type"),
        (Lost, "name 'Nowhere' is not defined"),
        (Annotated[str, msgspec.Meta(ge=0)], "Can only set `ge` on a numeric type"),
    ],
    ids=str,
)
def test_why_a_type_is_refused_is_said(hint: object, reason: str) -> None:
    with pytest.raises(ToolDefinitionError, match=f"parameter 'x' of .*: .*{reason}"):
        taking(hint)


@pytest.mark.parametrize("default", [object(), ..., Plain()])
def test_a_default_that_json_cannot_express_is_refused(default: object) -> None:
    with pytest.raises(ToolDefinitionError, match="the default of parameter 'x'"):
        taking(Any, default)


async def many(*numbers: int) -> None: ...
async def anything(**options: int) -> None: ...
async def in_order(first: int, /) -> None: ...
async def old_style(__first: int) -> None: ...  # noqa: PYI063  # on purpose
async def untyped(first) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (many, r"many: \*numbers: .* has no schema"),
        (anything, r"anything: \*\*options: .* has no schema"),
        (in_order, "in_order: parameter 'first' is positional-only"),
        (old_style, "old_style: parameter '__first' is positional-only"),
        (untyped, "untyped: parameter 'first' has no annotation"),
    ],
)
def test_a_parameter_that_the_model_cannot_give_is_refused(
    function: Any, message: str
) -> None:
    with pytest.raises(ToolDefinitionError, match=message):
        tool(function)


# -- the check


@pytest.mark.parametrize(
    ("hint", "sent", "expected"),
    [
        (float, 1, 1.0),
        (int, 2**70, 2**70),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (bytes, "aGk=", b"hi"),
        (int | None, None, None),
        (Literal["a", "b"], "b", "b"),
        (Colour, "blue", Colour.BLUE),
        (Level, 2, Level.HIGH),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], [1, 2, 1], {1, 2}),
        (dict[int, str], {"1": "one"}, {1: "one"}),
        (dict[float, int], {"1.5": 1}, {1.5: 1}),
        (dict[Colour, int], {"red": 1}, {Colour.RED: 1}),
        (dt.date, "2020-02-29", dt.date(2020, 2, 29)),
        (decimal.Decimal, "0.1", decimal.Decimal("0.1")),
        (Place, {"city": "Nice"}, Place("Nice")),
        (Place, {"city": "Nice", "zip": "06000"}, Place("Nice")),
        (
            Trip,
            {"start": {"city": "Nice"}, "stops": [{"city": "Bonn", "country": "D"}]},
            Trip(Place("Nice"), [Place("Bonn", "D")]),
        ),
        (Tree, {"children": [{"children": []}]}, Tree([Tree([])])),
        (Box[int], {"inside": 1}, Box(1)),
        (Point, {"x": 1}, Point(1)),
        (Options, {"depth": 1}, {"depth": 1}),
        (Pair, [1, "a"], Pair(1, "a")),
    ],
)
async def test_what_fits_becomes_what_the_annotation_says(
    hint: object, sent: object, expected: object
) -> None:
    got = await given(taking(hint), {"x": sent})

    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("hint", "sent", "expected"),
    [
        (int, 100.0, 100),
        (int, -0.0, 0),
        (int, 1e30, 10**30 + 19884624838656),
        (int | None, 2.0, 2),
        (int | str, 2.0, 2),
        (int | list[int], [2.0], [2]),
        (list[int], [1, 2.0], [1, 2]),
        (tuple[int, float], [1.0, 2.0], (1, 2.0)),
        (set[int], [1.0, 1], {1}),
        (dict[str, int], {"a": 1.0}, {"a": 1}),
        (Literal[1, 2], 1.0, 1),
        (Level, 2.0, Level.HIGH),
        (Annotated[int, msgspec.Meta(ge=0)], 4.0, 4),
        (Point, {"x": 1.0}, Point(1)),
        (Options, {"depth": 1.0}, {"depth": 1}),
        (Pair, [1.0, "a"], Pair(1, "a")),
        (Positive, {"number": 1.0}, Positive(1)),
        (Box[list[int]], {"inside": [1.0]}, Box([1])),
    ],
    ids=str,
)
async def test_an_integer_may_be_written_with_a_fraction_of_zero(
    hint: object, sent: object, expected: object
) -> None:
    """As the schema says; some models write it so."""
    got = await given(taking(hint), {"x": sent})

    assert repr(got) == repr(expected)


@pytest.mark.parametrize(
    ("hint", "sent"),
    [(float, 2.0), (int | float, 2.0), (Any, 2.0), (list[Any], [1, 2.0])],
    ids=str,
)
async def test_where_a_float_fits_it_stays_one(hint: object, sent: object) -> None:
    assert repr(await given(taking(hint), {"x": sent})) == repr(sent)


async def test_a_tool_by_hand_gets_numbers_as_they_are_written() -> None:
    async def take(**arguments: Any) -> Any:
        return arguments

    made = Tool("take", handler=take)
    assert repr(await given(made, {"a": 1.0})) == "{'a': 1.0}"


@pytest.mark.parametrize(
    ("hint", "sent", "message"),
    [
        (list[int], [1.0, 2.5], r"Expected `int`, got `float` - at `\$\.x\[0\]`"),
        (int, float("inf"), r"got `float`"),
        (bool, 1.0, r"Expected `bool`, got `float`"),
        (int, "1", r"Expected `int`, got `str` - at `\$\.x`"),
        (int, 1.5, r"got `float`"),
        (int, True, r"got `bool`"),
        (int, None, r"got `null` - at `\$\.x`"),
        (str, 1, r"Expected `str`"),
        (bool, "true", r"Expected `bool`"),
        (Literal["a", "b"], "c", r"'c'"),
        (Colour, "green", r"Invalid enum value 'green'"),
        (tuple[int, str], [1], r"length 2, got 1"),
        (dict[int, str], {"one": "a"}, r"`key` in `\$\.x`"),
        (dt.date, "tomorrow", r"\$\.x"),
        (Annotated[int, msgspec.Meta(ge=0)], -1, r">= 0"),
        (Place, {}, r"missing required field `city` - at `\$\.x`"),
        (Trip, {"start": {"city": 1}}, r"got `int` - at `\$\.x\.start\.city`"),
        (list[Place], [{"city": "Nice"}, 2], r"\$\.x\[1\]"),
        (Options, {"follow": True}, r"`depth`"),
        (Positive, {"number": 0}, r"must be > 0"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    hint: object, sent: object, message: str
) -> None:
    with pytest.raises(ToolError, match=f"The arguments do not fit: .*{message}"):
        taking(hint).bind({"x": sent}, CONTEXT)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "missing required field `x`"),
        (None, "missing required field `x`"),
        ({"x": 1, "y": 2}, "unknown field `y`"),
        ([1], "got `array`"),
        ("x", "got `str`"),
        (7, "got `int`"),
    ],
)
def test_arguments_are_an_object_with_every_parameter_and_no_other(
    arguments: object, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        taking(int).bind(arguments, CONTEXT)
