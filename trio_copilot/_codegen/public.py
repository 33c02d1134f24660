"""The table of public names, made from what type checkers read.

Each public module imports its names `if TYPE_CHECKING:`. At run time `_facade` loads a
name on first use, and finds its module in this table: nobody writes a name twice. The
generated classes are left out, since they have an index.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .source import string

TABLE = "_public.py"

_HEAD = '''\
# Written by `python trio_copilot/_codegen`; do not edit.
"""Where each public name lives, for `_facade`."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off

HOMES: Mapping[str, Mapping[str, str]] = {
'''
_TAIL = '''\
}
"""Public module -> name -> module that it lives in."""
'''


def table(package: Path) -> str:
    """Return the source of the table of all public modules in a package."""
    rows: list[str] = []
    patterns = ("__init__.py", "[!_]*.py", "[!_]*/__init__.py")
    for path in sorted(path for each in patterns for path in package.glob(each)):
        source = path.read_text()
        if "lazy_facade(__name__" not in source:
            continue
        above = path.relative_to(package).parent.parts
        module = above if path.name == "__init__.py" else (*above, path.stem)
        homes = dict(_homes(source, above))
        rows += f"    {string('.'.join(module))}: {{\n"
        rows += (f"        {string(n)}: {string(homes[n])},\n" for n in sorted(homes))
        rows += "    },\n"
    return _HEAD + "".join(rows) + _TAIL


def _homes(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the names that a public module imports for type checkers, and from where."""
    for block in ast.parse(source).body:
        if not isinstance(block, ast.If) or ast.unparse(block.test) != "TYPE_CHECKING":
            continue
        for statement in block.body:
            assert isinstance(statement, ast.ImportFrom)
            above = package[: len(package) - statement.level + 1]
            home = ".".join((*above, statement.module or ""))
            if not home.startswith("_protocol.generated"):
                yield from ((alias.name, home) for alias in statement.names)
