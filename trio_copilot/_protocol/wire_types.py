"""The types of events that some Copilot CLI sends, whether or not they have a class."""

from __future__ import annotations

from .index import EVENTS

_WITHOUT_SCHEMA = frozenset(
    {
        "model.log",
        "model.message",
        "model.messages_snapshot",
        "model.model_call_failure",
        "model.model_call_started",
        "model.model_call_success",
        "model.response",
        "model.telemetry",
        "model.tool_execution",
        "model.turn_ended",
        "model.turn_failed",
        "model.turn_retry",
        "model.turn_started",
    }
)
"""What the CLI sends although its schemas do not say so."""

_FORMER = frozenset(
    {
        "factory.run_settled",
        "factory.run_started",
        "factory.run_updated",
        "session.response_limits_changed",
    }
)
"""What versions sent that this package works with, and the current one does not."""

KNOWN = EVENTS.keys() | _WITHOUT_SCHEMA | _FORMER
"""A type that is not among these is misspelt, or newer than this package."""
