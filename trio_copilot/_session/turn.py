"""What a user holds of a turn: its events, its text, its end; and the block that owns it.

The block's tasks are the turn's handlers. Cancelling its scope ends the turn, and the
block ends normally; `timeout=` and `idle_timeout=` just cancel that scope. What happens to
the prompt meanwhile is in `turn_state`.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any

import attrs
import trio

from .._blocks import as_block
from .._checks import seconds
from .._json import as_text
from .._resource_errors import SessionBusyError, SessionClosedError
from .._scopes import entering, open_block
from .._tools.declare import ToolError
from .._tools.run import failed, succeeded, words_of
from .buffer import Buffer, Lagged
from .chunks import TextChunks
from .running import RunningRequests
from .state import SessionState, message_id_of
from .turn_events import TextDelta, TurnEnd, TurnEvent, Usage
from .turn_state import TurnState


@attrs.define(eq=False)
class Turn:
    """One prompt and the work that it causes; made by `Session.turn`.

    Iterating it yields each `TurnEvent`, the `TurnEnd` last. Iterating is optional, and
    one task at a time may do it.
    """

    _state: TurnState
    _buffer: Buffer[TurnEvent] = attrs.field(init=False)
    _iterating: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._buffer = self._state.buffer  # saves a lookup for each event

    def __repr__(self) -> str:
        state = repr(self._state.end) if self.ended else "running"
        return f"<Turn {self._state.transcript.message_id or 'unsent'}: {state}>"

    @property
    def cancel_scope(self) -> trio.CancelScope:
        """Cancelling it, or moving its deadline, ends the turn and its block normally."""
        return self._state.scope

    @property
    def end(self) -> TurnEnd:
        """How the turn ended: set when the block is left, and once iteration stops.

        Raises:
          RuntimeError: it has not ended yet; see `ended`.
        """
        if self._state.end is None:
            raise RuntimeError(
                "The turn has not ended yet: read turn.end after its block, or await "
                "turn.wait(). turn.ended shows whether it has."
            )
        return self._state.end

    @property
    def ended(self) -> bool:
        """Whether the turn is over; then `end` says how."""
        return self._state.end is not None

    @property
    def text(self) -> str:
        """The main agent's messages so far, a blank line between two.

        A finished message is the whole that the CLI sends at its end; the current one is
        joined from its deltas, which may come out of order under load. A message that
        the CLI continues after a token limit has all its parts; text that a failed model
        call had streamed before its retry is dropped.
        """
        return self._state.transcript.messages.text

    @property
    def usage(self) -> Usage:
        """What the finished model calls used."""
        return self._state.transcript.usage

    @property
    def text_deltas(self) -> AsyncIterator[str]:
        """Iterate the main agent's text alone, piece by piece.

        A blank line comes between two messages. A retried model call or a corrected
        message does not change the pieces before it; `text` has the right text. This
        takes the same events as iterating the turn: use one or the other.
        """
        return _TextDeltas(self)

    def text_chunks(
        self,
        *,
        by: str = "line",
        max_latency: float | None = None,
        on_retry: Callable[[str], object] | None = None,
    ) -> AsyncIterator[str]:
        """Iterate the main agent's text in chunks that a display can render whole.

        The chunks joined are the text, to the character. Without `max_latency` each is
        one line, paragraph or sentence, however the model has cut it; the last may be
        unfinished. When the turn ends or the connection is lost, the waiting text comes
        first. `Cancelled` loses nothing: iteration continues from there, also after the
        turn's block. This takes the same events as iterating the turn: use one or the
        other.

        A retried model call begins again, and a message may differ from what was
        streamed (see `Correction`). Void text that still waits is dropped; void text
        that was handed out is passed to `on_retry`. All chunks without the text passed
        to `on_retry` are the text.

        Args:
          by: where a chunk ends: `line` at a line feed; `paragraph` at an empty line
            (no paragraph is blank); `sentence` at `.`, `!`, `?` or `…` before a space,
            at their wide forms, or at an empty line. Markup is ignored.
          max_latency: seconds that text may wait for the end of its chunk; then all of
            it becomes a chunk, except a last character that is visibly unfinished, such
            as half a flag. `None` waits for ever.
          on_retry: called before the next chunk with the void end of what was handed
            out. Sync or async; it runs in the task that iterates, which also gets its
            exceptions.

        Raises:
          ValueError: the unit does not exist, or the latency is negative.
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

        This takes no events from a task that iterates. Inside the block, a turn that its
        deadline or an abort cuts short raises `Cancelled`, which the block absorbs; read
        `Turn.end` afterwards. `Cancelled` leaves the turn running.

        Raises:
          CliExitedError, ProtocolError: the connection was lost.
        """
        await self._state.ended.wait()
        if self._state.failure is not None:
            raise self._state.failure.renewed()
        return self.end

    async def abort(self) -> None:
        """Stop the turn, and wait until its block has been left.

        The block ends normally, with reason `cancelled` and cause `abort`. Called inside
        the block, or by one of the turn's handlers, this raises `Cancelled`, which the
        block absorbs. It does nothing to a turn that is over.
        """
        await self._state.abort()

    async def steer(self, prompt: str) -> str:
        """Send another message into the running turn, and return its id.

        The agent reads it before its next model call, or after its last one; the answer
        is part of this turn. `Cancelled` leaves it unknown whether the CLI got the
        message. Protocol: `session.send` with mode `immediate`.

        Raises:
          SessionClosedError: the turn is over.
          RpcError: the CLI refused.
        """
        if self.ended:
            raise SessionClosedError("The turn is over: begin another one")
        adopt = self._state.transcript.adopt
        call = await self._state.session.send(
            {"prompt": prompt, "mode": "immediate"},
            lambda message_id: adopt(message_id, prompt),
        )
        return message_id_of(await call.result())

    async def submit_tool_result(self, call_id: str, result: object) -> None:
        """Answer a call of a tool that was declared without a handler.

        Args:
          call_id: `ToolCall.call_id` of an event whose `handled` is false.
          result: text, `None`, or anything that JSON can express; a `ToolError` reports
            to the model that the call failed.

        Raises:
          TypeError: JSON cannot express the result; the call stays open.
          ValueError: no such call is open.
        """
        outcome = (
            failed(words_of(result), result)
            if isinstance(result, ToolError)
            else succeeded(result)
        )
        if not self._state.running.submit(call_id, outcome.wire):
            raise ValueError(
                f"No tool call {call_id!r} waits for a result in this turn"
            )
        await trio.lowlevel.checkpoint()


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


@as_block
async def open_turn(
    session: SessionState,
    params: dict[str, Any],
    *,
    timeout: float | None,
    idle_timeout: float | None,
) -> AsyncGenerator[Turn, None]:
    """Own one prompt for the length of the block; see `Session.turn`."""
    deadline = trio.current_time() + seconds("timeout", timeout)
    scope = trio.CancelScope(deadline=deadline)
    limit = seconds("idle_timeout", idle_timeout)
    # `end_turn` is called outside the nursery: the next turn may begin only when the last
    # handler of this one has ended.
    with ExitStack() as afterwards:
        async with open_block() as nursery:
            running = RunningRequests(nursery)
            state = TurnState(session, scope, running, as_text(params.get("prompt")))
            session.begin_turn(state)
            afterwards.callback(session.end_turn, state)
            if limit < math.inf:
                nursery.start_soon(state.watch_silence, limit)
            try:
                # Not inside the user's scope: if its deadline passes meanwhile, the body
                # still has to be entered. `send` has a scope with the same deadline.
                await state.send(params)
                with entering(scope):
                    yield Turn(state)
            finally:
                await state.finish()  # noqa: ASYNC102  # shields its steps itself
    # After the nursery: what the body or a handler raised comes first.
    if state.failure is not None:
        raise state.failure.renewed()
