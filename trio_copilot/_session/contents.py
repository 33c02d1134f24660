"""Which bytes the CLI takes as an attachment; it would not say that it does not.

Strategy: what it does with each kind was measured. A picture whose bytes are not what
its type says it leaves out, and writes a record that it cannot read back: the session
could never be resumed. Half a picture goes on to the model, which refuses it in every
later call, too. Kinds that it does not know, and text that is no UTF-8, vanish without a
word. So each of these is refused before anything is sent.
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

# The model is given these as text, besides everything that begins with `text/`.
_TEXTS = frozenset(
    f"application/{name}"
    for name in (
        *("javascript", "json", "typescript", "yaml"),
        *("x-awk", "x-bash", "x-graphql", "x-httpd-php", "x-httpd-php-source"),
        *("x-json5", "x-patch", "x-php", "x-powershell", "x-protobuf", "x-rust"),
        *("x-scala", "x-sql", "x-terraform", "x-toml", "x-yaml"),
    )
) | {"message/rfc822"}

# And these as they are, if it can read them.
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
    """Check that the CLI takes bytes of this type.

    Args:
      data: the bytes.
      mime_type: what they are said to be.
      name: what the attachment is called.

    Raises:
      ValueError: it does not; says why, and what to do.
    """
    kind = mime_type.partition(";")[0].strip().lower()
    if kind in _PICTURES:
        if mime_type != kind:
            raise ValueError(
                f"The type of {name!r} is {kind!r}, spelled like that, not {mime_type!r}"
            )
        _check_picture(data, name, _PICTURES[kind])
    elif kind in _DOCUMENTS:
        if not data:
            raise ValueError(f"The document {name!r} is empty")
    elif kind in _TEXTS or kind.startswith("text/"):
        _check_text(data, name)
    else:
        raise ValueError(
            f"The CLI takes no attachment of type {mime_type!r}, and would drop {name!r}: "
            f"a picture is {FORMATS}, a document such as application/pdf, and text "
            "text/plain; what is in none of them is a FileAttachment, for the agent to open"
        )


def check_file(path: str) -> None:
    """Check that a file is a picture, if it is named like one.

    Raises:
      ValueError: it is none; says why.
      OSError: it cannot be read.
    """
    if PurePath(path).suffix.lower() in _SUFFIXES:
        with open(path, "rb") as file:  # a short wait: the CLI reads it next
            data = file.read()
        _check_picture(data, path, picture_type(data))


def _check_picture(data: bytes, name: str, wanted: str | None) -> None:
    """Check that bytes are a whole picture of a type; `None` is none that there is."""
    if not data:
        raise ValueError(f"The picture {name!r} is empty")
    seen = picture_type(data)
    if seen is None:
        raise ValueError(
            f"The bytes of the picture {name!r} are none of {FORMATS}, which are all "
            "that a model reads: convert it"
        )
    if seen != wanted:
        raise ValueError(f"The bytes of the picture {name!r} are {seen}, not {wanted}")
    if not is_whole(data):
        raise ValueError(f"The picture {name!r} is cut short: its end is missing")


def _check_text(data: bytes, name: str) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The text {name!r} is no UTF-8 at byte {error.start}: the CLI would drop it"
        ) from None
