"""What goes along with a prompt.

The CLI takes an attachment with a field missing, and can then never load the session
again. So these classes fill every field that it needs, and a mapping is checked.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TypeAlias

import attrs

from .._paths import PathLike, PathRule

# The fields without which the CLI breaks its own session file, by type.
_NEEDED = {
    "file": ("path", "displayName"),
    "directory": ("path", "displayName"),
    "selection": ("filePath", "displayName", "text", "selection"),
    "blob": ("data", "mimeType"),
}
# The field that is a path of the CLI's files, and what has to be there, by type.
_PATHS = {
    "file": ("path", PathRule.file),
    "directory": ("path", PathRule.directory),
    "selection": ("filePath", PathRule.absolute),
}


@attrs.frozen
class FileAttachment:
    """A file that the CLI sees; the agent reads it itself."""

    path: PathLike
    """From this process's directory and home; absolute for a CLI that runs elsewhere."""
    display_name: str | None = None
    """What to call it; default: its name."""

    def to_wire(self, paths: PathRule) -> dict[str, Any]:
        """Return the attachment as the CLI wants it."""
        path = paths.file(self.path, "The path of an attachment")
        return _on_disk("file", path, self.display_name)


@attrs.frozen
class DirectoryAttachment:
    """A directory that the CLI sees."""

    path: PathLike
    """From this process's directory and home; absolute for a CLI that runs elsewhere."""
    display_name: str | None = None
    """What to call it; default: its name."""

    def to_wire(self, paths: PathRule) -> dict[str, Any]:
        """Return the attachment as the CLI wants it."""
        path = paths.directory(self.path, "The path of an attachment")
        return _on_disk("directory", path, self.display_name)


@attrs.frozen
class BlobAttachment:
    """Bytes that are on no disk, such as a picture."""

    data: bytes = attrs.field(repr=False)
    mime_type: str
    """Such as `image/png` or `text/plain`."""
    display_name: str = "attachment"

    def to_wire(self) -> dict[str, Any]:
        """Return the attachment as the CLI wants it."""
        return {
            "type": "blob",
            "data": base64.b64encode(self.data).decode("ascii"),
            "mimeType": self.mime_type,
            "displayName": self.display_name,
        }


Attachment: TypeAlias = (
    FileAttachment | DirectoryAttachment | BlobAttachment | Mapping[str, Any]
)
"""A mapping is an attachment as it is on the wire, for what has no class here."""


def attachment_to_wire(attachment: Attachment, paths: PathRule) -> dict[str, Any]:
    """Return an attachment as the CLI wants it.

    Raises:
      ValueError: a path does not fit `paths`, or a mapping lacks a field that the CLI
        needs; says which.
      TypeError: it is no attachment.
    """
    if isinstance(attachment, FileAttachment | DirectoryAttachment):
        return attachment.to_wire(paths)
    if isinstance(attachment, BlobAttachment):
        return attachment.to_wire()
    if not isinstance(attachment, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
        raise TypeError(
            "An attachment is a FileAttachment, DirectoryAttachment, BlobAttachment or "
            f"a mapping, not {attachment!r}"
        )
    wire = dict(attachment)
    needed = _NEEDED.get(str(wire.get("type")), ("type",))
    missing = [field for field in needed if wire.get(field) is None]
    if missing:
        raise ValueError(
            f"An attachment of type {wire.get('type')!r} lacks {', '.join(missing)}: "
            "with it the CLI could not load the session again"
        )
    if wire["type"] in _PATHS:
        field, located = _PATHS[wire["type"]]
        wire[field] = located(paths, wire[field], f"{field!r} of an attachment")
    return wire


def _on_disk(kind: str, path: str, display_name: str | None) -> dict[str, Any]:
    name = display_name or PurePath(path).name or path
    return {"type": kind, "path": path, "displayName": name}
