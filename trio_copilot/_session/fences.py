"""Text of others in a prompt: behind a fence that it cannot close.

This module does not know what the text is.
"""

from __future__ import annotations

import re

SHORTEST = 3
"""Backticks that make a fence in Markdown."""

_RUNS = re.compile("`+")


def fenced(text: str, language: str = "") -> str:
    r"""Return a text as a block of code of Markdown, to be put into a prompt.

    The fence is longer than any row of backticks in the text, so that nothing in the text
    ends the block. That keeps data and question apart for a reader; it is no protection
    from what the data may ask the model to do: give a session that reads the text of
    strangers no tools and no permissions.

    Args:
      text: anything; a line break is added if there is none at its end.
      language: what the block is said to be, such as `"diff"`.

    Raises:
      ValueError: the language has a backtick or a line break in it.
    """
    if re.search(r"[`\r\n]", language):
        raise ValueError(f"A language is one line without backticks, not {language!r}")
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(SHORTEST, longest + 1)
    ending = "" if text.endswith("\n") or not text else "\n"
    return f"{fence}{language}\n{text}{ending}{fence}\n"
