"""One prompt, from `session.send` to `session.idle`; and what leaving it early does.

Strategy: the reader feeds every event of the session to the transcript, whether or not
anybody iterates; what a user should see waits in a lossless buffer. There is one way
out, `_finish`: if the CLI is not done yet it is told to stop and heard out, shielded and
bounded (the *drain*), so that the next line can start another turn and sees nothing of
this one. The block that calls it is in `open_turn`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._errors import CopilotError
from .._json import as_object, as_text
from .._peer import Call
from .._protocol.envelope import SessionEvent
from .._resource_errors import SessionBusyError, SessionClosedError
from .._scopes import impatient
from .._tools.declare import ToolError
from .._tools.run import failed, succeeded, words_of
from .buffer import Buffer, Lagged
from .chunks import TextChunks
from .coalesce import TURN_EVENTS
from .handlers import Handlers
from .transcript import Transcript
from .turn_events import (
    CancelCause,
    TextDelta,
    ToolResult,
    TurnEnd,
    TurnEndReason,
    TurnError,
    TurnEvent,
    Usage,
)

if TYPE_CHECKING:
    from .session import Session

logger = logging.getLogger("trio_copilot.turn")

GRACE = 5.0
"""Seconds that a drain may take before the session counts as broken. The CLI needs 0.04;
a hook that does not answer or an MCP server that is starting can hold an abort up."""

SETTLE = 0.25
"""Seconds to wait for `session.idle` once the main agent is idle after an abort: it
follows within milliseconds, or not at all while background work holds the session."""

BUFFER = 1024
"""Turn events after which consecutive deltas are joined for a reader that is behind."""


@attrs.define(eq=False)
class Turn:
    """One prompt and the work that it causes; made by `Session.turn`.

    Iterating it yields each `TurnEvent`, the `TurnEnd` last. Iterating is optional, and
    one task at a time may do it.
    """

    _session: Session
    cancel_scope: trio.CancelScope
    """Cancelling it, or moving its deadline, ends the turn and its block normally."""
    _prompt: str
    _end: TurnEnd | None = attrs.field(default=None, init=False)
    _transcript: Transcript = attrs.field(init=False)
    _buffer: Buffer[TurnEvent] = attrs.field(init=False)
    _handlers: Handlers = attrs.field(init=False)
    _sending: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _call: Call | None = attrs.field(default=None, init=False)
    _cause: CancelCause | None = attrs.field(default=None, init=False)
    _failure: CopilotError | None = attrs.field(default=None, init=False)
    """What leaving the block raises: the connection was lost, the session closed."""
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    _quiet: trio.Event = attrs.field(factory=trio.Event, init=False)
    """An abort was answered and the main agent is idle, or the turn has ended."""
    _left: trio.Event = attrs.field(factory=trio.Event, init=False)
    _last_event: str = attrs.field(default="", init=False)
    _last_heard: float = attrs.field(factory=trio.current_time, init=False)
    _circumstances: dict[str, Any] | None = attrs.field(default=None, init=False)
    """What was going on when the turn was cancelled, for its `TurnEnd`."""
    _drain_started: float | None = attrs.field(default=None, init=False)
    _abort_call: Call | None = attrs.field(default=None, init=False)
    _abort_answered: bool = attrs.field(default=False, init=False)
    _iterating: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._buffer = Buffer(TURN_EVENTS, BUFFER, None)
        unhandled = self._session._desk.unhandled_tools
        self._transcript = Transcript(
            self._show, unhandled, self._session.is_idle, self._prompt
        )
        self._sending.deadline = self.cancel_scope.deadline

    def __repr__(self) -> str:
        state = repr(self._end) if self._end is not None else "running"
        return f"<Turn {self._transcript.message_id or 'unsent'}: {state}>"

    @property
    def end(self) -> TurnEnd:
        """How it ended: set when the block is left, and once iteration stops.

        Raises:
          RuntimeError: it has not ended; `ended` asks.
        """
        if self._end is None:
            raise RuntimeError(
                "The turn has not ended yet: read turn.end after its block, or await "
                "turn.wait(). turn.ended asks."
            )
        return self._end

    @property
    def ended(self) -> bool:
        """Whether the turn is over, so that `end` says how."""
        return self._end is not None

    @property
    def text(self) -> str:
        """The main agent's messages so far, a blank line between two.

        A message that is over is as the CLI says it as a whole; the last one, until it
        is over, is joined from its deltas, which may come out of order under load. Parts
        that the CLI continued after a token limit are all there; what a retried model
        call had streamed before it failed is not.
        """
        return self._transcript.said.text

    @property
    def usage(self) -> Usage:
        """What the model calls so far used; a call is counted when it is over."""
        return self._transcript.usage

    @property
    def text_deltas(self) -> AsyncIterator[str]:
        """Iterate the main agent's text alone, piece by piece.

        A blank line comes between two messages. When a model call is retried, or a message
        corrected, the pieces before stay as they were, and `text` is right. It takes the
        same events as iterating the turn: use one or the other.
        """
        return _TextDeltas(self)

    def text_chunks(
        self,
        *,
        by: str = "line",
        max_latency: float | None = None,
        on_retry: Callable[[str], object] | None = None,
    ) -> AsyncIterator[str]:
        """Iterate the main agent's text in chunks: what a display can render whole.

        The chunks joined are the text, to the character. Without `max_latency` each is
        one line, paragraph or sentence, however the model has cut it; the last may be
        unfinished. When the turn ends, or the connection is lost, what waited comes
        first. `Cancelled` loses nothing: iterating goes on from there, also behind the
        turn's block. It takes the same events as iterating the turn: use one or the
        other.

        A model call that is retried begins again, and a message may turn out to read
        otherwise than it was streamed (see `Correction`). What still waited of the void
        text is dropped; what had been handed out cannot be taken back, and `on_retry` is
        told. Chunks less what it is told are the text.

        Args:
          by: where a chunk ends: `line` at a line feed; `paragraph` at an empty line,
            and no paragraph is blank; `sentence` at `.`, `!`, `?` or `…` before a blank,
            at their wide forms, or at an empty line. No markup is understood.
          max_latency: seconds that text may wait for the end of its chunk, also while
            nothing comes: then all of it is a chunk, but for a last character that is
            visibly unfinished, such as half a flag. `None` is for ever.
          on_retry: called, before the next chunk, with the end of what was handed out,
            which is void now. Sync or async; it runs in the task that iterates, and an
            exception in it comes out there.

        Raises:
          ValueError: there is no such unit, or the latency is negative.
          SessionBusyError, CliExitedError, ProtocolError: as iterating the turn does.
        """
        return TextChunks(self.__anext__, by, max_latency, on_retry)

    def __aiter__(self) -> Turn:
        return self

    async def __anext__(self) -> TurnEvent:
        """Return the next event; `Cancelled` loses none.

        Raises:
          SessionBusyError: another task iterates this turn.
          CliExitedError, ProtocolError: the connection was lost.
        """
        if self._iterating:
            raise SessionBusyError("Another task is iterating this turn")
        await trio.lowlevel.checkpoint_if_cancelled()
        at_hand = self._buffer.take_nowait()
        if at_hand is not None:
            return at_hand
        self._iterating = True
        try:
            event = await self._buffer.take()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        finally:
            self._iterating = False
        assert not isinstance(event, Lagged)  # this buffer is lossless
        return event

    async def wait(self) -> TurnEnd:
        """Wait until the turn has ended, and return how.

        It takes no events from anybody who iterates. Within the block a turn that is
        cut short by its own deadline or an abort raises the `Cancelled` which the block
        absorbs; `Turn.end` tells afterwards. `Cancelled` leaves the turn running.

        Raises:
          CliExitedError, ProtocolError: the connection was lost.
        """
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure.renewed()
        return self.end

    async def abort(self) -> None:
        """Stop the turn and wait until the CLI has.

        The block of the turn ends normally, with reason `cancelled` and cause `abort`.
        Called inside that block, or by one of the turn's handlers, this raises the
        `Cancelled` which the block absorbs. Does nothing to a turn that is over.
        """
        running = self._end is None
        self._cancel(CancelCause.ABORT)
        await trio.lowlevel.checkpoint()
        if running:
            await self._left.wait()

    async def steer(self, prompt: str) -> str:
        """Send another message into the running turn, and return its id.

        The agent takes it up at its next model call, or after its last one; what it
        answers is part of this turn. `Cancelled` leaves it unknown whether the CLI got
        the message. Protocol: `session.send` with mode `immediate`.

        Raises:
          SessionClosedError: the turn is over.
          RpcError: the CLI refused.
        """
        if self._end is not None:
            raise SessionClosedError("The turn is over: begin another one")
        call = await self._session._submit(
            "session.send",
            {"prompt": prompt, "mode": "immediate"},
            on_result=lambda result: self._transcript.adopt(
                _message_id(result), prompt
            ),
        )
        return _message_id(await call.result())

    async def submit_tool_result(self, call_id: str, result: object) -> None:
        """Answer a call of a tool that was declared without a handler.

        Args:
          call_id: `ToolCall.call_id` of an event whose `handled` is false.
          result: text, `None`, or anything that JSON can express; a `ToolError` tells
            the model that the call failed.

        Raises:
          TypeError: JSON cannot express the result; the call is still open.
          ValueError: no such call is open.
        """
        outcome = (
            failed(words_of(result), result)
            if isinstance(result, ToolError)
            else succeeded(result)
        )
        if not self._handlers.submit(call_id, outcome.wire):
            raise ValueError(
                f"No tool call {call_id!r} waits for a result in this turn"
            )
        await trio.lowlevel.checkpoint()

    # -- called by the reader of the connection: synchronous

    def _receive(self, event: SessionEvent) -> None:
        self._last_event = event.type
        self._last_heard = self._session._desk.peer.last_received
        self._transcript.feed(event)
        self._look()

    def _admitted(self, result: Any) -> None:
        self._transcript.admit(_message_id(result))
        self._look()

    def _aborted(self, result: Any) -> None:
        self._abort_answered = True
        self._look()

    def _look(self) -> None:
        if self._abort_answered and self._transcript.main_idle:
            self._quiet.set()
        if self._transcript.ended:
            self._conclude()

    def _show(self, event: TurnEvent) -> None:
        if isinstance(event, ToolResult):
            error = self._handlers.tool_errors.pop(event.call_id, None)
            if error is not None:
                event = attrs.evolve(event, error=error)
        self._buffer.put(event)

    def _lose(self, error: CopilotError) -> None:
        """The connection is gone, or the CLI has let go of the session."""
        if self._end is None:
            self._failure = self._failure or error
            self._conclude(error)
        self._handlers.close()

    # -- the life of the block

    def _cancel(self, cause: CancelCause) -> None:
        if self._end is None and self._cause is None:
            self._blame(cause)
            self._sending.cancel()
            self.cancel_scope.cancel()

    def _blame(self, cause: CancelCause) -> None:
        self._cause = cause
        self._circumstances = self._look_around()

    def _look_around(self) -> dict[str, Any]:
        at_the_cli = [
            f"tool {name}"
            for name in self._transcript.running_tools.values()
            if name not in self._session._desk.tools
        ]
        return {
            "last_event": self._last_event,
            "silence": trio.current_time() - self._last_heard,
            "pending": (*self._handlers.pending, *at_the_cli),
        }

    def _close(self) -> None:
        """The session's block is being left in another task."""
        if self._end is None and self._cause is None:
            self._failure = SessionClosedError()
            self._cancel(CancelCause.CLOSED)

    async def _send(self, params: dict[str, Any]) -> None:
        with self._sending:
            self._call = await self._session._submit(
                "session.send", params, on_result=self._admitted
            )
            await self._call.result()

    async def _finish(self) -> None:
        try:
            if isinstance(sys.exception(), KeyboardInterrupt):
                await self._stop_or_kill()
                return
            try:
                await self._stop()
            except KeyboardInterrupt:
                # The first: now everything is left, but still in order.
                await self._stop_or_kill()  # noqa: ASYNC120  # shields its steps
                raise
        finally:
            self._conclude()
            self._handlers.close()

    async def _stop_or_kill(self) -> None:
        """Stop, unless it is interrupted again: then nobody wants to wait for a drain."""
        with impatient(self._session._desk.kill_cli):
            await self._stop()

    async def _stop(self) -> None:
        """Drain the turn if it has not ended. Goes on where it was interrupted."""
        if self._end is not None:
            return
        if self._cause is None:
            self._blame(self._deduced_cause())
        farewell = self._session._desk.peer.farewell
        with farewell.last_words(GRACE) as grace:
            await self._drain()
        if grace.cancelled_caught and self._end is None:
            self._session._break(
                "The CLI did not obey an abort in time (the last event was "
                f"{self._last_event or 'none'})"
            )

    def _deduced_cause(self) -> CancelCause:
        if not self.cancel_scope.cancel_called:
            return CancelCause.OUTER
        if self.cancel_scope.deadline <= trio.current_time():
            return CancelCause.DEADLINE
        return CancelCause.ABORT

    async def _drain(self) -> None:
        """Stop the work at the CLI and read up to its end."""
        if self._call is None:
            return  # it was never sent
        if self._drain_started is None:
            self._drain_started = trio.current_time()
        # An abort that overtakes the prompt is lost: wait until it has arrived.
        await self._call.settled()
        if self._call.failed or self._end is not None:
            return
        if self._abort_call is None:
            self._abort_call = await self._session._submit(
                "session.abort", {}, on_result=self._aborted
            )
        # Not before: with its tools answered the agent would ask the model once more.
        self._handlers.refuse()
        await self._abort_call.settled()
        if not self._abort_call.failed:
            await self._quiet.wait()
            with trio.move_on_after(SETTLE):
                await self._ended.wait()

    def _conclude(self, lost: CopilotError | None = None) -> None:
        """Make the `TurnEnd`. Idempotent: the first end is the end."""
        if self._end is not None:
            return
        self._end = end = self._make_end(lost)
        self._session._desk.tally.turn_ended(
            end, drained=self._drain_started is not None
        )
        facts = {"turn_end": end, "session_id": self._session.id}
        logger.debug("Turn ended: %r", end, extra=facts)
        if lost is None:
            self._buffer.put(end)
        self._buffer.close(lost)
        self._ended.set()
        self._quiet.set()

    def _make_end(self, lost: CopilotError | None) -> TurnEnd:
        transcript = self._transcript
        reason, cause, error = transcript.reason, None, transcript.error
        if self._cause is not None:
            reason, cause = TurnEndReason.CANCELLED, self._cause
        elif lost is not None:
            reason, error = TurnEndReason.ERROR, _error_of(lost)
        elif reason is TurnEndReason.CANCELLED:
            cause = CancelCause.REMOTE
        end = TurnEnd(
            reason=reason,
            text=transcript.said.text,
            answer=transcript.said.answer,
            cause=cause,
            error=error if reason is TurnEndReason.ERROR else None,
            usage=transcript.usage,
            message_id=transcript.message_id,
            tool_calls=tuple(transcript.tool_calls),
            finish_reason=transcript.finish_reason,
            truncated_calls=transcript.truncated_calls,
            background_work=transcript.main_idle and not transcript.ended,
            drain_time=(
                trio.current_time() - self._drain_started
                if self._drain_started is not None
                else 0.0
            ),
            **(self._circumstances or self._look_around()),
        )
        if end.error is not None:
            end.error.end = end
        return end


@attrs.define(eq=False)
class _TextDeltas:
    _turn: Turn

    def __aiter__(self) -> _TextDeltas:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await self._turn.__anext__()
            if isinstance(event, TextDelta) and event.agent_id is None:
                return event.separator + event.text


def _message_id(result: Any) -> str:
    return as_text(as_object(result).get("messageId"))


def _error_of(lost: CopilotError) -> TurnError:
    error = TurnError(str(lost), kind="connection")
    error.__cause__ = lost
    return error
