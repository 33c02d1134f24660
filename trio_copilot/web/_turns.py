"""Turns that anybody may use who knows their ids, with or without listeners.

Strategy: every turn is a task with its own session, in the nursery of `Turns.open`. A
request stops it, and so does a while without listeners: both use one cancel scope, whose
deadline is set when the last listener goes and lifted when one comes. It is kept for a
while after its end, so that a listener that lost the connection gets the rest.

This module does not know HTTP.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import attrs
import trio

from trio_copilot import Client, CopilotError, SessionOptions, TurnEnd

from .._blocks import as_block
from .._scopes import catching, open_block
from ..bridge._conversation import open_conversation
from ..bridge._messages import BeginTurn, Refusal, ServerMessage, StopTurn
from ..bridge._permissions import Permissions
from ..bridge._translate import end_message, failure
from ._limits import TurnLimits
from ._turn_log import TurnLog

logger = logging.getLogger("trio_copilot.web")

ID_BYTES = 16
"""Random bytes in an id: knowing it is enough to listen to the turn and to stop it."""


class TooManyTurnsError(Exception):
    """The limit of running turns is reached."""


@attrs.define(eq=False)
class LoggedTurn:
    """A turn and its log; the `Sink` of its conversation."""

    _limits: TurnLimits
    _permission_timeout: float
    id: str = attrs.field(factory=lambda: secrets.token_urlsafe(ID_BYTES), init=False)
    log: TurnLog = attrs.field(factory=TurnLog, init=False)
    permissions: Permissions = attrs.field(init=False)
    _listeners: int = attrs.field(default=0, init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    """Cancelled when the turn is to be stopped."""

    def __attrs_post_init__(self) -> None:
        self.permissions = Permissions(self, self._permission_timeout)
        self._await_listeners()

    @contextmanager
    def listened(self) -> Generator[None]:
        """Count a listener for as long as the block lasts."""
        self._listeners += 1
        self._scope.deadline = math.inf
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._await_listeners()

    def stop(self) -> None:
        """Stop the turn; its `End` reports that. Does not wait."""
        self._scope.cancel()

    def put(self, message: ServerMessage) -> None:
        """Log a message; stop if the log is too long."""
        self.log.put(message)
        if self.log.size > self._limits.size and not self._scope.cancel_called:
            too_long = "the turn is longer than this server keeps"
            self.log.put(Refusal(code="too_long", message=too_long, turn=self.id))
            self.stop()

    async def room(self) -> None:
        """Return after a checkpoint: `put` limits the size."""
        await trio.lowlevel.checkpoint()

    async def run(self, client: Client, options: SessionOptions, text: str) -> None:
        """Run the turn in a new session; the log has its `End` afterwards.

        `Cancelled`: the turn is stopped.

        Raises:
          Exception: what a handler in the options raised.
        """
        lost: TurnEnd | None = None

        def lose(error: CopilotError) -> None:
            nonlocal lost
            logger.warning("A turn is lost: %s", type(error).__name__)
            # The other lines may be the CLI's stderr, which is not for the listeners.
            lost = failure(str(error).partition("\n")[0], "lost")

        try:
            with catching(CopilotError, lose):
                async with open_conversation(
                    client, options, self, self.permissions
                ) as conversation:
                    conversation.greet()
                    conversation.obey(BeginTurn(turn=self.id, text=text))
                    # Not around the conversation, which still sends an `End` after a stop.
                    with self._scope:
                        await self.log.ended.wait()
                    if not self.log.ended.is_set():
                        conversation.obey(StopTurn(turn=self.id))
                        await self.log.ended.wait()
        finally:
            # Without effect if the log has an `End` already.
            self.put(end_message(lost, self.id, stopped=False))

    def _await_listeners(self) -> None:
        self._scope.deadline = trio.current_time() + self._limits.grace


@attrs.define(eq=False)
class Turns:
    """The turns of one server."""

    _client: Client
    _options: SessionOptions
    limits: TurnLimits
    _permission_timeout: float
    """Seconds until a permission that nobody answers is denied."""
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    """`None` outside of the block of `open`: no turn can begin."""
    # {id: turn}
    _running: dict[str, LoggedTurn] = attrs.field(
        factory=dict[str, LoggedTurn], init=False
    )
    # {id: turn}, the oldest first
    _ended: dict[str, LoggedTurn] = attrs.field(
        factory=dict[str, LoggedTurn], init=False
    )

    @as_block
    async def open(self) -> AsyncGenerator[None, None]:
        """Run turns for the length of the block; when it is left they are stopped.

        Raises:
          Exception: what a handler in the options raised.
        """
        async with open_block() as self._nursery:
            try:
                yield
            finally:
                self._nursery.cancel_scope.cancel()
                # While the turns are being stopped, a request may still try to begin one.
                self._nursery = None

    def begin(self, text: str) -> LoggedTurn:
        """Begin a turn in a new session. Does not wait.

        Raises:
          TooManyTurnsError: the limit is reached, or the server ends.
        """
        if self._nursery is None or len(self._running) >= self.limits.running:
            raise TooManyTurnsError
        turn = LoggedTurn(self.limits, self._permission_timeout)
        self._running[turn.id] = turn
        self._nursery.start_soon(self._keep, turn, text)
        return turn

    def get(self, turn_id: str) -> LoggedTurn | None:
        """Return the turn with this id, if it is kept."""
        return self._running.get(turn_id) or self._ended.get(turn_id)

    async def _keep(self, turn: LoggedTurn, text: str) -> None:
        """Run a turn, and keep it for a while after its end."""
        try:
            await turn.run(self._client, self._options, text)
        finally:
            del self._running[turn.id]
        self._ended[turn.id] = turn
        if len(self._ended) > self.limits.kept:
            del self._ended[next(iter(self._ended))]
        await trio.sleep(self.limits.keep)
        self._ended.pop(turn.id, None)
