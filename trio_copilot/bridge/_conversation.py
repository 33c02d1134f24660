"""One session and its peer: prompts become turns, and what happens in them is told.

Strategy: what the peer says is obeyed at once and without waiting, so that a stop is
heard however slowly the peer reads. A turn runs in a task; a second one relays its
events and waits for room in the outbox, outside of what a stop cancels: what the agent
said before it stopped still arrives. A turn is over when its block has been left: then,
and only then, the peer hears its `end` and may begin another.

This module does not know what carries the messages.
"""

from __future__ import annotations

from contextlib import suppress

import attrs
import trio

from trio_copilot import (
    CopilotError,
    Lagged,
    RpcError,
    Session,
    SessionClosedError,
    Turn,
    TurnEnd,
    TurnEndReason,
    TurnError,
    Usage,
)

from .._json import as_object
from .._scopes import open_block
from ._messages import (
    Answer,
    BadMessageError,
    Hello,
    Prompt,
    Refusal,
    Stop,
    UsageSoFar,
    decode,
)
from ._outbox import Sink
from ._permissions import Permissions
from ._translate import ended, translated, usage_of


@attrs.define(eq=False)
class _OpenTurn:
    id: str
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Cancelled when the peer wants it stopped, even before it has begun."""
    usage: Usage = attrs.field(factory=Usage)


@attrs.define(eq=False)
class Conversation:
    """What one peer does with one session."""

    _session: Session
    _outbox: Sink
    _permissions: Permissions
    _nursery: trio.Nursery
    """For the turn; inside the session's block."""
    _open: _OpenTurn | None = attrs.field(default=None, init=False)

    def hear(self, text: str | bytes) -> None:
        """Obey a message of the peer. Does not wait."""
        try:
            message = decode(text)
        except BadMessageError as error:
            self._refuse("bad_message", str(error))
            return
        match message:
            case Prompt():
                self._begin(message)
            case Stop(turn=turn):
                self._stop(turn)
            case Answer():
                self._answer(message)
            case Hello():
                self._refuse("bad_message", "hello is said once, at the beginning")

    async def follow(self) -> None:
        """Tell what model calls use, until the session is over.

        Raises:
          SessionClosedError: the session was closed, not by us.
          CopilotError: the connection to the CLI was lost; says how.
        """
        async with self._session.subscribe("assistant.usage") as events:
            async for event in events:
                assert not isinstance(event, Lagged)  # this subscription coalesces
                if self._open is not None:
                    data = as_object(event.raw.get("data"))
                    self._count(self._open, self._open.usage.plus(data))
        raise SessionClosedError

    def _refuse(self, code: str, message: str, turn: str | None = None) -> None:
        self._outbox.put(Refusal(code=code, message=message, turn=turn))

    def _begin(self, prompt: Prompt) -> None:
        if self._open is not None:
            self._refuse("busy", "a turn is open: wait for its end", prompt.turn)
            return
        self._open = opened = _OpenTurn(prompt.turn)
        self._permissions.turn = prompt.turn
        self._nursery.start_soon(self._run, opened, prompt.text)

    def _stop(self, turn: str) -> None:
        if self._open is None or self._open.id != turn:
            self._refuse("unknown_turn", "this turn is not open", turn)
            return
        self._open.scope.cancel()

    def _answer(self, answer: Answer) -> None:
        if not self._permissions.answer(answer):
            self._refuse("unknown_request", "this request is not open")

    def _count(self, opened: _OpenTurn, usage: Usage) -> None:
        opened.usage = usage
        self._outbox.put(UsageSoFar(turn=opened.id, usage=usage_of(usage)))

    async def _run(self, opened: _OpenTurn, text: str) -> None:
        turn: Turn | None = None
        refused: TurnEnd | None = None
        try:
            async with open_block() as relays:
                with opened.scope:
                    async with self._session.turn(text) as turn:
                        relays.start_soon(self._relay, turn, opened.id)
                        await turn.wait()
        except RpcError as error:
            refused = _refused(error)
        finally:
            end = turn.end if turn is not None else refused
            stopped = opened.scope.cancel_called
            self._open = self._permissions.turn = None
            self._outbox.put(ended(end, opened.id, stopped=stopped))

    async def _relay(self, turn: Turn, name: str) -> None:
        with suppress(CopilotError):  # the turn's block raises it, too
            async for event in turn:
                message = translated(event, name)
                if message is not None:
                    await self._outbox.room()
                    self._outbox.put(message)


def _refused(error: RpcError) -> TurnEnd:
    """Return the end of a turn whose prompt the CLI did not take."""
    return TurnEnd(
        reason=TurnEndReason.ERROR,
        text="",
        error=TurnError(str(error), kind="refused"),
    )
