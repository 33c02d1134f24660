"""What a string must be to reach the CLI: it reads no half of a UTF-16 pair.

Python has such strings: names of files that are no UTF-8 (`os.listdir`), an emoji cut in
two. In free text U+FFFD takes the place of a half, as in a browser. A name that must be
exact, such as a path or an id, would be another one then: it is refused.
"""

from __future__ import annotations

import re

__all__ = ["check_exact", "has_half_pairs", "readable"]

_HALVES = re.compile("[\ud800-\udfff]")


def has_half_pairs(text: str) -> bool:
    """Whether the CLI could not read the text as it is."""
    return not text.isascii() and _HALVES.search(text) is not None


def readable(text: str) -> str:
    """Return the text with U+FFFD for each half of a UTF-16 pair; two that fit are joined."""
    if not has_half_pairs(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def check_exact(name: str, option: str) -> None:
    """Check that a name reaches the CLI as it is.

    Args:
      name: a path, an id, the name of a model...
      option: what it is the value of, for the message.

    Raises:
      ValueError: half of a UTF-16 pair is in it.
    """
    if has_half_pairs(name):
        raise ValueError(
            f"{option} must be text that the CLI can read: half of a UTF-16 pair is in "
            "it, which stands for a byte that is no UTF-8, or for half an emoji"
        )
