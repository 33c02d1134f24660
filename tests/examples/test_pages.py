"""The pages about the examples show all of them, and name nothing that does not exist."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .runner import ROOT

DOCS = ROOT / "docs"
EXAMPLES = sorted(path.stem for path in ROOT.glob("examples/[0-9]*.py"))
PAGES = [*sorted((DOCS / "examples").glob("*.md")), DOCS / "own_client.md"]
SHOWN = re.compile(r"<!-- example: (\w+) -->")
ROW = re.compile(r"(?m)^\| (?!pattern)(.+) \|$")
LINKED = re.compile(r"\[(\d\d_\w+)\]\(([^)]+)\)")
NAMED = re.compile(r"`(test_\w+)`")

ROWS = ROW.findall((DOCS / "examples" / "patterns.md").read_text("utf-8"))
TESTS = {
    name
    for file in ROOT.glob("tests/**/test_*.py")
    for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
}


def test_each_example_is_shown_on_one_page() -> None:
    shown = Counter(
        name for page in PAGES for name in SHOWN.findall(page.read_text("utf-8"))
    )

    assert shown == Counter(EXAMPLES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" | ")[0])
def test_each_pattern_has_a_counterpart_and_a_test(row: str) -> None:
    pattern, here, shown_by = row.split(" | ")
    named = NAMED.findall(shown_by)

    assert pattern
    assert here
    assert named
    assert set(named) <= TESTS


def test_examples_are_linked_to_the_page_that_shows_them() -> None:
    linked = {link for row in ROWS for link in LINKED.findall(row)}

    assert {name for name, _ in linked} <= set(EXAMPLES)
    for name, target in linked:
        page = (DOCS / "examples" / target).read_text("utf-8")
        assert name in SHOWN.findall(page)
