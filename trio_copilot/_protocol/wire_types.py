"""The types of events that some Copilot CLI sends, with or without a class here."""

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
"""Sent by the CLI, but missing in its schemas."""

_FORMER = frozenset(
    {
        "factory.run_settled",
        "factory.run_started",
        "factory.run_updated",
        "session.response_limits_changed",
    }
)
"""Sent by other versions that this package works with, but not by the current one."""

KNOWN = EVENTS.keys() | _WITHOUT_SCHEMA | _FORMER
"""All types; another one is misspelt, or newer than this package."""
