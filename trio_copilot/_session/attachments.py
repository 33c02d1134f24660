"""Attachments: what is sent with a prompt.

The CLI accepts an attachment with a missing field, or with one of the wrong type, and can
then never load the session again. So these classes fill every field that it needs, and a
mapping is checked against the protocol. `contents` checks the bytes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias, cast

import attrs

from .._checks import wrong_type
from .._paths import PathLike, PathRule
from .._protocol.names import names_of
from .contents import check_blob, check_file

# {type: the fields without which the CLI breaks its own session file}
_NEEDED = {
    "file": ("path", "displayName"),
    "directory": ("path", "displayName"),
    "selection": ("filePath", "displayName", "text", "selection"),
    "blob": ("data", "mimeType"),
}
# {type: (the field with a path, the rule for that path)}
_PATHS = {
    "file": ("path", PathRule.file),
    "directory": ("path", PathRule.directory),
    "selection": ("filePath", PathRule.absolute),
}


@attrs.frozen
class FileAttachment:
    """A file on the CLI's machine; the model gets the path, and the agent can read it."""

    path: PathLike
    """Relative to this process's directory, `~` is its home; absolute for a CLI that
    runs elsewhere."""
    display_name: str | None = None
    """The name that the model sees; default: the last part of the path."""

    def to_wire(self, paths: PathRule) -> dict[str, Any]:
        """Return the wire form of the attachment."""
        path = paths.file(self.path, "The path of an attachment")
        if paths.checked:
            check_file(path)
        return _on_disk("file", path, self.display_name)


@attrs.frozen
class DirectoryAttachment:
    """A directory on the CLI's machine; the model gets the path."""

    path: PathLike
    """Relative to this process's directory, `~` is its home; absolute for a CLI that
    runs elsewhere."""
    display_name: str | None = None
    """The name that the model sees; default: the last part of the path."""

    def to_wire(self, paths: PathRule) -> dict[str, Any]:
        """Return the wire form of the attachment."""
        path = paths.directory(self.path, "The path of an attachment")
        return _on_disk("directory", path, self.display_name)


@attrs.frozen
class BlobAttachment:
    """Bytes that are not in a file, such as a picture."""

    data: bytes = attrs.field(repr=False)
    mime_type: str
    """A picture (`image/png`, `image/jpeg`, `image/gif`, `image/webp`), text in UTF-8
    (such as `text/plain`), or a document (such as `application/pdf`)."""
    display_name: str = "attachment"
    """The name that the model sees."""

    def to_wire(self) -> dict[str, Any]:
        """Return the wire form of the attachment."""
        data = base64.b64encode(self.data).decode("ascii")
        _check_strings(mime_type=self.mime_type, display_name=self.display_name)
        check_blob(bytes(self.data), self.mime_type, self.display_name)
        return {
            "type": "blob",
            "data": data,
            "mimeType": self.mime_type,
            "displayName": self.display_name,
        }


Attachment: TypeAlias = (
    FileAttachment | DirectoryAttachment | BlobAttachment | Mapping[str, Any]
)
"""A mapping is an attachment as it is on the wire, for what has no class here."""


def attachment_to_wire(attachment: Attachment, paths: PathRule) -> dict[str, Any]:
    """Return the wire form of an attachment.

    Raises:
      ValueError: the CLI would drop it, could not load the session again, or could not
        find the path; the message says which.
      OSError: a picture on this machine cannot be read.
      TypeError: it is not an attachment.
    """
    if isinstance(attachment, FileAttachment | DirectoryAttachment):
        return attachment.to_wire(paths)
    if isinstance(attachment, BlobAttachment):
        return attachment.to_wire()
    if not isinstance(attachment, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
        raise wrong_type(
            "An attachment",
            "a FileAttachment, DirectoryAttachment, BlobAttachment or mapping",
            attachment,
        )
    wire = dict(attachment)
    _check_fields(wire)
    kind = wire["type"]
    if kind in _PATHS:
        field, locate = _PATHS[kind]
        wire[field] = locate(paths, wire[field], f"{field!r} of an attachment")
    if kind == "file" and paths.checked:
        check_file(wire["path"])
    elif kind == "blob":
        name = wire.get("displayName") or "blob"
        unfolded = "".join(wire["data"].split())
        padding = "=" * (-len(unfolded) % 4)  # the CLI does not insist on it
        try:
            data = base64.b64decode(unfolded + padding, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("'data' of an attachment is not base64") from None
        check_blob(data, wire["mimeType"], name)
    elif kind == "selection":
        _check_positions(wire["selection"])
    return wire


def check_params(params: Mapping[str, Any], paths: PathRule) -> dict[str, Any]:
    """Return the parameters of any call, with attachments in their wire form.

    Raises:
      ValueError, OSError, TypeError: as for `attachment_to_wire`.
    """
    wire = dict(params)
    if isinstance(given := wire.get("attachments"), (list, tuple)):
        attachments = cast("Sequence[Attachment]", given)
        wire["attachments"] = [attachment_to_wire(each, paths) for each in attachments]
    if isinstance(message := wire.get("message"), Mapping):
        wire["message"] = check_params(cast("Mapping[str, Any]", message), paths)
    if isinstance(given := wire.get("messages"), (list, tuple)):
        messages = cast("Sequence[Mapping[str, Any]]", given)
        wire["messages"] = [check_params(each, paths) for each in messages]
    return wire


def _check_fields(wire: dict[str, Any]) -> None:
    needed = _NEEDED.get(str(wire.get("type")), ("type",))
    missing = [field for field in needed if wire.get(field) is None]
    if missing:
        raise ValueError(
            f"An attachment of type {wire.get('type')!r} lacks {', '.join(missing)}: "
            "with this the CLI could not load the session again"
        )
    from .._protocol.strict import check  # with cattrs, which only mappings need

    kinds = names_of("trio_copilot._protocol.generated.turn")["Attachment"]
    try:
        check(wire, kinds, "attachment")
    except TypeError as error:
        raise ValueError(f"The CLI would not take this attachment: {error}") from None


def _check_strings(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise wrong_type(name, "a string", value)


_POSITIONS = range(2**32)
"""What the CLI accepts as a line or a character. It drops anything else, or cannot load
the session again."""


def _check_positions(selection: Mapping[str, Mapping[str, object]]) -> None:
    for end in ("start", "end"):
        for unit in ("line", "character"):
            position = selection[end][unit]
            if not isinstance(position, int) or position not in _POSITIONS:
                raise ValueError(
                    f"selection.{end}.{unit} of an attachment must be an integer from 0, "
                    f"not {position!r}"
                )


def _on_disk(kind: str, path: str, display_name: str | None) -> dict[str, Any]:
    name = display_name or PurePath(path).name or path
    _check_strings(display_name=name)
    return {"type": kind, "path": path, "displayName": name}
