"""What becomes of the constructs of a schema, seen in the classes that come out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest

from tests.codegen.schemas import ref
from trio_copilot._codegen.names import class_name, field_name, member_name
from trio_copilot._codegen.schema import SchemaError, read_schema
from trio_copilot._protocol.open_enum import OpenEnum
from trio_copilot._protocol.structure import converter
from trio_copilot._protocol.unknown import UnknownVariant

from .conftest import object_of, schema_of

TypesOf = Callable[..., ModuleType]

STRING = {"type": "string"}
COLOUR = {"type": "string", "enum": ["red", "dark-blue", "3d", "", "darkBlue"]}


def read(of: Any, raw: Any) -> Any:
    return converter().structure(raw, of)


def hints(of: type) -> dict[str, str]:
    """The annotations of a class, as they are written there."""
    assert get_type_hints(of)
    return {name: text for name, text in of.__annotations__.items() if name[0] != "_"}


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("assistant.message_delta", "AssistantMessageDelta"),
        ("permission.assentDetected", "PermissionAssentDetected"),
        ("mcp.tools.list_changed", "McpToolsListChanged"),
        ("abort", "Abort"),
    ],
)
def test_a_class_is_named_after_the_wire_type(wire: str, name: str) -> None:
    assert class_name(wire) == name


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("deltaContent", "delta_content"),
        ("mcpURLs2Go", "mcp_ur_ls2_go"),
        ("HTTPStatus", "http_status"),
        ("from", "from_"),
        ("class", "class_"),
        ("str", "str_"),
        ("extra", "extra_"),
        ("id", "id"),
        ("type", "type"),
        ("_meta", "meta"),
        ("2d", "n2d"),
        ("$", "empty"),
    ],
)
def test_a_field_has_pythons_spelling_and_no_keyword(wire: str, name: str) -> None:
    assert field_name(wire) == name


def test_a_member_has_the_spelling_of_a_constant() -> None:
    values = ["allow-all", "/chat/completions", "policyHelper", "3d", ""]

    assert [member_name(value) for value in values] == [
        "ALLOW_ALL",
        "CHAT_COMPLETIONS",
        "POLICY_HELPER",
        "N3D",
        "EMPTY",
    ]


def test_an_event_class_is_not_named_after_its_definition(types_of: TypesOf) -> None:
    events = types_of({"session.error": ref("ErrorData")}, ErrorData=object_of())

    assert events.SessionError.__doc__ == "The payload of `session.error`."
    assert not hasattr(events, "ErrorData")


def test_events_that_share_a_definition_have_a_class_each(types_of: TypesOf) -> None:
    events = types_of({"a.on": ref("Data"), "a.off": ref("Data")}, Data=object_of())

    assert events.AOn is not events.AOff


def test_fields_have_the_types_of_the_schema(types_of: TypesOf) -> None:
    events = types_of(
        {
            "x": object_of(
                {
                    "text": STRING,
                    "whole": {"type": "integer"},
                    "number": {"type": "number"},
                    "yes": {"type": "boolean"},
                    "one": {"const": "one"},
                    "texts": {"type": "array", "items": STRING},
                    "anything": {"x-opaque-json": True},
                    "object": {"type": "object"},
                    "counts": {
                        "type": "object",
                        "additionalProperties": {"type": "integer"},
                    },
                    "nullable": {"type": ["string", "null"]},
                    "either": {"anyOf": [STRING, {"type": "integer"}]},
                    "whatever": {"anyOf": [STRING, {"x-opaque-json": True}]},
                },
                optional={"anyOf": [STRING, {"type": "null"}]},
                listed={"type": "array", "items": {}},
            )
        }
    )

    assert hints(events.X) == {
        "text": "str",
        "whole": "int",
        "number": "float",
        "yes": "bool",
        "one": "Literal['one']",
        "texts": "tuple[str, ...]",
        "anything": "Any",
        "object": "Mapping[str, Any]",
        "counts": "Mapping[str, int]",
        "nullable": "str | None",
        "either": "str | int",
        "whatever": "Any",
        "optional": "str | None",
        "listed": "tuple[Any, ...] | None",
    }


def test_a_mapping_is_an_object_of_such_values(types_of: TypesOf) -> None:
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    events = types_of({"x": object_of({"counts": counts})})

    assert read(events.X, {"counts": {"a": 1, "b": 2.0}}).counts == {"a": 1, "b": 2}
    with pytest.raises(TypeError, match="expected an integer, got a string"):
        read(events.X, {"counts": {"a": "1"}})
    with pytest.raises(TypeError, match="expected an object, got an array"):
        read(events.X, {"counts": []})


def test_an_object_without_fields_of_its_own_has_any_keys(types_of: TypesOf) -> None:
    free, open_ = {"type": "object", "properties": {}}, {"additionalProperties": True}
    closed = {"additionalProperties": False}
    types = types_of(
        {
            "some.event": object_of(
                {"a": free, "b": {**free, **open_}, "c": {**free, **closed}},
                d=ref("Free"),
            )
        },
        Free={**free, "title": "Free"},
    )

    fields = hints(types.SomeEvent)
    assert fields["a"] == fields["b"] == "Mapping[str, Any]"
    assert fields["c"] == "SomeEventC"
    assert fields["d"] == "Mapping[str, Any] | None"
    assert not hasattr(types, "Free")


def test_a_field_may_be_a_string_or_a_number(types_of: TypesOf) -> None:
    either = {"anyOf": [STRING, {"type": "integer"}, COLOUR, {"const": True}]}
    events = types_of({"x": object_of({"either": either})})

    assert read(events.X, {"either": "text"}).either == "text"
    assert read(events.X, {"either": 5}).either == 5
    assert read(events.X, {"either": True}).either is True
    with pytest.raises(TypeError, match="expected a string or an integer or"):
        read(events.X, {"either": None})


def test_a_field_may_be_an_object_or_a_list_or_absent(types_of: TypesOf) -> None:
    parts = [ref("Part"), {"type": "array", "items": STRING}, COLOUR]
    events = types_of({"x": object_of(it={"anyOf": parts})}, Part=object_of(a=STRING))

    assert read(events.X, {"it": {"a": "b"}}).it == events.Part(a="b")
    assert read(events.X, {"it": ["a"]}).it == ("a",)
    assert read(events.X, {"it": "red"}).it == "red"
    assert read(events.X, {}).it is None


def test_a_field_whose_name_is_taken_keeps_its_wire_name(types_of: TypesOf) -> None:
    events = types_of(
        {"x": object_of({"from": STRING, "_meta": STRING}, meta=STRING, str=STRING)}
    )
    raw = {"from": "a", "_meta": "b", "meta": "c", "str": "d"}
    made = read(events.X, raw)

    assert (made.from_, made.meta, made.meta_2, made.str_) == ("a", "b", "c", "d")
    assert converter().unstructure(made) == raw


def test_an_enumeration_is_open(types_of: TypesOf) -> None:
    extensible = {"type": "string", "x-extensible-enum": ["low", "high"]}
    events = types_of(
        {"x": object_of({"colour": COLOUR}, level=ref("Level"))}, Level=extensible
    )

    assert issubclass(events.XColour, OpenEnum)
    assert [member.name for member in events.XColour] == [
        "RED",
        "DARK_BLUE",
        "N3D",
        "EMPTY",
        "DARK_BLUE_2",
    ]
    assert read(events.X, {"colour": "3d"}).colour is events.XColour.N3D
    assert read(events.X, {"colour": "pink"}).colour == "pink"
    assert list(events.Level) == ["low", "high"]


def test_an_object_without_a_name_is_named_after_its_owner(types_of: TypesOf) -> None:
    point = object_of({"x": {"type": "integer"}})
    events = types_of({"a.b": object_of(start=point, others={"items": point} | LIST)})
    made = read(events.AB, {"start": {"x": 1}, "others": [{"x": 2}]})

    assert made.start == events.ABStart(x=1)
    assert made.others == (events.ABOthersItem(x=2),)


LIST = {"type": "array"}


def tagged(kind: str, **fields: Any) -> Any:
    return object_of({"kind": {"const": kind}}, **fields)


def test_a_tag_tells_the_members_of_a_union_apart(types_of: TypesOf) -> None:
    shape = {"anyOf": [ref("Circle"), ref("Square")]}
    events = types_of(
        {
            "x": object_of(
                {"shape": ref("Shape")}, shapes=LIST | {"items": ref("Shape")}
            )
        },
        Shape=shape,
        Circle=tagged("circle", r={"type": "number"}),
        Square=tagged("square"),
    )
    raw = {"shape": {"kind": "circle", "r": 1}, "shapes": [{"kind": "star"}]}
    made = read(events.X, raw)

    assert get_args(events.Shape) == (events.Circle, events.Square, UnknownVariant)
    assert made.shape == events.Circle(kind="circle", r=1)
    assert made.shapes == (UnknownVariant("star", {"kind": "star"}),)
    assert converter().unstructure(made) == raw


def test_members_without_a_name_are_named_after_their_tag(types_of: TypesOf) -> None:
    events = types_of({"it.was": {"anyOf": [tagged("so_so"), tagged("good")]}})

    assert read(events.ItWas, {"kind": "good"}) == events.ItWasGood(kind="good")
    assert events.ItWasSoSo


def test_members_without_a_tag_are_numbered(types_of: TypesOf) -> None:
    parts = [object_of({"a": STRING}), object_of({"a": STRING, "b": STRING})]
    events = types_of({"x": object_of(part={"anyOf": parts})})

    assert read(events.X, {"part": {"a": "1"}}).part == events.XPart1(a="1")
    assert isinstance(
        read(events.X, {"part": {"a": "1", "b": "2"}}).part, events.XPart2
    )
    assert read(events.X, {"part": {}}).part == UnknownVariant("", {})


def read_one(types_of: TypesOf, *members: Any) -> Callable[[Any], Any]:
    """What reads one of several objects; they are `It1`, `It2`, and so on."""
    events = types_of({"it": object_of({"is": {"anyOf": list(members)}})})
    return lambda value: read(events.It, {"is": value}).is_


def test_true_and_false_tell_the_members_of_a_union_apart(types_of: TypesOf) -> None:
    done = object_of({"done": {"type": "boolean", "const": True}}, at=STRING)
    failed = object_of({"done": {"type": "boolean", "const": False}}, at=STRING)
    it = read_one(types_of, done, failed)

    assert type(it({"done": True})).__name__ == "ItIs1"
    assert type(it({"done": False})).__name__ == "ItIs2"


def test_one_of_several_enumerations_tells_the_members_of_a_union_apart(
    types_of: TypesOf,
) -> None:
    one, two = {"enum": ["add"]}, {"enum": ["move", "copy"]}
    it = read_one(
        types_of,
        object_of({"text": STRING}, do={"type": "string", **one}),
        object_of({"do": {"type": "string", **two}, "text": STRING}),
        object_of({"do": {"type": "string", **two}}),
    )

    assert type(it({"text": "a"})).__name__ == "ItIs1"
    assert type(it({"do": "add", "text": "a"})).__name__ == "ItIs1"
    assert type(it({"do": "copy", "text": "a"})).__name__ == "ItIs2"
    assert type(it({"do": "copy"})).__name__ == "ItIs3"
    assert it({"do": "copied"}).do == "copied"
    with pytest.raises(TypeError, match="expected a string, got an integer"):
        it({"do": 1})


def test_members_with_the_same_tag_are_told_apart_by_what_fits(
    types_of: TypesOf,
) -> None:
    names = {"type": "array", "items": STRING}
    tagged_list = {"kind": {"const": "list"}, "items": object_of({"names": names})}
    tagged_map = {"kind": {"const": "list"}, "items": object_of({"map": STRING})}
    it = read_one(types_of, object_of(tagged_list), object_of(tagged_map))

    made = it({"kind": "list", "items": {"map": "m"}})
    assert type(made).__name__ == "ItIs2"
    unknown = {"kind": "tree", "items": {}}
    assert it(unknown) == UnknownVariant("", unknown)


def test_a_guess_that_does_not_fit_is_an_unknown_variant(types_of: TypesOf) -> None:
    kind = {"type": "string", "enum": ["a", "b"]}
    it = read_one(
        types_of,
        object_of({"kind": kind, "part": object_of({"x": STRING})}),
        object_of({"other": STRING}),
    )
    newer = {"kind": "c", "part": {}}

    assert it(newer) == UnknownVariant("", newer)
    assert it({"kind": "c", "part": {"x": "y"}}).kind == "c"


def test_what_can_only_be_null_is_read(types_of: TypesOf) -> None:
    events = types_of({"x": object_of(id={"type": "null"})})

    assert read(events.X, {"id": None}).id is None
    assert read(events.X, {}).id is None


def test_a_type_may_contain_itself(types_of: TypesOf) -> None:
    tree = object_of(children=LIST | {"items": ref("Tree")})
    events = types_of({"x": object_of({"tree": ref("Tree")})}, Tree=tree)
    raw: dict[str, Any] = {"tree": {"children": [{"children": []}, {}]}}

    assert converter().unstructure(read(events.X, raw)) == raw


def test_events_take_their_names_first(types_of: TypesOf) -> None:
    fields = {"a": ref("FooValue"), "b": ref("FooBar"), "c": ref("FooDone")}
    events = types_of(
        {
            "foo": object_of(fields),
            "foo.value": object_of(),
            "foo.bar": object_of(),
            "foo.done": object_of(),
        },
        FooValue={"type": "string", "enum": ["v"]},
        FooBar=object_of(b=STRING),
        FooDone={"anyOf": [tagged("x"), tagged("y")]},
    )

    assert hints(events.Foo) == {
        "a": "FooValueValue",
        "b": "FooBarDetails",
        "c": "FooDoneVariant",
    }
    assert hints(events.FooBarDetails) == {"b": "str | None"}


def test_what_no_event_needs_is_left_out() -> None:
    schema = schema_of({"x": object_of()}, Unused=object_of(a=STRING))

    assert set(read_schema(schema).types) == {"X"}


@pytest.mark.parametrize("strange", [{"type": "date"}, {"minLength": 1}])
def test_what_is_not_understood_is_said(strange: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=r"XOdd: it is unclear what .* becomes"):
        read_schema(schema_of({"x": object_of(odd=strange)}))


def test_marks_become_a_note(types_of: TypesOf) -> None:
    data = {**object_of(), "stability": "experimental", "visibility": "internal"}
    events = types_of({"x": data})

    assert events.X.__doc__ == (
        "The payload of `x`. Internal to the CLI. Experimental."
    )
