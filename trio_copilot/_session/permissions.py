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

from .._checks import wrong_type
from .._json import as_text

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
    prompt: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """What the CLI itself would show to a person, as it is on the wire. Its kind is
    `path` for a file outside of the directories that the agent may use."""

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
    commands, the same tool, reading or writing files, the same domain. Outside of the
    session's directories it is the same file alone that may be read or written again.
    Where the CLI cannot remember a permission it is given once."""

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


@attrs.frozen
class Abstain:
    """Leave the answer to the other clients of the session.

    What a handler of permissions, questions, forms or plans may return. The CLI is told
    nothing, and goes on when another client has answered. Where there is none it waits
    until the turn is cancelled.
    """


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
    if request.kind == "mcp":
        named["toolName"] = _bare_tool_name(request)
    return {"approval": {"kind": request.kind, **named}}


def _bare_tool_name(request: PermissionRequest) -> str:
    """Return the name that an MCP server gives to a tool, by which the CLI remembers it.

    The request has the name that the model uses, with the server's before it.
    """
    if bare := as_text(request.prompt.get("toolName")):
        return bare
    server, full = (as_text(request.details[f]) for f in ("serverName", "toolName"))
    return full.removeprefix(f"{server}-")


def _domain(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # the model's invention, such as http://[
        return None


Decision: TypeAlias = Allow | Deny | Abstain
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


async def deny_all(request: PermissionRequest) -> Deny:
    """Forbid everything, as a session without a handler does."""
    await trio.lowlevel.checkpoint()
    return NO_HANDLER


async def abstain_all(request: PermissionRequest) -> Decision:
    """Leave every decision to the other clients of the session: for one that watches."""
    await trio.lowlevel.checkpoint()
    return Abstain()


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
    if not isinstance(decision, (Allow, Deny, Abstain)):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users return
        raise wrong_type(
            "The answer of a permission handler",
            "Allow(), Deny(reason) or Abstain()",
            decision,
        )
    return decision


MAX_REMEMBERED = 64
"""Decisions that are kept; the CLI asks for the second time at once."""


@attrs.define(eq=False)
class _Verdict:
    decision: Decision | None = None
    settled: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Verdicts:
    """Decisions of one turn: what the CLI asks twice is put to the handler once.

    To read a file outside of its directories it asks for the path and for the reading,
    with the same words.
    """

    _by_call: dict[tuple[str, str, str], _Verdict] = attrs.field(
        factory=dict[tuple[str, str, str], _Verdict], init=False
    )

    async def decide(
        self, handler: PermissionHandler | None, request: PermissionRequest
    ) -> Decision:
        """Ask the handler, unless it has been asked the same for the same call.

        Raises:
          TypeError, Exception: as the function `decide`, for the first request.
        """
        if not request.call_id:
            return await decide(handler, request)
        key = (request.call_id, request.kind, request.subject)
        while (first := self._by_call.get(key)) is not None:
            await first.settled.wait()
            if first.decision is not None:
                return first.decision
        verdict = self._by_call[key] = _Verdict()
        try:
            verdict.decision = decision = await decide(handler, request)
        except Exception:
            verdict.decision = HANDLER_FAILED
            raise
        finally:
            if verdict.decision is None:  # cancelled: somebody else has answered
                self._by_call.pop(key, None)
            elif len(self._by_call) > MAX_REMEMBERED:
                del self._by_call[next(iter(self._by_call))]
            verdict.settled.set()
        return decision
