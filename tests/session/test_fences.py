"""Text of others in a prompt cannot end its block."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_copilot import fenced


def test_a_text_gets_three_backticks_and_a_language() -> None:
    assert fenced("a\nb", "diff") == "```diff\na\nb\n```\n"


def test_no_second_line_break_and_none_for_nothing() -> None:
    assert fenced("a\n") == "```\na\n```\n"
    assert fenced("") == "```\n```\n"


def test_a_fence_in_the_text_makes_a_longer_one() -> None:
    assert fenced("```py\n1\n```").startswith("````\n")
    assert fenced("x ````` y").startswith("``````\n")


@given(st.text(alphabet="`a \n"))
def test_only_the_last_line_can_close_the_block(text: str) -> None:
    first, *inside, last, after = fenced(text).split("\n")

    assert (set(first), last, after) == ({"`"}, first, "")
    assert not any(first in line for line in inside)
    assert "\n".join(inside) == text.removesuffix("\n")


@pytest.mark.parametrize("language", ["a`b", "a\nb", "a\rb"])
def test_a_language_that_would_break_the_fence_is_refused(language: str) -> None:
    with pytest.raises(ValueError, match="a line without backticks"):
        fenced("text", language)
