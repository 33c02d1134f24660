"""Whether bytes are a whole picture that a model can read.

Strategy: each of the four formats begins with a signature, and its structure shows where
it ends. So we walk from part to part and decode no pixel. Bytes after the end are
ignored, as every viewer does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

FORMATS = "PNG, JPEG, GIF or WebP"


def picture_type(data: bytes) -> str | None:
    """Return the MIME type that the signature stands for; `None` for other formats."""
    for mime_type, signature in _SIGNATURES.items():
        if data.startswith(signature):
            return mime_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def is_whole(data: bytes) -> bool:
    """Return whether this is a picture of a known format, up to its end."""
    end_of = _ENDS.get(picture_type(data) or "")
    try:
        return end_of is not None and end_of(data) <= len(data)
    except IndexError:  # the bytes end within a part
        return False


_SIGNATURES: dict[str, bytes | tuple[bytes, ...]] = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": (b"GIF87a", b"GIF89a"),
}


# Each function returns the position after the picture's end. If the bytes are cut short,
# that is beyond them, or the function raises an IndexError.


def _end_of_png(data: bytes) -> int:
    """After the chunk IEND; each has its length, its kind, its data and a checksum."""
    at = 8  # after the signature
    kind = b""
    while kind != b"IEND":
        kind = data[at + 4 : at + 8]
        at += 12 + _number(data, at, 4)
    return at


def _end_of_jpeg(data: bytes) -> int:
    """After the marker EOI. Segments have a length until the first scan begins.

    Within a scan FF is never followed by D9, so we can search for the marker.
    """
    at = 2
    while (marker := data[at + 1]) != _START_OF_SCAN:
        if marker == _END_OF_IMAGE:
            return at + 2
        # FF may be repeated before a marker.
        at += 1 if marker == 0xFF else 2 + _number(data, at + 2, 2)
    end = data.find(b"\xff\xd9", at)
    return end + 2 if end >= 0 else len(data) + 1


_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9


def _end_of_gif(data: bytes) -> int:
    """After the trailer, which follows blocks of data that consist of small pieces."""
    at = 13 + _size_of_colours(data[10])  # after header, screen and colours
    while (block := data[at]) != _TRAILER:
        if block == _PICTURE:
            at += 11 + _size_of_colours(data[at + 9])
        else:  # an extension and its kind
            at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    return at + 1


_TRAILER = 0x3B
_PICTURE = 0x2C


def _size_of_colours(flags: int) -> int:
    """Return the size of a table of colours, if the flags say that there is one."""
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _end_of_webp(data: bytes) -> int:
    return 8 + _number(data, 4, 4, "little")


def _number(
    data: bytes, at: int, size: int, order: Literal["big", "little"] = "big"
) -> int:
    digits = data[at : at + size]
    if len(digits) < size:
        raise IndexError
    return int.from_bytes(digits, order)


_ENDS: dict[str, Callable[[bytes], int]] = {
    "image/png": _end_of_png,
    "image/jpeg": _end_of_jpeg,
    "image/gif": _end_of_gif,
    "image/webp": _end_of_webp,
}
