"""Pieces of Python source, laid out as the formatter would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WIDTH = 88


def imports(module: str, names: Iterable[str], indent: str = "") -> list[str]:
    """Return the lines that import names from a module; none if there are no names."""
    names = list(names)
    line = f"{indent}from {module} import {', '.join(names)}"
    if not names:
        return []
    if len(line) <= WIDTH:
        return [line]
    inner = [f"{indent}    {name}," for name in names]
    return [f"{indent}from {module} import (", *inner, f"{indent})"]


def string(value: str) -> str:
    """Return a string literal."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bracketed(head: str, items: Sequence[str], tail: str, indent: str) -> str:
    """Return `head(items)tail` on one line if it fits, else with a line for each."""
    line = f"{indent}{head}({', '.join(items)}){tail}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    inner = ""
    for item in items:
        parts = [item]
        if len(f"{indent}    {item},") > WIDTH:
            parts = alternatives(item)
        inner += f"{indent}    " + f"\n{indent}    | ".join(parts) + ",\n"
    return f"{indent}{head}(\n{inner}{indent}){tail}\n"


def alternatives(annotation: str) -> list[str]:
    """Return the members of a union of types."""
    depth, found = 0, [""]
    for part in annotation.split(" | "):
        found[-1] += part if depth == 0 else f" | {part}"
        depth += part.count("[") - part.count("]")
        if depth == 0:
            found.append("")
    return found[:-1]
