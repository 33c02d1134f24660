"""Which module of `generated` each type goes to.

Strategy: what nearly every turn contains goes into one module, `turn`, for it is loaded
anyway; the other events by the beginning of their wire type. A type that only one module
needs lives there. What `turn` needs, too, lives in `turn`; what several others need is
in `shared`. So a module imports no other than these two, and there are no cycles.
"""

from __future__ import annotations

from collections.abc import Mapping

from .model import Vocabulary

TURN = frozenset(
    {
        "assistant.idle",
        "assistant.message",
        "assistant.message_delta",
        "assistant.message_start",
        "assistant.streaming_delta",
        "assistant.turn_end",
        "assistant.turn_start",
        "assistant.usage",
        "model.call_final_result",
        "model.call_finished",
        "model.call_start",
        "pending_messages.modified",
        "session.idle",
        "session.managed_settings_resolved",
        "session.mcp_servers_loaded",
        "session.skills_loaded",
        "session.start",
        "session.title_changed",
        "session.tools_updated",
        "session.usage_info",
        "system.message",
        "user.message",
    }
)
"""The event types in at least 80 % of the recorded conversations that have a turn."""

MODULES = {
    "agent": "Agents and what they use: sub-agents, skills, hooks, workflows, aborts.",
    "assistant": "What the assistant says, beyond what nearly every turn contains.",
    "fusion": "Several models that work on one answer.",
    "mcp": "MCP servers and apps.",
    "model": "Calls of the model, and which model is called.",
    "permission": "Requests for permission, and what became of them.",
    "request": "What the CLI asks of the client or its user, and the answers.",
    "sandbox": "Decisions of the sandbox.",
    "session": "The session itself, beyond what nearly every turn contains.",
    "shared": "Types that the payloads of several modules have in common.",
    "tool": "Calls of tools, built-in and external.",
    "turn": "What nearly every turn contains.",
}
"""What each module of `generated` is about."""

_PREFIXES = (  # the first that fits; what fits none goes to `session`
    ("abort", "agent"),
    ("agent", "agent"),
    ("assistant.fusion", "fusion"),
    ("assistant", "assistant"),
    ("auto_mode_switch", "request"),
    ("command", "request"),
    ("elicitation", "request"),
    ("exit_plan_mode", "request"),
    ("external_tool", "tool"),
    ("hook", "agent"),
    ("human_response", "request"),
    ("mcp", "mcp"),
    ("model", "model"),
    ("permission", "permission"),
    ("prompt_cache_break", "model"),
    ("sampling", "request"),
    ("sandbox", "sandbox"),
    ("session.auto_", "model"),
    ("session.fusion", "fusion"),
    ("session.mcp", "mcp"),
    ("session.model", "model"),
    ("session.permission", "permission"),
    ("session_limits", "request"),
    ("skill", "agent"),
    ("subagent", "agent"),
    ("system", "agent"),
    ("tool", "tool"),
    ("user_input", "request"),
    ("workflow", "agent"),
)


def place(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the module of each type of the vocabulary."""
    users: dict[str, set[str]] = {}
    for wire, event in vocabulary.events.items():
        for name in vocabulary.needs(event):
            users.setdefault(name, set()).add(module_of(wire))
    return {name: _home(users[name]) for name in sorted(users)}


def module_of(wire: str) -> str:
    """Return the module of an event type."""
    if wire in TURN:
        return "turn"
    fits = (module for prefix, module in _PREFIXES if wire.startswith(prefix))
    return next(fits, "session")


def users_of(vocabulary: Vocabulary) -> Mapping[str, list[str]]:
    """Return the wire types of the events that need a type, for each type."""
    users: dict[str, list[str]] = {}
    for wire, event in vocabulary.events.items():
        for name in vocabulary.needs(event):
            users.setdefault(name, []).append(wire)
    return users


def _home(users: set[str]) -> str:
    if len(users) == 1:
        return next(iter(users))
    return "turn" if "turn" in users else "shared"
