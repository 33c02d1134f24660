"""Which module of `generated` each type and each method goes to.

Strategy for events: what streams while the model writes goes into its own small module,
`stream`, so that the first piece of text need not wait until the rest is loaded. What else
nearly every turn contains goes into `turn`, since it is loaded anyway; the other events go
by the beginning of their wire types. A type that only one module needs lives there. What
`turn` needs as well lives in `turn`; what several others need is in `shared`. So modules
import only these two, and there are no cycles.

Methods go by the first word of their path into `rpc.<word>`, those of the CLI beside those
of a session. A type that an event needs stays with the events; another one goes to its
only user, or to the module that it is named for, or into `rpc.shared`. Modules import each
other only for their unions: other names are looked up on first use.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import names
from .model import Method, Vocabulary

STREAM = frozenset(
    {
        "assistant.message_delta",
        "assistant.message_start",
        "assistant.reasoning_delta",
        "assistant.streaming_delta",
        "assistant.turn_end",
        "assistant.turn_start",
    }
)
"""The event types between the first and the last word of a model; they need no others."""

TURN = frozenset(
    {
        "assistant.idle",
        "assistant.message",
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
"""The other event types that at least 80 % of the recorded turns contain."""

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
    "stream": "What streams while the model writes.",
    "tool": "Calls of tools, built-in and external.",
    "turn": "What nearly every turn contains, beyond what streams.",
}
"""What each module of `generated` is about."""

_PREFIXES = (  # the first match counts; without one, `session`
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
    homes: dict[str, str] = {}
    for name, modules in sorted(users.items()):
        shared = "turn" if "turn" in modules else "shared"
        homes[name] = next(iter(modules)) if len(modules) == 1 else shared
    callers: dict[str, set[str]] = {}
    for method in vocabulary.methods:
        for name in vocabulary.needed_by(method) - homes.keys():
            callers.setdefault(name, set()).add(module_of_method(method))
    tops = {module for modules in callers.values() for module in modules}
    for name, modules in sorted(callers.items()):
        word = f"{names.field_name(name)}_"
        # The module that it is named for, such as `rpc.mcp` for `McpServer`.
        fits = [m for m in tops if word.startswith(m.partition(".")[2].rstrip("s"))]
        named_for = max(fits, key=lambda m: (len(m), m), default="rpc.shared")
        homes[name] = next(iter(modules)) if len(modules) == 1 else named_for
    return homes


def module_of_method(method: Method) -> str:
    """Return the module of the types of a method."""
    return module_of_calls(method.path[:-1])


def module_of_calls(path: tuple[str, ...]) -> str:
    """Return the module of a namespace."""
    return f"rpc.{names.field_name(path[0]) if path else 'general'}"


def module_of(wire: str) -> str:
    """Return the module of an event type."""
    if wire in STREAM:
        return "stream"
    if wire in TURN:
        return "turn"
    fits = (module for prefix, module in _PREFIXES if wire.startswith(prefix))
    return next(fits, "session")


def users_of(vocabulary: Vocabulary) -> Mapping[str, list[str]]:
    """Return the events and methods that need a type, by their wire names."""
    users: dict[str, list[str]] = {}
    for wire, event in vocabulary.events.items():
        for name in vocabulary.needs(event):
            users.setdefault(name, []).append(wire)
    for method in vocabulary.methods:
        for name in vocabulary.needed_by(method):
            users.setdefault(name, []).append(method.wire)
    return users
