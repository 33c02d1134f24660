"""The messages between a peer and the bridge, one JSON object each.

Strategy: every message is a frozen class whose name on the wire is its `type`. Messages
of a client are checked to the letter: unknown types, unknown fields and wrong types are
refused with a sentence that names the fault and quotes nothing from the message. Messages
of the server are written without the fields that are `None`.

This module knows neither sockets nor sessions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import attrs
import msgspec

PROTOCOL = 1
"""The version of this protocol, sent in `ready`. New fields do not change it."""


class BadMessageError(Exception):
    """A client sent something that is not a message of this protocol; says why."""


# -- messages of a client


@attrs.frozen(kw_only=True)
class Hello:
    """Ask to be let in: the first message."""

    type: ClassVar[str] = "hello"
    token: str = attrs.field(repr=False)
    """The access token."""


@attrs.frozen(kw_only=True)
class BeginTurn:
    """Begin a turn."""

    type: ClassVar[str] = "prompt"
    turn: str
    """The client's own id for it: 1 to 200 characters."""
    text: str = attrs.field(repr=False)
    """The prompt."""


@attrs.frozen(kw_only=True)
class StopTurn:
    """Stop a turn; its `end` reports that."""

    type: ClassVar[str] = "stop"
    turn: str


@attrs.frozen(kw_only=True)
class DecidePermission:
    """Decide on a permission."""

    type: ClassVar[str] = "answer"
    request: str
    """The id of the `permission`."""
    decision: Literal["allow", "deny"]
    reason: str = attrs.field(default="", repr=False)
    """For the model, when it is denied."""


ClientMessage: TypeAlias = Hello | BeginTurn | StopTurn | DecidePermission
M = TypeVar("M", bound=ClientMessage)

_CLASSES: dict[str, type[ClientMessage]] = {
    each.type: each for each in (Hello, BeginTurn, StopTurn, DecidePermission)
}
ID_SIZE = 200
"""Characters in an id that a client chooses, at most."""


def decode(text: str | bytes) -> ClientMessage:
    """Return the message in a text frame.

    Raises:
      BadMessageError: it is not a message of this protocol.
    """
    if isinstance(text, bytes):
        raise BadMessageError("messages must be text frames, not binary ones")
    try:
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise BadMessageError("this is not a JSON object") from error
    name = fields.pop("type", None)
    of = _CLASSES.get(name) if isinstance(name, str) else None
    if of is None:
        raise BadMessageError(f"type must be one of {', '.join(_CLASSES)}")
    return from_mapping(of, fields)


def from_mapping(of: type[M], fields: Mapping[str, Any]) -> M:
    """Return a message of a client, made of the fields of a JSON object.

    Raises:
      BadMessageError: a field is unknown, missing or wrong.
    """
    known = attrs.fields_dict(of)
    if not fields.keys() <= known.keys():
        raise BadMessageError(f"{of.type} has only the fields {', '.join(known)}")
    try:
        message = msgspec.convert(fields, of)
    except msgspec.ValidationError as error:
        raise BadMessageError(f"{of.type}: {error}") from error
    for field in ("turn", "request"):
        if not 0 < len(getattr(message, field, "-")) <= ID_SIZE:
            raise BadMessageError(
                f"{of.type}: {field} must have 1 to {ID_SIZE} characters"
            )
    return message


# -- messages of the server


@attrs.frozen(kw_only=True)
class Ready:
    """The token was right, and a session is open."""

    type: ClassVar[str] = "ready"
    session: str
    """The CLI's id of the session."""
    model: str | None = None
    """The model, if the server names one."""
    protocol: int = PROTOCOL
    warning: str | None = None
    """Why every prompt will fail, and what to do: when nobody is logged in."""


@attrs.frozen(kw_only=True)
class Start:
    """The agent has begun to work on the prompt."""

    type: ClassVar[str] = "start"
    turn: str
    message_id: str


@attrs.frozen(kw_only=True)
class Delta:
    """A piece of the answer."""

    type: ClassVar[str] = "delta"
    turn: str
    text: str = attrs.field(repr=False)
    message: str = ""
    """The message that it belongs to: a turn has one for each model call."""
    agent: str | None = None
    separator: str | None = None
    """Goes between it and the main agent's text before it: a blank line where a new
    message begins."""


@attrs.frozen(kw_only=True)
class Reasoning:
    """A piece of the model's visible reasoning."""

    type: ClassVar[str] = "reasoning"
    turn: str
    text: str = attrs.field(repr=False)
    agent: str | None = None


@attrs.frozen(kw_only=True)
class ToolCalled:
    """The model called a tool."""

    type: ClassVar[str] = "tool_call"
    turn: str
    call: str
    name: str
    arguments: Any = attrs.field(repr=False)
    agent: str | None = None


@attrs.frozen(kw_only=True)
class ToolProgressed:
    """Output of a running tool."""

    type: ClassVar[str] = "tool_progress"
    turn: str
    call: str
    text: str = attrs.field(repr=False)
    agent: str | None = None


@attrs.frozen(kw_only=True)
class ToolEnded:
    """A tool call is over."""

    type: ClassVar[str] = "tool_result"
    turn: str
    call: str
    success: bool
    text: str = attrs.field(repr=False)
    agent: str | None = None


@attrs.frozen(kw_only=True)
class Corrected:
    """Streamed text differs from the message that it belongs to."""

    type: ClassVar[str] = "correction"
    turn: str
    message: str
    was: str = attrs.field(repr=False)
    """The end of that agent's text so far, to be taken back."""
    text: str = attrs.field(repr=False)
    """What to show instead."""
    agent: str | None = None


@attrs.frozen(kw_only=True)
class Retried:
    """A model call failed and is repeated: the text it produced is void."""

    type: ClassVar[str] = "retry"
    turn: str
    kind: str
    dropped: str = attrs.field(repr=False)
    """The end of the main agent's text, to be taken back."""
    status_code: int | None = None
    """The HTTP status from the model's provider, if any."""
    message: str | None = None
    """The provider's explanation."""
    waited: float | None = None
    """Seconds between the failure and the new call."""


@attrs.frozen(kw_only=True)
class Noticed:
    """A remark of the CLI for the user."""

    type: ClassVar[str] = "notice"
    turn: str
    kind: str
    text: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Permission:
    """The agent asks whether it may do something; the client sends an `answer`."""

    type: ClassVar[str] = "permission"
    request: str
    turn: str | None = None
    """The open turn; `None` for work in the background after it."""
    kind: str
    summary: str = attrs.field(repr=False)
    """The command, the file, the URL or the tool."""
    details: Mapping[str, Any] = attrs.field(repr=False)
    """The request as the CLI sent it; its fields differ by kind."""
    call: str = ""
    """The tool call that needs it."""
    agent: str | None = None


PermissionOutcome: TypeAlias = Literal["allowed", "denied", "timeout", "cancelled"]


@attrs.frozen(kw_only=True)
class PermissionClosed:
    """A permission is decided, or no longer needed."""

    type: ClassVar[str] = "permission_closed"
    request: str
    outcome: PermissionOutcome


@attrs.frozen(kw_only=True)
class UsageSoFar:
    """What the model calls of a turn have used so far."""

    type: ClassVar[str] = "usage"
    turn: str
    usage: Mapping[str, float]


@attrs.frozen(kw_only=True)
class End:
    """A turn is over; the next one can begin."""

    type: ClassVar[str] = "end"
    turn: str
    reason: str
    """`complete`, `cancelled`, `max_tokens` or `error`."""
    cause: str | None = None
    """Why it was cancelled: a `trio_copilot.CancelCause`."""
    usage: Mapping[str, float]
    error: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Why it failed: `kind`, `message`, `status_code`."""


@attrs.frozen(kw_only=True)
class Refusal:
    """The server cannot do what a message asks for; or the session is lost."""

    type: ClassVar[str] = "error"
    code: str
    """`bad_message`, `busy`, `unknown_turn`, `unknown_request`, `no_session` or `lost`;
    and over HTTP `too_long`."""
    message: str
    turn: str | None = None


ServerMessage: TypeAlias = (
    Ready
    | Start
    | Delta
    | Corrected
    | Reasoning
    | ToolCalled
    | ToolProgressed
    | ToolEnded
    | Retried
    | Noticed
    | Permission
    | PermissionClosed
    | UsageSoFar
    | End
    | Refusal
)


def encode(message: ServerMessage) -> str:
    """Return a message as JSON."""
    fields = attrs.asdict(message, recurse=False)
    present = {name: value for name, value in fields.items() if value is not None}
    wire = {"type": message.type, **present}
    try:
        return msgspec.json.encode(wire).decode()
    except UnicodeEncodeError:  # half a character can only be sent escaped
        return json.dumps(wire)
