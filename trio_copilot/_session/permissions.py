"""May the agent do that? What is asked, what can be answered, and the defaults.

Deny is the default everywhere: without a handler, when the handler raises, when it
returns something else than a decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import attrs
import trio

# What a request is about, by kind: the first of these fields that it has.
_SUBJECTS = ("fullCommandText", "fileName", "path", "url", "toolName", "intention")


@attrs.frozen(kw_only=True)
class PermissionRequest:
    """Something the agent wants to do."""

    kind: str
    """The CLI's word for it: `shell`, `write`, `read`, `url`, `mcp`, `custom-tool`,
    `memory`, ...; a newer CLI may have others."""
    call_id: str = ""
    """The tool call that asks, as in `ToolCall.call_id`."""
    agent_id: str | None = None
    """The sub-agent that asks; `None` is the main agent."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The request as it is on the wire; its fields differ by kind."""

    @property
    def subject(self) -> str:
        """What it is about in one string: the command, the file, the URL, the tool."""
        for field in _SUBJECTS:
            value = self.details.get(field)
            if isinstance(value, str) and value:
                return value
        return self.kind


@attrs.frozen
class Allow:
    """Permit what was asked."""

    for_session: bool = attrs.field(default=False, kw_only=True)
    """Whether the same may be done again in this session without asking: the same
    commands, the same tool, reading or writing files, the same domain. Where the CLI
    cannot remember a permission it is given once."""

    def to_wire(self, request: PermissionRequest) -> dict[str, Any]:
        """Return the decision as the CLI wants it."""
        if self.for_session:
            scope = _session_scope(request)
            if scope is not None:
                return {"kind": "approve-for-session", **scope}
        return {"kind": "approve-once"}


@attrs.frozen
class Deny:
    """Forbid what was asked."""

    reason: str = "Permission was denied."
    """Told to the model."""

    def to_wire(self, request: PermissionRequest) -> dict[str, Any]:
        """Return the decision as the CLI wants it."""
        # Without a word to the model the CLI would end the whole turn.
        return {"kind": "reject", "feedback": self.reason or Deny().reason}


# What the CLI remembers of a permission for the session: the fields of the request that
# name it, by kind.
_REMEMBERED = {
    "custom-tool": ("toolName",),
    "extension-env-access": ("extensionName", "environmentVariables"),
    "extension-management": ("operation",),
    "extension-permission-access": ("extensionName",),
    "mcp": ("serverName", "toolName"),
    "memory": (),
    "read": (),
    "workflow": ("approvalKey",),
    "write": (),
}


def _session_scope(request: PermissionRequest) -> dict[str, Any] | None:
    """Return what is approved for the session; `None` if that cannot be said."""
    details = request.details
    if request.kind == "url":
        domain = _domain(request.subject)
        return {"domain": domain} if domain else None
    if request.kind == "shell":
        commands = details.get("commands") or ()
        identifiers = [c["identifier"] for c in commands if "identifier" in c]
        approval = {"kind": "commands", "commandIdentifiers": identifiers}
        return {"approval": approval} if identifiers else None
    fields = _REMEMBERED.get(request.kind)
    if fields is None or any(field not in details for field in fields):
        return None
    named = {field: details[field] for field in fields}
    return {"approval": {"kind": request.kind, **named}}


def _domain(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # the model's invention, such as http://[
        return None


Decision: TypeAlias = Allow | Deny
PermissionHandler: TypeAlias = Callable[[PermissionRequest], Awaitable[Decision]]

NO_HANDLER = Deny(
    "This program has not been given a way to grant permissions, so the answer is no. "
    "Go on without it."
)
HANDLER_FAILED = Deny("The program that decides on permissions failed.")
CANCELLED = Deny("The turn was cancelled before anybody decided.")


async def allow_all(request: PermissionRequest) -> Decision:
    """Permit everything: for sandboxes and prompts that you trust completely."""
    await trio.lowlevel.checkpoint()
    return Allow()


async def deny_all(request: PermissionRequest) -> Decision:
    """Forbid everything, as a session without a handler does."""
    await trio.lowlevel.checkpoint()
    return NO_HANDLER


async def decide(
    handler: PermissionHandler | None, request: PermissionRequest
) -> Decision:
    """Ask the handler.

    Raises:
      TypeError: it returned something that is no decision.
      Exception: whatever the handler raised.
    """
    if handler is None:
        return await deny_all(request)
    decision = await handler(request)
    if not isinstance(decision, (Allow, Deny)):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users return
        raise TypeError(
            f"A permission handler returns Allow() or Deny(reason), not {decision!r}"
        )
    return decision
