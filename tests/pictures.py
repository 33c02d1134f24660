"""The smallest pictures that there are: one grey pixel in each format, and ways to harm them."""

from __future__ import annotations

from base64 import b64decode

PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJ"
    "RU5ErkJggg=="
)
JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////"
    "////////////////////////////////////////wAALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAA"
    "AAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
GIF = b64decode("R0lGODdhAQABAIEAAICAgAAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==")
WEBP = b64decode("UklGRiQAAABXRUJQVlA4IBgAAABQAQCdASoBAAEADMDOJaQABHQAAAAAAAA=")

PICTURES = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": GIF,
    "image/webp": WEBP,
}

UNREAD = {
    "image/bmp": b"BM" + bytes(60),
    "image/tiff": b"II*\0" + bytes(60),
    "image/heic": b"\0\0\0\x18ftypheic" + bytes(60),
    "image/avif": b"\0\0\0\x18ftypavif" + bytes(60),
    "image/x-icon": b"\0\0\1\0" + bytes(60),
}
"""Pictures that no model reads."""
