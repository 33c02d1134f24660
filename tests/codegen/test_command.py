"""The command writes the same files each time, and sees every difference."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trio_copilot._codegen.__main__ import PACKAGE, PIN_FILE, SCHEMA, main

from .conftest import Workshop, object_of, schema_of

STRING = {"type": "string"}
LONG = "aVeryLongNameThatSomebodyThoughtOfBecauseTheShorterOneWasTaken"
SIMPLE = schema_of({"assistant.message": object_of({"content": STRING})})
RICH = schema_of(
    {
        "assistant.message": object_of(
            {"content": STRING}, level={"$ref": "#/definitions/Level"}
        ),
        "tool.started": object_of(
            {"level": {"$ref": "#/definitions/Level"}}, _meta=STRING
        ),
        "hook.start": object_of({"own": {"$ref": "#/definitions/Common"}}),
        "mcp.start": object_of(
            {"own": {"$ref": "#/definitions/Common"}}, it={"const": 'a"\\'}
        ),
        "session.new": object_of(**{LONG: {"type": "array", "items": object_of()}}),
        "session.long": object_of(
            **{LONG: {"type": "array", "items": {"type": "string", "enum": ["a"]}}}
        ),
        "session.big": {
            "anyOf": [object_of({"kind": {"const": f"{LONG}{n}"}}) for n in range(3)]
        },
    },
    Level={"type": "string", "enum": ["low", "high"]},
    Common=object_of(),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any CLI."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    return home


def unpack(workshop: Workshop, home: Path, version: str) -> None:
    """Put the schema where a CLI of that version unpacks it."""
    where = home / ".cache" / "copilot" / "pkg" / "linux-x64" / version / "schemas"
    where.mkdir(parents=True)
    shutil.copy(workshop.schemas / SCHEMA, where)


def test_what_was_written_is_up_to_date(workshop: Workshop) -> None:
    workshop.give(RICH)

    assert workshop.run() == 0
    assert workshop.run("--check") == 0


def test_the_same_schema_gives_the_same_files(workshop: Workshop) -> None:
    shuffled: Any = json.loads(json.dumps(RICH))
    random.Random(1).shuffle(shuffled["definitions"]["SessionEvent"]["anyOf"])
    definitions = list(shuffled["definitions"].items())
    random.Random(2).shuffle(definitions)
    shuffled["definitions"] = dict(definitions)

    workshop.give(RICH)
    workshop.run()
    first = workshop.sources()
    workshop.give(shuffled)
    workshop.run()

    def bodies(sources: dict[str, str]) -> dict[str, list[str]]:
        return {name: text.splitlines()[5:] for name, text in sources.items()}

    assert bodies(workshop.sources()) == bodies(first)


def test_every_file_can_be_compiled_and_says_where_it_is_from(
    workshop: Workshop,
) -> None:
    workshop.give(RICH)
    workshop.run()

    assert {name.rpartition("/")[2] for name in workshop.sources()} == {
        "__init__.py",
        "agent.py",
        "events.py",
        "index.py",
        "mcp.py",
        "session.py",
        "shared.py",
        "tool.py",
        "turn.py",
    }
    for name, source in workshop.sources().items():
        compile(source, name, "exec")
        assert "do not edit" in source.splitlines()[0]
        assert "Copilot CLI 1.0.0" in source.splitlines()[1]


def test_no_words_of_the_schema_are_copied(workshop: Workshop) -> None:
    workshop.give(RICH)
    workshop.run()

    assert "The words of the schema" in (workshop.schemas / SCHEMA).read_text()
    for source in workshop.sources().values():
        assert "words of the schema" not in source


def test_an_edited_file_is_found_and_shown(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)
    workshop.run()
    turn = workshop.package / "_protocol/generated/turn.py"
    turn.write_text(turn.read_text().replace("content: str", "content: int"))

    assert workshop.run("--check") == 1
    shown = capsys.readouterr().out
    assert "-    content: int\n+    content: str" in shown
    assert "1 of 4 files are not as they would be written." in shown


def test_only_the_beginning_of_a_long_difference_is_shown(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(RICH)
    workshop.run()
    (workshop.package / "events.py").unlink()

    assert workshop.run("--check") == 1
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 30
    assert "more lines" in shown


def test_a_file_that_is_no_longer_generated_goes(workshop: Workshop) -> None:
    workshop.give(RICH)
    workshop.run()
    workshop.give(SIMPLE)

    assert workshop.run("--check") == 1
    assert workshop.run() == 0
    assert not (workshop.package / "_protocol/generated/tool.py").exists()
    assert workshop.run("--check") == 0


# -- the pin


def test_another_schema_than_the_pinned_one_is_refused(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)
    workshop.give(RICH, pin=None)

    assert workshop.run() == 1
    assert "--pin VERSION" in capsys.readouterr().out
    assert not workshop.sources()


def test_the_pin_can_be_moved(workshop: Workshop) -> None:
    workshop.give(SIMPLE)
    workshop.give(RICH, pin=None)

    assert workshop.run("--pin", "2.0.0") == 0
    assert (
        json.loads((workshop.package / PIN_FILE).read_text())["cli_version"] == "2.0.0"
    )
    assert workshop.run("--check") == 0


# -- where the schema is


def test_the_pinned_clis_schema_is_found_where_it_unpacks_itself(
    workshop: Workshop, home: Path
) -> None:
    workshop.give(SIMPLE)
    unpack(workshop, home, "1.0.0")
    unpack(workshop, home, "0.9.0")

    assert main([], workshop.package) == 0
    assert workshop.sources()


def test_a_cli_is_started_to_learn_its_version(
    workshop: Workshop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert argv == ["some/copilot", "--version"]
        unpack(workshop, home, "3.0.1-2")
        return subprocess.CompletedProcess(argv, 0, "Copilot CLI 3.0.1-2.\nUpdate!\n")

    monkeypatch.setattr("subprocess.run", run)
    workshop.give(SIMPLE)

    assert main(["--cli", "some/copilot"], workshop.package) == 0
    assert workshop.sources()


def test_a_cli_without_a_version_has_no_schema(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(argv, 0, "Hello!\n")

    monkeypatch.setattr("subprocess.run", run)
    workshop.give(SIMPLE)

    assert main(["--cli", "some/copilot"], workshop.package) == 1


def test_nothing_is_written_without_a_schema(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)

    assert main([], workshop.package) == 1
    assert "was found" in capsys.readouterr().out
    assert not workshop.sources()


# -- checking without a schema


def test_without_a_schema_the_headers_are_checked_and_that_is_said(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)
    workshop.run()

    assert main(["--check"], workshop.package) == 0
    assert "only the headers are checked" in capsys.readouterr().out


def test_an_edited_file_is_found_without_a_schema(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)
    workshop.run()
    with (workshop.package / "events.py").open("a") as facade:
        facade.write("# my own line\n")

    assert main(["--check"], workshop.package) == 1
    assert "events.py was edited" in capsys.readouterr().out


def test_files_of_another_schema_are_found_without_it(workshop: Workshop) -> None:
    workshop.give(SIMPLE)
    workshop.run()
    workshop.give(RICH)

    assert main(["--check"], workshop.package) == 1


def test_missing_files_are_found_without_a_schema(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.give(SIMPLE)

    assert main(["--check"], workshop.package) == 1
    assert "missing" in capsys.readouterr().out


# -- this package


def test_the_files_of_this_package_are_as_they_were_made() -> None:
    assert main(["--check"]) == 0


@pytest.mark.all  # .ci/run checks it as well
def test_the_files_of_this_package_are_what_the_pinned_schema_gives(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    version = json.loads((PACKAGE / PIN_FILE).read_text())["cli_version"]
    unpacked = Path.home() / ".cache" / "copilot" / "pkg"
    found = sorted(unpacked.glob(f"*/{version}/schemas"))
    if not found:
        pytest.skip(f"no Copilot CLI {version} was ever started here: no schemas")

    assert main(["--check", "--schemas", str(found[0])]) == 0


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_needs_nothing_that_it_writes(tmp_path: Path, broken: bool) -> None:
    package = tmp_path / "trio_copilot"
    shutil.copytree(PACKAGE / "_codegen", package / "_codegen")
    shutil.copy(PACKAGE / "_names.py", package)
    if broken:
        (package / "__init__.py").write_text("nor is this")
        (package / "events.py").write_text("this is no Python")

    ended = subprocess.run(
        [sys.executable, str(package / "_codegen"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.stderr == ""
    assert ended.returncode == 1
    assert ("events.py was edited" in ended.stdout) is broken
