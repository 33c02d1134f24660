"""The Python blocks of the documentation, and a folder full of them for type checkers.

A block behind `<!-- complete -->` is a whole program, or a whole file of tests.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FOLDERS = ("*.md", "*/README.md", "docs/*.md", "docs/examples/*.md")
PAGES = sorted({page for folder in FOLDERS for page in ROOT.glob(folder)})
BLOCK = re.compile(r"(?ms)^(<!-- complete -->\n)?```python\n(.*?)^```$")
EXAMPLE = re.compile(r"(?ms)^<!-- example: .*?^<!-- end -->$")
"""The code of a file, which is tested and type-checked where it is."""


@attrs.frozen
class Snippet:
    """A Python block of a page."""

    page: Path
    line: int
    code: str
    is_complete: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def name(self) -> str:
        place = self.page.relative_to(ROOT).with_suffix("")
        return f"{'_'.join(place.parts)}_{self.line}"

    @property
    def has_imports(self) -> bool:
        return bool(re.search(r"(?m)^(from|import) ", self.code))

    @property
    def has_tests(self) -> bool:
        return "def test_" in self.code

    @property
    def has_entry(self) -> bool:
        return self.has_tests or "trio.run(" in self.code

    @property
    def needs_cli(self) -> bool:
        return "find_cli" in self.code


def snippets() -> Iterator[Snippet]:
    for page in PAGES:
        text = EXAMPLE.sub(lambda m: "\n" * m[0].count("\n"), page.read_text())
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            yield Snippet(page, line, match[2], match[1] is not None)


def write_snippets(folder: Path) -> None:
    """Write a file for each complete one, with the line numbers of its page."""
    for snippet in snippets():
        if snippet.is_complete:
            above = "# pyright: strict" + "\n" * (snippet.line - 1)
            (folder / f"{snippet.name}.py").write_text(above + snippet.code)


if __name__ == "__main__":
    write_snippets(Path(sys.argv[1]))
