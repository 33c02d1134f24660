"""How many examples property tests try: few, or many times as many with TEST_DEPTH=20."""

from __future__ import annotations

import os

from hypothesis import settings

DEPTH = int(os.environ.get("TEST_DEPTH", "1"))


def register() -> None:
    """Set the default of all property tests.

    They are not timed one by one: a busy machine would fail them.
    """
    settings.register_profile("sampled", deadline=None, max_examples=100 * DEPTH)
    settings.load_profile("sampled")
