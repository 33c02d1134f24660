"""Which bytes the CLI accepts as an attachment: it does not report what it drops.

Strategy: what it does with each kind was measured. If the bytes of a picture are not of
the type that is claimed, the CLI drops it and writes a record that it cannot read back, so
that the session can never be resumed. An incomplete picture reaches the model, which
refuses this call and every later one. Unknown types, and text that is not UTF-8, vanish
silently. So each of these is refused before anything is sent.
"""

from __future__ import annotations

from pathlib import PurePath

from .pictures import FORMATS, is_whole, picture_type

_PICTURES = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}

# A file with such a name is a picture to the CLI, which looks at its bytes.
_SUFFIXES = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".bmp",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".ico",
    ]
)

# The model gets these as text, and everything that begins with `text/`.
_TEXTS = frozenset(
    f"application/{name}"
    for name in (
        *("javascript", "json", "typescript", "yaml"),
        *("x-awk", "x-bash", "x-graphql", "x-httpd-php", "x-httpd-php-source"),
        *("x-json5", "x-patch", "x-php", "x-powershell", "x-protobuf", "x-rust"),
        *("x-scala", "x-sql", "x-terraform", "x-toml", "x-yaml"),
    )
) | {"message/rfc822"}

# The model gets these as they are, if it can read them.
_DOCUMENTS = frozenset(
    f"application/{name}"
    for name in (
        *("msword", "pdf", "rtf", "vnd.ms-excel", "vnd.ms-powerpoint"),
        "vnd.oasis.opendocument.text",
        "vnd.openxmlformats-officedocument.presentationml.presentation",
        "vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "vnd.openxmlformats-officedocument.wordprocessingml.document",
    )
)


def check_blob(data: bytes, mime_type: str, name: str) -> None:
    """Check that the CLI accepts bytes of this type.

    Args:
      data: the bytes.
      mime_type: the type that is claimed.
      name: what the attachment is called, for the error.

    Raises:
      ValueError: it does not.
    """
    kind = mime_type.partition(";")[0].strip().lower()
    if kind in _PICTURES:
        if mime_type != kind:
            raise ValueError(
                f"The type of {name!r} must be written {kind!r}, not {mime_type!r}"
            )
        _check_picture(data, name, _PICTURES[kind])
    elif kind in _DOCUMENTS:
        if not data:
            raise ValueError(f"The document {name!r} is empty")
    elif kind in _TEXTS or kind.startswith("text/"):
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"The text {name!r} is not UTF-8 at byte {error.start}: the CLI would "
                "drop it"
            ) from None
    else:
        raise ValueError(
            f"The CLI would drop {name!r}, an attachment of type {mime_type!r}: it accepts "
            f"pictures ({FORMATS}), documents (such as application/pdf) and text (such as "
            "text/plain). Pass anything else as a FileAttachment, for the agent to open"
        )


def check_file(path: str) -> None:
    """Check that a file is a picture, if it is named like one.

    Raises:
      ValueError: it is not.
      OSError: it cannot be read.
    """
    if PurePath(path).suffix.lower() in _SUFFIXES:
        with open(path, "rb") as file:  # a short wait: the CLI reads it next
            data = file.read()
        _check_picture(data, path, picture_type(data))


def _check_picture(data: bytes, name: str, claimed: str | None) -> None:
    """Check that bytes are a whole picture of the claimed type; `None` fits no picture."""
    if not data:
        raise ValueError(f"The picture {name!r} is empty")
    seen = picture_type(data)
    if seen is None:
        raise ValueError(
            f"The bytes of the picture {name!r} are not {FORMATS}, and models read "
            "nothing else: convert it"
        )
    if seen != claimed:
        raise ValueError(f"The bytes of the picture {name!r} are {seen}, not {claimed}")
    if not is_whole(data):
        raise ValueError(f"The picture {name!r} is cut short: its end is missing")
