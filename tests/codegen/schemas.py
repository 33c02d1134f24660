"""Parts of JSON schemas."""

from __future__ import annotations


def ref(name: str) -> dict[str, str]:
    """Refer to a definition."""
    return {"$ref": f"#/definitions/{name}"}
