"""Other people's text in a prompt, behind a fence that it cannot close."""

from __future__ import annotations

import re

SHORTEST = 3
"""Backticks that make a fence in Markdown."""

_RUNS = re.compile("`+")


def fenced(text: str, language: str = "") -> str:
    r"""Return a text as a Markdown code block, to be put into a prompt.

    The fence is longer than any run of backticks in the text, so that nothing in the text
    ends the block. This shows the reader where the data ends. It does not stop the model
    from obeying the data: give a session that reads strangers' text no tools and no
    permissions.

    Args:
      text: any text; a line break is added if it does not end with one.
      language: the language of the block, such as `"diff"`.

    Raises:
      ValueError: the language contains a backtick or a line break.
    """
    if re.search(r"[`\r\n]", language):
        raise ValueError(f"language must be a line without backticks, not {language!r}")
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(SHORTEST, longest + 1)
    ending = "" if text.endswith("\n") or not text else "\n"
    return f"{fence}{language}\n{text}{ending}{fence}\n"
