"""What a browser and the bridge say to each other, one JSON object a message.

Strategy: every message is a frozen class whose name on the wire is its `type`. What a
client says is checked to the letter: unknown types, unknown fields and wrong types are
refused with a sentence that says which and why, and that holds nothing of the message.
What the server says is written as it is, without fields that are `None`.

This module knows neither sockets nor sessions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs
import msgspec

PROTOCOL = 1
"""The version of this protocol, said in `ready`; a field more does not change it."""


class BadMessageError(Exception):
    """What a client sent is none of its messages; says what is wrong with it."""


# -- what a client says


@attrs.frozen(kw_only=True)
class Hello:
    """The first message: who is there may come in."""

    type: ClassVar[str] = "hello"
    token: str = attrs.field(repr=False)
    """The access token."""


@attrs.frozen(kw_only=True)
class Prompt:
    """Begin a turn."""

    type: ClassVar[str] = "prompt"
    turn: str
    """The client's own id for it: not empty, 200 characters at the most."""
    text: str = attrs.field(repr=False)
    """What to ask."""


@attrs.frozen(kw_only=True)
class Stop:
    """Stop a turn; its `end` says so."""

    type: ClassVar[str] = "stop"
    turn: str


@attrs.frozen(kw_only=True)
class Answer:
    """Decide on a permission."""

    type: ClassVar[str] = "answer"
    request: str
    """The id of the `permission`."""
    decision: Literal["allow", "deny"]
    reason: str = attrs.field(default="", repr=False)
    """Told to the model when it is denied."""


ClientMessage: TypeAlias = Hello | Prompt | Stop | Answer

_CLIENT: dict[str, type[ClientMessage]] = {
    each.type: each for each in (Hello, Prompt, Stop, Answer)
}
ID_SIZE = 200
"""Characters that an id of the client may have."""


def decode(text: str | bytes) -> ClientMessage:
    """Return what a client says.

    Raises:
      BadMessageError: it is no message of this protocol.
    """
    if isinstance(text, bytes):
        raise BadMessageError("messages are text frames, not binary ones")
    try:
        raw = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise BadMessageError("this is no JSON object") from error
    return _structured(raw)


def _structured(raw: dict[str, Any]) -> ClientMessage:
    name = raw.pop("type", None)
    of = _CLIENT.get(name) if isinstance(name, str) else None
    if of is None:
        raise BadMessageError(f"type is one of {', '.join(_CLIENT)}")
    unknown = raw.keys() - attrs.fields_dict(of).keys()
    if unknown:
        known = ", ".join(attrs.fields_dict(of))
        raise BadMessageError(f"{of.type} has no other fields than {known}")
    try:
        message = msgspec.convert(raw, of)
    except msgspec.ValidationError as error:
        raise BadMessageError(f"{of.type}: {error}") from error
    for field in ("turn", "request"):
        if not 0 < len(getattr(message, field, "-")) <= ID_SIZE:
            raise BadMessageError(f"{of.type}: {field} has 1 to {ID_SIZE} characters")
    return message


# -- what the server says


@attrs.frozen(kw_only=True)
class Ready:
    """The token was right and a session is open."""

    type: ClassVar[str] = "ready"
    session: str
    """The id of the session at the CLI."""
    model: str | None = None
    """The model, if the server was told which."""
    protocol: int = PROTOCOL
    warning: str | None = None
    """Why every prompt will fail, and what to do: nobody is logged in."""


@attrs.frozen(kw_only=True)
class Start:
    """The agent began to work on the prompt."""

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
    """Which message it belongs to: a turn has one for each model call."""
    agent: str | None = None
    separator: str | None = None
    """What separates it from the main agent's text before it: a blank line where another
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
    """Output of a tool that is still running."""

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
    """What was streamed of a message is not what it says."""

    type: ClassVar[str] = "correction"
    turn: str
    message: str
    was: str = attrs.field(repr=False)
    """The end of what was said by that agent, to be taken back."""
    text: str = attrs.field(repr=False)
    """What the message says."""
    agent: str | None = None


@attrs.frozen(kw_only=True)
class Retried:
    """A model call failed and is made again: text that was shown is void."""

    type: ClassVar[str] = "retry"
    turn: str
    kind: str
    dropped: str = attrs.field(repr=False)
    """The end of the main agent's text, to be taken back."""
    status_code: int | None = None
    """The HTTP status of the model's provider, where there was one."""
    message: str | None = None
    """What the provider said."""
    waited: float | None = None
    """Seconds between the failure and the new call."""


@attrs.frozen(kw_only=True)
class Noticed:
    """Something that the CLI wants said."""

    type: ClassVar[str] = "notice"
    turn: str
    kind: str
    text: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Permission:
    """The agent asks whether it may do something: to be answered by `answer`."""

    type: ClassVar[str] = "permission"
    request: str
    turn: str | None = None
    """The turn that is open; `None` for work in the background after it."""
    kind: str
    summary: str = attrs.field(repr=False)
    """The command, the file, the URL or the tool."""
    details: Mapping[str, Any] = attrs.field(repr=False)
    """The request as the CLI has it; its fields differ by kind."""
    call: str = ""
    """The tool call that asks."""
    agent: str | None = None


@attrs.frozen(kw_only=True)
class PermissionClosed:
    """A permission need not be answered any more."""

    type: ClassVar[str] = "permission_closed"
    request: str
    outcome: Literal["allowed", "denied", "timeout", "cancelled"]


@attrs.frozen(kw_only=True)
class UsageSoFar:
    """What the model calls of the turn have used so far."""

    type: ClassVar[str] = "usage"
    turn: str
    usage: Mapping[str, float]


@attrs.frozen(kw_only=True)
class End:
    """A turn is over, and the next one can begin."""

    type: ClassVar[str] = "end"
    turn: str
    reason: str
    """`complete`, `cancelled`, `max_tokens` or `error`."""
    cause: str | None = None
    """Why it was cancelled, as `trio_copilot.CancelCause` has it."""
    usage: Mapping[str, float]
    error: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Why it failed: `kind`, `message`, `status_code`."""


@attrs.frozen(kw_only=True)
class Refusal:
    """A message of the client could not be obeyed; the connection goes on."""

    type: ClassVar[str] = "error"
    code: str
    """`bad_message`, `busy`, `unknown_turn`, `unknown_request` or `no_session`."""
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
    """Return a message as it goes over the wire."""
    fields = attrs.asdict(message, recurse=False)
    said = {name: value for name, value in fields.items() if value is not None}
    wire = {"type": message.type, **said}
    try:
        return msgspec.json.encode(wire).decode()
    except UnicodeEncodeError:  # half a character: only escaped can it be sent
        return json.dumps(wire)
