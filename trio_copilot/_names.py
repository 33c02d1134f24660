"""How the names of Python become those of the Copilot CLI."""

from __future__ import annotations


def camel(name: str) -> str:
    """`delta_content` -> `deltaContent`."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)
