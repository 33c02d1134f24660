"""Which bytes are an attachment that the CLI takes, and can load again."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import GIF, JPEG, PICTURES, PNG, UNREAD, WEBP
from trio_copilot import BlobAttachment, FileAttachment
from trio_copilot._paths import ELSEWHERE, OF_A_STREAM, OF_OUR_CLI
from trio_copilot._session.attachments import (
    Attachment,
    attachment_to_wire,
    check_params,
)
from trio_copilot._session.pictures import is_whole, picture_type

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


def blob(data: bytes | str, mime_type: str, **fields: Any) -> dict[str, Any]:
    """Return a blob's form on the wire."""
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"type": "blob", "data": text, "mimeType": mime_type, **fields}


def refused(attachment: Attachment) -> str:
    """Return why an attachment is refused."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the callers look at it
        attachment_to_wire(attachment, OF_A_STREAM)
    return str(error.value)


# -- pictures


@pytest.mark.parametrize("mime_type", PICTURES)
def test_a_picture_is_known_by_its_bytes_and_has_an_end(mime_type: str) -> None:
    picture = PICTURES[mime_type]

    assert picture_type(picture) == mime_type
    assert is_whole(picture)
    assert is_whole(picture + b"what follows its end")


@pytest.mark.parametrize("mime_type", PICTURES)
def test_a_picture_that_is_cut_anywhere_is_not_whole(mime_type: str) -> None:
    picture = PICTURES[mime_type]

    assert not any(is_whole(picture[:size]) for size in range(len(picture)))


@pytest.mark.parametrize(
    "picture",
    [
        # A thumbnail has its own end; FF may be repeated before a marker.
        JPEG[:2] + b"\xff\xe1\x00\x06\xff\xd8\xff\xd9" + b"\xff\xff" + JPEG[2:],
        # No segment has to be there, to be whole.
        b"\xff\xd8\xff\xd9",
        # A comment in pieces, of which one looks like the end.
        GIF[:-1] + b"\x21\xfe\x01\x3b\x02\x3b\x3b\x00" + b"\x3b",
        # A picture with its own table of colours.
        GIF[:25] + b"\x2c" + bytes(8) + b"\x80" + b"\x3b" * 6 + b"\x02\x01\x3b\x00\x3b",
        PNG[:33] + PNG[-12:],
    ],
)
def test_an_end_within_a_part_is_none(picture: bytes) -> None:
    assert is_whole(picture)
    assert not is_whole(picture[:-1])


@pytest.mark.parametrize("mime_type", PICTURES)
def test_a_whole_picture_of_its_type_is_taken(mime_type: str) -> None:
    picture = PICTURES[mime_type]
    wire = attachment_to_wire(BlobAttachment(picture, mime_type), OF_A_STREAM)

    assert base64.b64decode(wire["data"]) == picture
    assert attachment_to_wire(blob(picture, mime_type), ELSEWHERE)


def test_a_jpeg_may_be_called_jpg() -> None:
    assert attachment_to_wire(BlobAttachment(JPEG, "image/jpg"), OF_A_STREAM)


@pytest.mark.parametrize("labelled", PICTURES)
@pytest.mark.parametrize("mime_type", [*PICTURES, *UNREAD])
def test_a_picture_under_another_label_is_refused(
    mime_type: str, labelled: str
) -> None:
    picture = {**PICTURES, **UNREAD}[mime_type]
    if mime_type == labelled:
        return
    seen = f"are {mime_type}" if mime_type in PICTURES else "are not PNG, JPEG"

    assert seen in refused(BlobAttachment(picture, labelled, "mine"))
    assert "'mine'" in refused(BlobAttachment(picture, labelled, "mine"))
    assert seen in refused(blob(picture, labelled))


@pytest.mark.parametrize("mime_type", PICTURES)
def test_an_empty_picture_and_half_a_picture_are_refused(mime_type: str) -> None:
    picture = PICTURES[mime_type]

    assert "is empty" in refused(BlobAttachment(b"", mime_type))
    assert "cut short" in refused(BlobAttachment(picture[:-1], mime_type))
    assert "cut short" in refused(blob(picture[:20], mime_type))


@pytest.mark.parametrize("said", ["IMAGE/PNG", "image/png; charset=x", " image/png"])
def test_the_type_of_a_picture_is_spelled_as_the_cli_reads_it(said: str) -> None:
    assert "must be written 'image/png'" in refused(BlobAttachment(PNG, said))


# -- everything else


@pytest.mark.parametrize("mime_type", [*UNREAD, "image/heif", "image/svg+xml"])
def test_a_picture_that_no_model_reads_is_refused(mime_type: str) -> None:
    picture = UNREAD.get(mime_type, b"<svg/>")

    assert f"attachment of type '{mime_type}'" in refused(blob(picture, mime_type))


@pytest.mark.parametrize(
    "mime_type",
    ["audio/wav", "video/mp4", "application/octet-stream", "application/zip", "", "x"],
)
def test_a_kind_that_the_cli_would_drop_is_refused(mime_type: str) -> None:
    said = refused(BlobAttachment(b"RIFF", mime_type))

    assert f"attachment of type {mime_type!r}" in said
    assert "FileAttachment" in said


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (b"hello", "text/plain"),
        (b"", "text/plain"),
        (b"hello", "TEXT/PLAIN; charset=utf-8"),
        ("größer".encode(), "text/x-anything"),
        (b"{}", "application/json"),
        (b"x: 1", "application/yaml"),
        (b"%PDF-1.4", "application/pdf"),
    ],
)
def test_text_and_documents_are_taken(data: bytes, mime_type: str) -> None:
    assert attachment_to_wire(BlobAttachment(data, mime_type), OF_A_STREAM)
    assert attachment_to_wire(blob(data, mime_type), OF_A_STREAM)


def test_text_that_is_no_utf_8_and_an_empty_document_are_refused() -> None:
    assert "not UTF-8 at byte 3" in refused(BlobAttachment(b"caf\xe9", "text/plain"))
    assert "is empty" in refused(BlobAttachment(b"", "application/pdf"))


@pytest.mark.parametrize("data", ["***", "é", "data:image/png;base64,AAAA", "A"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    assert "not base64" in refused(blob(data, "text/plain"))


def test_base64_may_be_folded_and_without_its_end() -> None:
    folded = base64.encodebytes(JPEG).decode().rstrip("=\n")

    assert attachment_to_wire(blob(folded, "image/jpeg"), OF_A_STREAM)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"mime_type": None}, "mime_type must be a string, not NoneType"),
        ({"display_name": 7}, "display_name must be a string, not int"),
    ],
)
def test_the_words_of_a_blob_are_strings(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        words: dict[str, Any] = {"mime_type": "text/plain", **fields}
        attachment_to_wire(BlobAttachment(b"x", **words), OF_A_STREAM)
    with pytest.raises(TypeError, match="display_name must be a string, not int"):
        attachment_to_wire(FileAttachment("/x", 7), OF_A_STREAM)  # type: ignore[arg-type]


# -- files


@pytest.mark.parametrize("name", ["a.png", "A.JPEG", "a.bmp"])
@pytest.mark.parametrize("as_mapping", [False, True])
def test_a_file_with_the_name_of_a_picture_is_one(
    name: str, as_mapping: bool, tmp_path: Path
) -> None:
    """Of whatever type: the CLI looks at the bytes."""
    path = tmp_path / name
    attachment: Attachment = FileAttachment(path)
    if as_mapping:
        attachment = {"type": "file", "path": str(path), "displayName": "a"}
    for picture in PICTURES.values():
        path.write_bytes(picture)
        assert attachment_to_wire(attachment, OF_OUR_CLI)["path"] == str(path)
    for wrong, why in (
        (b"", "is empty"),
        (b"hello", "are not PNG, JPEG, GIF or WebP"),
        (WEBP[:-1], "cut short"),
        (UNREAD["image/bmp"], "are not PNG, JPEG, GIF or WebP"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=why):
            attachment_to_wire(attachment, OF_OUR_CLI)
        attachment_to_wire(attachment, OF_A_STREAM)  # the file is on another machine


@pytest.mark.parametrize("name", ["a.txt", "a.svg", "a", "png"])
def test_the_agent_opens_any_other_file_itself(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(PNG[:20])

    assert attachment_to_wire(FileAttachment(path), OF_OUR_CLI)


# -- mappings


@pytest.mark.parametrize(
    ("selection", "where"),
    [
        ({}, "selection.start"),
        ([], "selection"),
        ({"start": SELECTION["selection"]["start"]}, "selection.end"),  # type: ignore[index]
        ({"start": {"line": 0}, "end": {"line": 0}}, "selection.start.character"),
    ],
)
def test_a_selection_without_positions_is_refused(selection: Any, where: str) -> None:
    assert where in refused({**SELECTION, "selection": selection})


@pytest.mark.parametrize("line", [-1, 0.0, 0.5, True, "0", 2**32, None])
def test_a_position_is_an_integer_from_0(line: Any) -> None:
    position = {"line": line, "character": 0}

    said = refused({**SELECTION, "selection": {"start": position, "end": position}})

    assert "selection.start.line" in said


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({**SELECTION, "text": 1}, "attachment.text"),
        ({**SELECTION, "filePath": 7}, "attachment.file_path"),
        ({"type": "file", "path": "/x", "displayName": 7}, "attachment.display_name"),
        ({"type": "file", "path": 7, "displayName": "x"}, "attachment.path"),
        ({"type": "file", "path": "/x", "displayName": "x", "range": 1}, "no range"),
        ({"type": "blob", "data": 7, "mimeType": "text/plain"}, "attachment.data"),
        (blob(b"", "text/plain", displayName=7), "attachment.display_name"),
        ({"type": "github_url"}, "attachment.url"),
        ({"type": "github_reference", "number": 1}, "attachment.title"),
        ({"type": "extension_context", "title": "t"}, "attachment.extension_id"),
        ({"type": "screenshot"}, "type is not one of 'file', "),
    ],
)
def test_a_mapping_that_the_cli_could_not_load_again_is_refused(
    mapping: dict[str, Any], said: str
) -> None:
    assert said in refused(mapping)


@pytest.mark.parametrize("within", ["attachments", "message", "messages"])
def test_attachments_of_any_call_are_checked(within: str) -> None:
    def params(attachment: Attachment) -> dict[str, Any]:
        item: dict[str, Any] = {"prompt": "?", "attachments": [attachment]}
        of_calls: dict[str, dict[str, Any]] = {
            "attachments": item,
            "message": {"message": item},
            "messages": {"messages": [item]},
        }
        return of_calls[within]

    good = params(blob(PNG, "image/png"))

    assert check_params(good, OF_A_STREAM) == good
    with pytest.raises(ValueError, match="are image/png"):
        check_params(params(blob(PNG, "image/jpeg")), OF_A_STREAM)


@pytest.mark.parametrize(
    "params", [{}, {"attachments": None}, {"message": "text", "messages": None}]
)
def test_a_call_without_attachments_is_as_it_was(params: dict[str, Any]) -> None:
    assert check_params(params, OF_A_STREAM) == params
