"""What `--diff` reports about two versions of the schemas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.codegen.schemas import ref
from trio_copilot._codegen.__main__ import API, PIN_FILE, SCHEMA, main
from trio_copilot._codegen.diff import report
from trio_copilot._codegen.schema import read_schema

from .conftest import Workshop, object_of, schema_of

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NOTHING = {"type": "null"}


def call(
    wire: str, params: Any = None, result: Any = NOTHING, **marks: Any
) -> dict[str, Any]:
    return {"rpcMethod": wire, "params": params, "result": result, **marks}


def diff_lines(old: Any, new: Any) -> list[str]:
    """The report, after its title; each side is a schema, or those of events and API."""
    before, after = (
        read_schema(side["events"], side["api"]) if "api" in side else read_schema(side)
        for side in (old, new)
    )
    lines = report(before, after, "Old to new").splitlines()
    assert lines[:2] == ["# Old to new", ""]
    return lines[2:]


def details(old: Any, new: Any) -> list[str]:
    """The lines about single things."""
    lines = diff_lines(old, new)
    return [line for line in lines[lines.index("") :] if line]


def api(**scopes: Any) -> Any:
    """An event that is always there, and methods by scope."""
    return {"events": schema_of({"x": object_of()}), "api": scopes}


def test_of_the_same_schemas_nothing_is_told() -> None:
    schema = schema_of({"x": object_of({"a": STRING})})

    assert diff_lines(schema, schema) == [
        "- Events: the same",
        "- Methods of the CLI: the same",
        "- Requests of the CLI: the same",
        "- Objects: the same",
        "- Enumerations: the same",
        "- Unions: the same",
    ]


def test_events_come_and_go() -> None:
    old = schema_of({"b.old": object_of({"a": STRING}), "c.same": object_of()})
    new = schema_of(
        {
            "c.same": object_of(),
            "d.new": {**object_of({"it": STRING}, at=INTEGER), "deprecated": True},
            "a.new": object_of(),
        }
    )

    assert diff_lines(old, new)[0] == "- Events: 2 added, 1 removed"
    assert details(old, new) == [
        "## Events",
        "- added `a.new`",
        "- added `d.new`",
        "  - field `at`: `int`, optional",
        "  - field `it`: `str`",
        "  - mark `Deprecated`",
        "- removed `b.old`",
    ]


def test_a_field_is_told_by_its_name_on_the_wire() -> None:
    old = schema_of({"x": object_of({"sameId": STRING, "oldId": STRING})})
    new = schema_of({"x": object_of({"sameId": STRING, "newId": STRING})})

    assert details(old, new) == [
        "## Events",
        "- changed `x`",
        "  - added field `newId`: `str`",
        "  - removed field `oldId`: `str`",
    ]


def test_another_type_and_becoming_optional_are_changes() -> None:
    old = schema_of({"x": object_of({"a": STRING, "b": STRING, "c": STRING})})
    new = schema_of({"x": object_of({"a": INTEGER, "b": STRING}, c=STRING)})

    assert details(old, new)[2:] == [
        "  - changed field `a`: `int`; was `str`",
        "  - changed field `c`: `str`, optional; was `str`",
    ]


def test_marks_come_and_go() -> None:
    old = schema_of({"x": {**object_of(), "stability": "experimental"}})
    new = schema_of({"x": {**object_of(), "deprecated": True}})

    assert details(old, new)[2:] == [
        "  - added mark `Deprecated`",
        "  - removed mark `Experimental`",
    ]


def test_members_of_enumerations_are_told_as_on_the_wire() -> None:
    def schema(*members: str) -> Any:
        colour = {"type": "string", "enum": list(members)}
        return schema_of({"x": object_of({"c": ref("Colour")})}, Colour=colour)

    assert (
        diff_lines(schema("red"), schema("red", "blue"))[4]
        == "- Enumerations: 1 changed"
    )
    assert details(schema("red", "dark-blue"), schema("light-blue", "red")) == [
        "## Enumerations",
        "- changed `Colour`, in `x`",
        "  - added member `light-blue`",
        "  - removed member `dark-blue`",
    ]


def test_alternatives_of_unions_are_told() -> None:
    def schema(*names: str) -> Any:
        shapes = {name: object_of({"kind": {"const": name}}) for name in names}
        shape = {"anyOf": [ref(name) for name in names]}
        return schema_of({"x": object_of(s=ref("Shape"))}, Shape=shape, **shapes)

    assert details(schema("A", "B"), schema("A", "B", "C")) == [
        "## Objects",
        "- added `C`, in `x`",
        '  - field `kind`: `Literal["C"]`',
        "## Unions",
        "- changed `Shape`, in `x`",
        "  - added alternative `C`",
    ]


def test_a_type_says_some_of_its_users_and_how_many_more() -> None:
    def schema(**fields: Any) -> Any:
        events = {f"e.{n}": object_of(it=ref("Part")) for n in range(5)}
        return schema_of(events, Part=object_of(**fields))

    assert details(schema(), schema(a=STRING)) == [
        "## Objects",
        "- changed `Part`, in `e.0`, `e.1`, `e.2` and 2 more",
        "  - added field `a`: `str`, optional",
    ]


def test_parameters_results_and_marks_of_methods_are_told() -> None:
    old = api(
        server={
            "plan": {
                "read": call("plan.read", object_of(a=STRING), STRING),
                "gone": call("plan.gone"),
            }
        }
    )
    new = api(
        server={
            "plan": {
                "read": call(
                    "plan.read",
                    object_of({"a": STRING}, b=INTEGER),
                    INTEGER,
                    stability="experimental",
                )
            }
        },
        session={"log": call("session.log", object_of({"sessionId": STRING}))},
    )

    assert details(old, new) == [
        "## Methods of the CLI",
        "- added `session.log`",
        "  - result: `None`",
        "- removed `plan.gone`",
        "- changed `plan.read`",
        "  - added mark `Experimental`",
        "  - added parameter `b`: `int`, optional",
        "  - changed parameter `a`: `str`; was `str`, optional",
        "  - changed result: `int`; was `str`",
    ]


def test_what_the_cli_asks_is_told_apart() -> None:
    asked = {**object_of({"id": STRING}), "title": "RunRequest"}
    new = api(
        clientGlobal={"ui": {"run": call("ui.run", asked, notification=True)}},
        clientSession={"fs": {"stat": call("fs.stat", asked, visibility="internal")}},
    )

    assert details(api(), new)[:9] == [
        "## Requests of the CLI",
        "- added `fs.stat`",
        "  - mark `Internal to the CLI`",
        "  - parameters: `RunRequest`",
        "  - result: `None`",
        "- added `ui.run`",
        "  - mark `Notification`",
        "  - parameters: `RunRequestDetails`",
        "  - result: `None`",
    ]


# -- the command


def write(folder: Path, schema: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / SCHEMA).write_text(json.dumps(schema))
    return folder


def test_two_directories_are_compared_and_nothing_is_written(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(workshop.root / "old", schema_of({"x": object_of()}))
    new = write(workshop.root / "new", schema_of({"x": object_of(), "y": object_of()}))
    (new / API).write_text(json.dumps({"server": {"ping": call("ping")}}))

    assert main(["--diff", str(old), str(new)], workshop.package) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"# Copilot CLI: {old} to {new}\n")
    assert "- added `y`" in shown
    assert "- added `ping`" in shown
    assert not workshop.sources()
    assert not (workshop.package / PIN_FILE).exists()


def test_two_versions_are_found_where_they_unpacked_themselves(
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(workshop.root))
    unpacked = workshop.root / ".cache" / "copilot" / "pkg" / "linux-x64"
    old = write(unpacked / "1.0.0" / "schemas", schema_of({"x": object_of()}))
    shutil.copytree(old, unpacked / "1.0.1" / "schemas")

    assert main(["--diff", "1.0.0", "1.0.1"], workshop.package) == 0
    assert "# Copilot CLI: 1.0.0 to 1.0.1\n\n- Events: the same" in (
        capsys.readouterr().out
    )


def test_a_version_that_was_never_started_is_named(
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(workshop.root))
    old = write(workshop.root / "old", schema_of({"x": object_of()}))

    assert main(["--diff", str(old), "9.9.9"], workshop.package) == 1
    assert "of 9.9.9 was found" in capsys.readouterr().out
