"""One session and its peer: prompts become turns, and their events become messages.

Strategy: a message of the peer is obeyed at once and without waiting, so that a stop takes
effect however slowly the peer reads. A turn runs in one task. Another task relays its
events and waits for room in the sink; a stop does not cancel that task, so the peer still
gets what the agent said before. A turn is over when its block has been left: then, and only
then, the peer gets its `end` and may begin another.

This module does not know what carries the messages.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress

import attrs
import trio

from trio_copilot import (
    Client,
    CopilotError,
    Lagged,
    RpcError,
    Session,
    SessionClosedError,
    SessionOptions,
    Turn,
    TurnEnd,
    Usage,
)

from .._blocks import as_block
from .._json import as_object
from .._scopes import open_block
from ._messages import (
    BadMessageError,
    BeginTurn,
    ClientMessage,
    DecidePermission,
    Hello,
    Ready,
    Refusal,
    StopTurn,
    UsageSoFar,
    decode,
)
from ._outbox import Sink
from ._permissions import Permissions
from ._translate import end_message, failure, translated, usage_of


@as_block
async def open_conversation(
    client: Client, options: SessionOptions, sink: Sink, permissions: Permissions
) -> AsyncGenerator[Conversation, None]:
    """Open a session and converse until the block is left, or the session is over.

    Args:
      client: the client that opens the session.
      options: those of the session. Without `on_permission_request` the peer decides.
      sink: takes the messages.
      permissions: asks the peer.

    Raises:
      SessionClosedError: the CLI closed the session.
      CopilotError: the session cannot be opened, or is lost; says why.
      Exception: what a handler in the options raised.
    """
    if options.on_permission_request is None:
        options = attrs.evolve(options, on_permission_request=permissions.ask)
    async with client.open_session(options) as session:
        async with open_block() as nursery:
            conversation = Conversation(
                session, options.model, sink, permissions, nursery
            )
            nursery.start_soon(conversation.watch_session)
            yield conversation
            nursery.cancel_scope.cancel()  # `watch_session` does not end by itself


@attrs.define(eq=False)
class _OpenTurn:
    id: str
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Cancelled when the peer stops it, perhaps before it has begun."""
    usage: Usage = attrs.field(factory=Usage)


@attrs.define(eq=False)
class Conversation:
    """What one peer does with one session; made by `open_conversation`."""

    session: Session
    _model: str | None
    _sink: Sink
    _permissions: Permissions
    _nursery: trio.Nursery
    """For turns; inside the session's block."""
    _open: _OpenTurn | None = attrs.field(default=None, init=False)

    def greet(self, *, warning: str | None = None) -> None:
        """Send `ready`: the peer may speak. Does not wait."""
        self._sink.put(
            Ready(session=self.session.id, model=self._model, warning=warning)
        )

    def hear(self, text: str | bytes) -> None:
        """Obey a message of the peer as it is on the wire. Does not wait."""
        try:
            message = decode(text)
        except BadMessageError as error:
            self._refuse("bad_message", str(error))
        else:
            self.obey(message)

    def obey(self, message: ClientMessage) -> None:
        """Obey a message of the peer. Does not wait."""
        match message:
            case BeginTurn(turn=turn, text=text):
                if self._open is not None:
                    self._refuse("busy", "a turn is open: wait for its end", turn)
                    return
                self._open = opened = _OpenTurn(turn)
                self._permissions.turn = turn
                self._nursery.start_soon(self._run, opened, text)
            case StopTurn(turn=turn):
                if self._open is None or self._open.id != turn:
                    self._refuse("unknown_turn", "this turn is not open", turn)
                    return
                self._open.scope.cancel()
            case DecidePermission():
                if not self._permissions.decide(message):
                    self._refuse("unknown_request", "this request is not open")
            case Hello():
                self._refuse("bad_message", "hello is for the first message only")

    async def watch_session(self) -> None:
        """Report what model calls use, until the session is over.

        Raises:
          SessionClosedError: the CLI closed the session.
          CopilotError: the connection to the CLI was lost; says how.
        """
        async with self.session.subscribe("assistant.usage") as events:
            async for event in events:
                assert not isinstance(event, Lagged)  # this subscription coalesces
                if (opened := self._open) is not None:
                    data = as_object(event.raw.get("data"))
                    opened.usage = opened.usage.plus(data)
                    usage = usage_of(opened.usage)
                    self._sink.put(UsageSoFar(turn=opened.id, usage=usage))
        raise SessionClosedError

    def _refuse(self, code: str, message: str, turn: str | None = None) -> None:
        self._sink.put(Refusal(code=code, message=message, turn=turn))

    async def _run(self, opened: _OpenTurn, text: str) -> None:
        turn: Turn | None = None
        refused: TurnEnd | None = None
        try:
            async with open_block() as relays:
                with opened.scope:
                    async with self.session.turn(text) as turn:
                        # In a nursery outside the scope, so that it outlives a stop.
                        relays.start_soon(self._relay, turn, opened.id)
                        await turn.wait()
        except RpcError as error:
            refused = failure(str(error), "refused")
        finally:
            # Also when cancelled from outside: every turn has an end for the peer.
            end = turn.end if turn is not None else refused
            stopped = opened.scope.cancel_called
            self._open = self._permissions.turn = None
            self._sink.put(end_message(end, opened.id, stopped=stopped))

    async def _relay(self, turn: Turn, turn_id: str) -> None:
        with suppress(CopilotError):  # the turn's block raises it, too
            async for event in turn:
                message = translated(event, turn_id)
                if message is not None:
                    await self._sink.room()
                    self._sink.put(message)
