"""Writes the code of the examples into the pages that show them.

Strategy: a page has a line `<!-- example: 04_deadline -->`; the block of Python below it
is the file `examples/04_deadline.py` without what every example has: the docstring, the
first import and the command line. So the code can be read wherever Markdown is shown, and
never differs from the file that runs. `python docs/make_examples.py` writes the blocks;
with `--check` it writes nothing and fails if it would.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
PAGES = (*sorted((DOCS / "examples").glob("*.md")), DOCS / "own_client.md")
BLOCK = re.compile(r"(?ms)(?<=^<!-- example: )(\w+)( -->\n\n).*?(?=^<!-- end -->$)")
LONG = 100
"""Lines from which a block is folded."""


def with_code(page: Path) -> str:
    """Return the text of a page with all its blocks as they should be."""

    def written(match: re.Match[str]) -> str:
        name, close = match.groups()
        return f"{name}{close}{_block(page, EXAMPLES / f'{name}.py')}"

    return BLOCK.sub(written, page.read_text(encoding="utf-8"))


def _block(page: Path, example: Path) -> str:
    name = f"examples/{example.name}"
    link = f"[{name}]({'../' * len(page.relative_to(DOCS.parent).parent.parts)}{name})"
    code = _body(example.read_text(encoding="utf-8"))
    block = f"```python\n{code}```\n"
    if (lines := code.count("\n")) < LONG:
        return f"{link}\n\n{block}\n"
    summary = f"<summary>The code, {lines} lines</summary>"
    return f"{link}\n\n<details>\n{summary}\n\n{block}\n</details>\n\n"


def _body(source: str) -> str:
    """Return a program from its second import up to its command line."""
    _docstring, _future, first, *_, command_line = ast.parse(source).body
    lines = source.splitlines(keepends=True)[first.lineno - 1 : command_line.lineno - 1]
    return "".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them; return the exit status."""
    stale = {
        page: text
        for page in PAGES
        if (text := with_code(page)) != page.read_text(encoding="utf-8")
    }
    if "--check" not in arguments:
        for page, text in stale.items():
            page.write_text(text, encoding="utf-8")
    elif stale:
        names = ", ".join(page.name for page in stale)
        sys.stderr.write(f"not current: {names}; run python docs/make_examples.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
