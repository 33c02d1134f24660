"""Quotes the start of what the peer sent, for the text of an error."""

from __future__ import annotations

# Enough to recognise a stack trace or a banner, short enough for one log line.
EXCERPT_SIZE = 160


def excerpt(data: bytes) -> str:
    """Return the start of `data` as a `repr` of bounded length."""
    shown = repr(data[:EXCERPT_SIZE])
    hidden = len(data) - EXCERPT_SIZE
    return shown if hidden <= 0 else f"{shown} and {hidden} more byte(s)"
