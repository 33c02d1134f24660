"""Attachments have every field without which the CLI could not load its session."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import PNG
from trio_copilot import BlobAttachment, DirectoryAttachment, FileAttachment
from trio_copilot._paths import ELSEWHERE, OF_A_STREAM, OF_OUR_CLI, PathRule
from trio_copilot._session.attachments import Attachment, attachment_to_wire as to_wire

SELECTION = {
    "type": "selection",
    "filePath": "/home/a.py",
    "displayName": "a.py",
    "text": "x = 1",
    "selection": {
        "start": {"line": 0, "character": 0},
        "end": {"line": 0, "character": 5},
    },
}


def attachment_to_wire(
    attachment: Attachment, paths: PathRule = OF_A_STREAM
) -> dict[str, Any]:
    return to_wire(attachment, paths)


ON_DISK = [(FileAttachment, "file"), (DirectoryAttachment, "directory")]


@pytest.mark.parametrize("as_path", [str, Path])
@pytest.mark.parametrize(("kind", "wire_type"), ON_DISK)
def test_what_is_on_disk_is_called_by_its_name(
    kind: Any, wire_type: str, as_path: Any, tmp_path: Path
) -> None:
    path = tmp_path / "notes.d"

    assert attachment_to_wire(kind(as_path(path))) == {
        "type": wire_type,
        "path": str(path),
        "displayName": "notes.d",
    }


@pytest.mark.parametrize(("kind", "wire_type"), ON_DISK)
def test_what_is_on_disk_can_be_called_otherwise(
    kind: Any, wire_type: str, tmp_path: Path
) -> None:
    wire = attachment_to_wire(kind(tmp_path, "My notes"))

    assert (wire["type"], wire["displayName"]) == (wire_type, "My notes")


@pytest.mark.parametrize(("kind", "wire_type"), ON_DISK)
@pytest.mark.parametrize("path", ["notes", Path("notes"), "./notes", "notes/"])
def test_a_relative_path_starts_where_this_process_is(
    kind: Any,
    wire_type: str,
    path: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert attachment_to_wire(kind(path)) == {
        "type": wire_type,
        "path": str(Path.cwd() / "notes"),
        "displayName": "notes",
    }


def test_the_root_of_a_disk_has_a_name_too() -> None:
    root = Path(os.sep).absolute()

    assert attachment_to_wire(DirectoryAttachment(root))["displayName"] == str(root)


def test_bytes_are_sent_as_base64() -> None:
    blob = BlobAttachment(PNG, "image/png", display_name="dot.png")

    assert attachment_to_wire(blob) == {
        "type": "blob",
        "data": base64.b64encode(PNG).decode(),
        "mimeType": "image/png",
        "displayName": "dot.png",
    }


def test_bytes_have_a_name_and_are_not_shown() -> None:
    blob = BlobAttachment(b"secret", "text/plain")

    assert attachment_to_wire(blob)["displayName"]
    assert "secret" not in repr(blob)


@pytest.mark.parametrize("wrong", ["text", None, 7])
def test_a_blob_of_anything_but_bytes_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        attachment_to_wire(BlobAttachment(wrong, "text/plain"))


@pytest.mark.parametrize(
    "mapping",
    [
        SELECTION,
        {"type": "file", "path": "/home/a", "displayName": "a", "lineRange": None},
        {"type": "directory", "path": "/home", "displayName": "home"},
        {"type": "blob", "data": "", "mimeType": "text/plain"},
        {"type": "github_url", "url": "https://github.com/a/b"},
    ],
    ids=lambda mapping: mapping["type"],
)
def test_a_mapping_that_has_what_it_needs_is_taken_as_it_is(
    mapping: dict[str, Any],
) -> None:
    wire = attachment_to_wire(mapping)

    assert wire == mapping
    assert wire is not mapping


@pytest.mark.parametrize(
    ("mapping", "lacking"),
    [
        ({}, "None lacks type"),
        ({"path": "/home/a"}, "None lacks type"),
        ({"type": None}, "None lacks type"),
        ({"type": "file"}, "'file' lacks path, displayName"),
        ({"type": "file", "path": "/home/a"}, "'file' lacks displayName"),
        (
            {"type": "directory", "path": "/home", "displayName": None},
            "'directory' lacks displayName",
        ),
        ({"type": "blob", "data": ""}, "'blob' lacks mimeType"),
        ({**SELECTION, "selection": None}, "'selection' lacks selection"),
    ],
)
def test_a_mapping_that_lacks_something_is_refused(
    mapping: dict[str, Any], lacking: str
) -> None:
    with pytest.raises(ValueError, match=f"An attachment of type {lacking}: "):
        attachment_to_wire(mapping)


@pytest.mark.parametrize(
    "thing", ["/home/a", Path("/home/a"), b"bytes", None, [SELECTION]]
)
def test_what_is_no_attachment_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="An attachment must be a FileAttachment, "):
        attachment_to_wire(thing)


@pytest.mark.parametrize("mapping", [SELECTION, {"type": "file", "displayName": "x"}])
def test_the_path_of_a_mapping_starts_where_this_process_is(
    mapping: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    field = "filePath" if mapping is SELECTION else "path"

    wire = attachment_to_wire({**mapping, field: "notes"})

    assert wire == {**mapping, field: str(tmp_path / "notes")}


def test_a_path_in_a_repository_is_no_path_on_disk() -> None:
    mapping = {
        "type": "github_file",
        "repo": {"owner": "a", "name": "b"},
        "ref": "main",
        "path": "src/a.py",
        "url": "https://github.com/a/b/blob/main/src/a.py",
    }

    assert attachment_to_wire(mapping, ELSEWHERE) == mapping


@pytest.mark.parametrize(
    "attachment",
    [
        FileAttachment("gone"),
        DirectoryAttachment("gone"),
        {"type": "file", "displayName": "x", "path": "gone"},
    ],
)
def test_what_is_not_on_disk_is_no_attachment(attachment: Attachment) -> None:
    with pytest.raises(ValueError, match=r"path.* of an attachment: there is no"):
        attachment_to_wire(attachment, OF_OUR_CLI)
    with pytest.raises(
        ValueError, match=r"path.* of an attachment must be an absolute"
    ):
        attachment_to_wire(attachment, ELSEWHERE)
