"""What iterating a turn yields: small, frozen, and stable across CLI versions.

Each event has `source`, the wire event it was made from, for whatever it leaves out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import attrs

from .._errors import CopilotError
from .._protocol.envelope import SessionEvent
from .usage import Usage as Usage


class TurnEndReason(StrEnum):
    """How a turn ended: one of these four."""

    COMPLETE = "complete"
    """The agent finished."""
    CANCELLED = "cancelled"
    """The turn was stopped before that; see `TurnEnd.cause`."""
    MAX_TOKENS = "max_tokens"
    """The model's last answer was cut at its token limit."""
    ERROR = "error"
    """The turn failed; see `TurnEnd.error`."""


class CancelCause(StrEnum):
    """Why a turn was cancelled."""

    ABORT = "abort"
    """`Turn.abort()`, `Session.abort()`, or `Turn.cancel_scope.cancel()`."""
    DEADLINE = "deadline"
    """`timeout=` passed, or another deadline of `Turn.cancel_scope`."""
    IDLE_TIMEOUT = "idle_timeout"
    """`idle_timeout=` passed without an event of the turn."""
    OUTER = "outer"
    """An enclosing cancel scope, an exception, or an early exit from the block."""
    REMOTE = "remote"
    """The CLI or another client of the session aborted."""
    CLOSED = "closed"
    """Another task left the session's block."""


@attrs.frozen(kw_only=True)
class TurnStart:
    """The agent has begun to work on the prompt."""

    message_id: str
    """The id that the CLI gave to the prompt."""
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True, weakref_slot=False)  # made by the thousand: see `_drafts`
class TextDelta:
    """A piece of a message as it arrives: a preview of the `Message`.

    Under load the CLI sends some pieces out of order, and some twice; then a `Correction`
    follows.
    """

    text: str
    message_id: str = ""
    agent_id: str | None = None
    """The sub-agent that speaks; `None` is the main agent, whose text is the turn's."""
    separator: str = ""
    """What separates this piece from the main agent's text before it: a blank line where
    another message begins, otherwise nothing. `Turn.text` contains it."""
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class ReasoningDelta:
    """A piece of the model's visible reasoning."""

    text: str
    reasoning_id: str = ""
    agent_id: str | None = None
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Correction:
    """The streamed pieces of a message differ from the message.

    It comes before the `Message`. `Turn.text` has the right text already; a display
    should replace what it shows of this message.
    """

    message_id: str
    was: str
    """The text of its `TextDelta` events."""
    text: str
    """The right text."""
    agent_id: str | None = None
    """The sub-agent that speaks; `None` is the main agent."""
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Message:
    """The whole answer of one model call; a turn has one or several."""

    text: str
    message_id: str = ""
    agent_id: str | None = None
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class ToolCall:
    """The model called a tool, yours or one built into the CLI."""

    call_id: str
    name: str
    arguments: Any
    handled: bool = True
    """False for a tool that was declared without a handler: answer the call with
    `Turn.submit_tool_result`."""
    agent_id: str | None = None
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class ToolProgress:
    """Output of a tool that is still running."""

    call_id: str
    text: str
    agent_id: str | None = None
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class ToolResult:
    """A tool call is over."""

    call_id: str
    success: bool
    text: str
    """What the model gets, result or failure."""
    error: BaseException | None = None
    """The exception that your tool raised, if that is why the call failed."""
    agent_id: str | None = None
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Retry:
    """A model call failed, and the CLI retries it.

    The text that had arrived of that call is void: `Turn.text` has dropped it.
    """

    kind: str
    """The CLI's word for the reason, such as `rate_limit` or `streaming_error`."""
    dropped_text: str = ""
    """The void text, which a display should take back."""
    status_code: int | None = None
    """The HTTP status from the model's provider, if there was one."""
    message: str = ""
    """The words of the provider or the transport; empty if the CLI does not pass them on."""
    waited: float | None = None
    """Seconds that the CLI waited after the failure. It sends the event after the wait."""
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Notice:
    """Information or a warning from the CLI."""

    kind: str
    text: str
    source: SessionEvent = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class TurnEnd:
    """How a turn ended: always its last event, exactly once."""

    reason: TurnEndReason
    text: str
    """All messages of the main agent, a blank line between two; see `Turn.text`."""
    answer: str = ""
    """The last of these messages: the answer, without what the agent said on its way
    there. It has all parts, if the CLI continued after a token limit."""
    cause: CancelCause | None = None
    """Why it was cancelled; `None` unless `reason` is `cancelled`."""
    error: TurnError | None = attrs.field(default=None, eq=False)
    """Why it failed; `None` unless `reason` is `error`."""
    usage: Usage = attrs.field(factory=Usage)
    message_id: str = ""
    """The id that the CLI gave to the prompt; empty if the CLI never took it."""
    tool_calls: tuple[ToolCall, ...] = attrs.field(default=(), repr=False)
    """The calls of the main agent, in order."""
    finish_reason: str = ""
    """Why the last model call ended, in its provider's word: `stop`, `length`,
    `content_filter`, ..."""
    truncated_calls: int = 0
    """Model calls that were cut at their token limit. The CLI continues after the first
    ones by itself, and `text` has all parts."""
    background_work: bool = False
    """Whether background shells or agents of the session still run."""
    last_event: str = ""
    """Wire type of the turn's last event."""
    silence: float = 0.0
    """Seconds between the last event and the end: what an idle timeout waited for."""
    pending: tuple[str, ...] = ()
    """Requests that waited for an answer at the end, such as `tool get_weather`."""
    drain_time: float = 0.0
    """Seconds that stopping the work at the CLI took; 0 if it ended by itself."""

    def __repr__(self) -> str:
        parts = [self.reason.value]
        if self.cause is not None:
            parts.append(f"cause={self.cause.value}")
        if self.error is not None:
            parts.append(f"error={self.error}")
        parts.append(f"{len(self.text)} characters")
        if self.last_event:
            parts.append(f"last event {self.last_event} {self.silence:.1f} s before")
        if self.pending:
            parts.append(f"pending: {', '.join(self.pending)}")
        if self.drain_time:
            parts.append(f"stopped in {self.drain_time:.3f} s")
        return f"<TurnEnd {'; '.join(parts)}>"

    def raise_for_error(self) -> None:
        """Raise `TurnError` if the turn ended with reason `error`."""
        if self.error is not None:
            raise self.error


class TurnError(CopilotError):
    """A turn ended with reason `error`.

    Attributes:
      end: the `TurnEnd` of that turn, with the text that had arrived; its `error` is
          this exception.
      kind: the CLI's word for the kind of failure, such as `query` or `rate_limit`.
      status_code: the HTTP status of the model's provider, where there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "unknown",
        status_code: int | None = None,
        end: TurnEnd | None = None,
    ) -> None:
        self.kind = kind
        self.status_code = status_code
        self.end = end
        super().__init__(message)


TurnEvent: TypeAlias = (
    TurnStart
    | TextDelta
    | ReasoningDelta
    | Correction
    | Message
    | ToolCall
    | ToolProgress
    | ToolResult
    | Retry
    | Notice
    | TurnEnd
)
"""Everything that iterating a turn can yield."""
