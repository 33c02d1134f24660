"""Makes strings readable for the CLI, which cannot read half of a UTF-16 pair.

Python strings may hold such halves: the name of a file that is not UTF-8 (`os.listdir`),
an emoji cut in two. In free text U+FFFD replaces a half, as in a browser. In a name that
must be exact, such as a path or an id, that would name something else: it is refused.
"""

from __future__ import annotations

import re

_HALVES = re.compile("[\ud800-\udfff]")


def has_half_pairs(text: str) -> bool:
    """Whether the CLI could not read the text as it stands."""
    return not text.isascii() and _HALVES.search(text) is not None


def readable(text: str) -> str:
    """Return the text with U+FFFD for each half of a UTF-16 pair; whole pairs are joined."""
    if not has_half_pairs(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def check_exact(name: str, option: str) -> None:
    """Check that a name reaches the CLI unchanged.

    Args:
      name: a path, an id, the name of a model...
      option: whose value it is, for the error.

    Raises:
      ValueError: it holds half of a UTF-16 pair.
    """
    if has_half_pairs(name):
        raise ValueError(
            f"{option} must be text that the CLI can read, but holds half of a UTF-16 "
            "pair: a byte that is not UTF-8, or half an emoji"
        )
