"""Permissions: what the agent asks for, what a handler may answer, and the defaults.

Deny is the default everywhere: without a handler, when the handler raises, and when it
returns something that is not a decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import attrs
import trio

from .._checks import wrong_type
from .._json import as_text

# The fields of a request that name its subject, whatever its kind; the first one counts.
_SUBJECTS = ("fullCommandText", "fileName", "path", "url", "toolName", "intention")


@attrs.frozen(kw_only=True)
class PermissionRequest:
    """Something that the agent may do only with permission.

    Protocol: `permission.requested`.
    """

    kind: str
    """What it wants to do, in the CLI's words: `shell`, `write`, `read`, `url`, `mcp`,
    `custom-tool`, `memory`, ...; a newer CLI may have others."""
    call_id: str = ""
    """The tool call that asks, as in `ToolCall.call_id`."""
    agent_id: str | None = None
    """The sub-agent that asks; `None` is the main agent."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The request as it is on the wire; its fields depend on the kind."""
    prompt: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """What the CLI would show to a person, as it is on the wire. Its `kind` is `path` for
    a file outside the directories that the agent may use."""

    @property
    def subject(self) -> str:
        """What it is about, in one string: the command, the file, the URL, the tool."""
        for field in _SUBJECTS:
            value = self.details.get(field)
            if isinstance(value, str) and value:
                return value
        return self.kind


@attrs.frozen
class Allow:
    """Permit the request."""

    for_session: bool = attrs.field(default=False, kw_only=True)
    """Whether to permit similar requests for the rest of the session, unasked: the same
    commands, the same tool, the same domain, reading or writing files. Outside the
    session's directories only the same file is covered. What the CLI cannot remember is
    permitted once."""

    def to_wire(self, request: PermissionRequest) -> dict[str, Any]:
        """Return the wire form of the decision."""
        if self.for_session:
            scope = _session_scope(request)
            if scope is not None:
                return {"kind": "approve-for-session", **scope}
        return {"kind": "approve-once"}


@attrs.frozen
class Deny:
    """Refuse the request; the agent continues without it."""

    reason: str = "Permission was denied."
    """Why. The model reads it, and can try something else."""

    def to_wire(self, request: PermissionRequest) -> dict[str, Any]:
        """Return the wire form of the decision."""
        # Without feedback for the model the CLI would end the whole turn.
        return {"kind": "reject", "feedback": self.reason or Deny().reason}


@attrs.frozen
class Abstain:
    """Leave the answer to the other clients of the session.

    A handler of permissions, questions, forms or plans may return it. The CLI gets no
    answer and continues when another client has given one. Without another client it
    waits until the turn is cancelled.
    """


# {kind: the fields of a request by which the CLI remembers it for the session}
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
    """Return what is approved for the session; `None` if the CLI cannot remember it."""
    details = request.details
    if request.kind == "url":
        try:
            domain = urlsplit(request.subject).hostname
        except ValueError:  # the model made it up, such as http://[
            domain = None
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
        # The CLI remembers a tool by its server's name for it. The request has the name
        # that the model uses, which begins with that of the server.
        prefix = f"{as_text(details['serverName'])}-"
        bare = as_text(details["toolName"]).removeprefix(prefix)
        named["toolName"] = as_text(request.prompt.get("toolName")) or bare
    return {"approval": {"kind": request.kind, **named}}


Decision: TypeAlias = Allow | Deny | Abstain
"""What a permission handler returns."""
PermissionHandler: TypeAlias = Callable[[PermissionRequest], Awaitable[Decision]]
"""An async function that decides on a request: the value of `on_permission_request=`.

It runs as a task of the turn that asks, and may take as long as it likes. If its turn is
cancelled, so is the handler, and the CLI gets no late approval. If it raises or returns
anything else, the request is denied and the exception comes out of the turn.
"""

NO_HANDLER = Deny(
    "This program has not been given a way to grant permissions, so the answer is no. "
    "Continue without it."
)
HANDLER_FAILED = Deny("The program that decides on permissions failed.")


async def allow_all(request: PermissionRequest) -> Decision:
    """Permit everything: a handler for machines that you can throw away."""
    await trio.lowlevel.checkpoint()
    return Allow()


async def deny_all(request: PermissionRequest) -> Deny:
    """Refuse everything, as a session without a handler does."""
    await trio.lowlevel.checkpoint()
    return NO_HANDLER


async def abstain_all(request: PermissionRequest) -> Decision:
    """Leave every decision to the other clients: a handler for a client that watches."""
    await trio.lowlevel.checkpoint()
    return Abstain()


async def decide(
    handler: PermissionHandler | None, request: PermissionRequest
) -> Decision:
    """Return the handler's decision.

    Raises:
      TypeError: it returned something else.
      Exception: anything that the handler raised.
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
"""Decisions that a turn keeps. The CLI repeats a request at once, so few are enough."""


@attrs.define(eq=False)
class _Verdict:
    decision: Decision | None = None
    settled: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Verdicts:
    """The decisions of one turn, so that its handler is asked about everything once.

    For a file outside the session's directories the CLI asks twice, for the path and for
    reading it, and both requests look the same.
    """

    # {(call id, kind, subject): the verdict}
    _by_call: dict[tuple[str, str, str], _Verdict] = attrs.field(
        factory=dict[tuple[str, str, str], _Verdict], init=False
    )

    async def decide(
        self, handler: PermissionHandler | None, request: PermissionRequest
    ) -> Decision:
        """Return the decision on the first such request of the same tool call.

        Raises:
          TypeError, Exception: as `decide` of this module, on the first request only.
        """
        if not request.call_id:
            return await decide(handler, request)
        key = (request.call_id, request.kind, request.subject)
        # A loop, because several may wait for a first request that is then cancelled: one
        # of them becomes the first.
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
            if verdict.decision is None:  # cancelled: another client has answered
                self._by_call.pop(key, None)
            elif len(self._by_call) > MAX_REMEMBERED:
                del self._by_call[next(iter(self._by_call))]
            verdict.settled.set()
        return decision
