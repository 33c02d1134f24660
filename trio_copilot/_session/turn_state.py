"""The state of one prompt, from `session.send` to `session.idle` or to the end of a drain.

Strategy: the reader feeds every event of the session to the transcript, whether or not
anybody iterates; the user's events wait in a lossless buffer. The only way out is
`finish`: unless the CLI is done, it gets an abort, and we wait until the work has stopped,
shielded and bounded. So the next line can start another turn and sees no event of this one.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import attrs
import trio

from .._errors import CopilotError
from .._peer import Call
from .._protocol.envelope import SessionEvent
from .._resource_errors import SessionClosedError
from .._scopes import impatient
from .buffer import Buffer
from .coalesce import TURN_EVENTS
from .drain import GRACE, Drain
from .running import RunningRequests
from .state import SessionState
from .transcript import Transcript
from .turn_events import (
    CancelCause,
    ToolResult,
    TurnEnd,
    TurnEndReason,
    TurnError,
    TurnEvent,
)

logger = logging.getLogger("trio_copilot.turn")

BUFFER = 1024
"""When half as many turn events wait for the user, consecutive deltas are joined."""


@attrs.define(eq=False)
class TurnState:
    """One prompt and the work that it causes."""

    session: SessionState
    scope: trio.CancelScope
    """What the user may cancel, around the body of the turn's block."""
    running: RunningRequests
    _prompt: str
    end: TurnEnd | None = attrs.field(default=None, init=False)
    failure: CopilotError | None = attrs.field(default=None, init=False)
    """What leaving the block raises: the connection was lost, the session closed."""
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set with `end`."""
    left: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the block has been left."""
    transcript: Transcript = attrs.field(init=False)
    buffer: Buffer[TurnEvent] = attrs.field(init=False)
    _drain: Drain = attrs.field(init=False)
    _sending: trio.CancelScope = attrs.field(init=False)
    _call: Call | None = attrs.field(default=None, init=False)
    _cause: CancelCause | None = attrs.field(default=None, init=False)
    _snapshot: dict[str, Any] | None = attrs.field(default=None, init=False)
    """What was going on when the turn was cancelled, for its `TurnEnd`."""
    _last_event: str = attrs.field(default="", init=False)
    _last_heard: float = attrs.field(factory=trio.current_time, init=False)

    def __attrs_post_init__(self) -> None:
        session = self.session
        unhandled = session.router.unhandled_tools
        self.transcript = Transcript(self._show, unhandled, session.idle, self._prompt)
        self.buffer = Buffer(TURN_EVENTS, BUFFER, None)
        self._drain = Drain(session.submit, self.running, self.transcript, self.ended)
        # Until the prompt has been sent, `scope` is not entered: see `open_turn`.
        self._sending = trio.CancelScope(deadline=self.scope.deadline)

    # -- called by the reader of the connection: synchronous

    def receive(self, event: SessionEvent) -> None:
        """Take an event of the session."""
        self._last_event = event.type
        # The reader looks at the clock once for all events of a chunk.
        self._last_heard = self.session.peer.last_received
        self.transcript.feed(event)
        self._check_end()

    def lose(self, error: CopilotError) -> None:
        """End: the connection is gone, or the CLI has let go of the session."""
        if self.end is None:
            self.failure = self.failure or error
            self._conclude(error)
        self.running.close()

    def _admitted(self, message_id: str) -> None:
        self.transcript.admit(message_id)
        self._check_end()

    def _check_end(self) -> None:
        self._drain.check()
        if self.transcript.ended:
            self._conclude()

    def _show(self, event: TurnEvent) -> None:
        if isinstance(event, ToolResult):
            # The CLI reports a failure in words; the exception stayed here.
            error = self.running.tool_errors.pop(event.call_id, None)
            if error is not None:
                event = attrs.evolve(event, error=error)
        self.buffer.put(event)

    # -- cancelling it

    def cancel(self, cause: CancelCause) -> None:
        """Cancel the block of the turn, unless it is over or being cancelled."""
        if self.end is None and self._cause is None:
            self._set_cause(cause)
            self._sending.cancel()
            self.scope.cancel()

    async def abort(self) -> None:
        """Cancel the turn, and wait until its block has been left."""
        running = self.end is None
        self.cancel(CancelCause.ABORT)
        await trio.lowlevel.checkpoint()
        if running:
            await self.left.wait()

    def close(self) -> None:
        """Cancel the turn: another task leaves the session's block."""
        if self.end is None and self._cause is None:
            self.failure = SessionClosedError()
            self.cancel(CancelCause.CLOSED)

    async def watch_silence(self, limit: float) -> None:
        """Cancel the turn when no event has come for `limit` seconds.

        The clock stands still while the CLI waits for an answer from us.
        """
        while not self.ended.is_set():
            if self.running.pending:
                await self.running.wait_quiet()
                self._last_heard = trio.current_time()
            deadline = self._last_heard + limit
            if trio.current_time() >= deadline:
                self.cancel(CancelCause.IDLE_TIMEOUT)
                return
            with trio.move_on_at(deadline):
                await self.ended.wait()

    def _set_cause(self, cause: CancelCause) -> None:
        self._cause = cause
        self._snapshot = self._take_snapshot()

    def _take_snapshot(self) -> dict[str, Any]:
        # Our tools are among the running requests already.
        at_the_cli = [
            f"tool {name}"
            for name in self.transcript.running_tools.values()
            if name not in self.session.router.tools
        ]
        return {
            "last_event": self._last_event,
            "silence": trio.current_time() - self._last_heard,
            "pending": (*self.running.pending, *at_the_cli),
        }

    # -- the life of the block

    async def send(self, params: dict[str, Any]) -> None:
        """Send the prompt, and wait until the CLI has taken it."""
        with self._sending:
            self._call = await self.session.send(params, self._admitted)
            await self._call.result()

    async def finish(self) -> None:
        """Leave nothing of the turn behind, neither at the CLI nor here."""
        try:
            if isinstance(sys.exception(), KeyboardInterrupt):
                await self._stop_or_kill()
                return
            try:
                await self._stop()
            except KeyboardInterrupt:
                # The first Ctrl-C leaves everything, but still in order.
                await self._stop_or_kill()  # noqa: ASYNC120  # shields its steps
                raise
        finally:
            self._conclude()
            self.running.close()

    async def _stop_or_kill(self) -> None:
        """Stop, unless another Ctrl-C comes: then do not wait for a drain."""
        with impatient(self.session.kill_cli):
            await self._stop()

    async def _stop(self) -> None:
        """Drain the turn if it has not ended. Continues where it was interrupted."""
        if self.end is not None:
            return
        if self._cause is None:
            self._set_cause(self._deduced_cause())
        if self._call is None:
            return  # the prompt was never sent
        with self.session.peer.farewell.last_words(GRACE) as grace:
            await self._drain.run(self._call)
        if grace.cancelled_caught and self.end is None:
            # Events of this prompt may still come, and would look like the next one's.
            self.session.mark_broken(
                "The CLI did not obey an abort in time (the last event was "
                f"{self._last_event or 'none'})"
            )

    def _deduced_cause(self) -> CancelCause:
        # The user may cancel the scope or move its deadline, and we are not called.
        if not self.scope.cancel_called:
            return CancelCause.OUTER
        if self.scope.deadline <= trio.current_time():
            return CancelCause.DEADLINE
        return CancelCause.ABORT

    def _conclude(self, lost: CopilotError | None = None) -> None:
        """Make the `TurnEnd`. Idempotent: the first end is the end."""
        if self.end is not None:
            return
        self.end = end = self._make_end(lost)
        self.session.tally.turn_ended(end, drained=self._drain.started)
        facts = {"turn_end": end, "session_id": self.session.id}
        logger.debug("Turn ended: %r", end, extra=facts)
        # Iterating ends with the `TurnEnd`, or with the error if the connection is lost.
        if lost is None:
            self.buffer.put(end)
        self.buffer.close(lost)
        self.ended.set()
        self._drain.check()  # it may be waiting for that

    def _make_end(self, lost: CopilotError | None) -> TurnEnd:
        transcript = self.transcript
        reason, cause, error = transcript.reason, None, transcript.error
        if self._cause is not None:
            reason, cause = TurnEndReason.CANCELLED, self._cause
        elif lost is not None:
            reason, error = TurnEndReason.ERROR, _error_of(lost)
        elif reason is TurnEndReason.CANCELLED:
            cause = CancelCause.REMOTE
        end = TurnEnd(
            reason=reason,
            text=transcript.messages.text,
            answer=transcript.messages.answer,
            cause=cause,
            error=error if reason is TurnEndReason.ERROR else None,
            usage=transcript.usage,
            message_id=transcript.message_id,
            tool_calls=tuple(transcript.tool_calls),
            finish_reason=transcript.finish_reason,
            truncated_calls=transcript.truncated_calls,
            background_work=transcript.main_idle and not transcript.ended,
            drain_time=self._drain.time,
            **(self._snapshot or self._take_snapshot()),
        )
        if end.error is not None:
            end.error.end = end
        return end


def _error_of(lost: CopilotError) -> TurnError:
    error = TurnError(str(lost), kind="connection")
    error.__cause__ = lost
    return error
