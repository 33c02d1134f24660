"""Conversations with a CLI, in frames, that must be alike on the real and the scripted one.

What a scenario asserts holds on both; that they hear the same events besides is what
`test_honesty` looks at. Each one has its own session.
"""

from __future__ import annotations

from tests.testing.scenarios import (  # noqa: F401  # they register what they define
    aborts,
    answers,
    callbacks,
    failures,
    prompts,
    sessions,
    tools,
)
from tests.testing.scenarios.registry import (
    SCENARIOS as SCENARIOS,
    Scenario as Scenario,
    Talk as Talk,
)
