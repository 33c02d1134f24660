"""Turns that belong to whoever knows their id, whether or not somebody listens.

Strategy: every turn is a task with a session of its own, in the nursery of `Turns.open`.
It stops when it is told to, or when nobody has listened for a while: both are one cancel
scope, whose deadline is set when the last listener goes and lifted when one comes. After
its end it is remembered for a while, so that who lost the connection hears the rest.

This module does not know HTTP.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import attrs
import trio
from attrs.validators import ge, gt

from trio_copilot import (
    Client,
    CopilotError,
    SessionOptions,
    TurnEnd,
    TurnEndReason,
    TurnError,
)

from .._blocks import as_block
from .._did_you_mean import checks_options
from .._scopes import catching, open_block
from ..bridge._conversation import Conversation
from ..bridge._messages import Ready, Refusal, ServerMessage
from ..bridge._permissions import Permissions
from ..bridge._translate import ended
from ._turn_log import TurnLog

logger = logging.getLogger("trio_copilot.web")

ID_BYTES = 16
"""Random bytes of an id: who knows it can listen to the turn and stop it."""


@checks_options
@attrs.frozen(kw_only=True)
class TurnLimits:
    """Limits of turns that are begun over HTTP; times are in seconds."""

    running: int = attrs.field(default=8, validator=ge(1))
    """Turns at the same time; one more is answered with 503."""
    kept: int = attrs.field(default=16, validator=ge(1))
    """Turns that are remembered after their end, the latest."""
    keep: float = attrs.field(default=300.0, validator=ge(0))
    """How long they are."""
    grace: float = attrs.field(default=10.0, validator=ge(0))
    """Until a turn that nobody listens to is stopped."""
    size: int = attrs.field(default=2**22, validator=ge(1))
    """Characters that are remembered of a turn; it is stopped when there are more."""
    heartbeat: float = attrs.field(default=15.0, validator=gt(0))
    """Between two comments that keep a silent stream from being taken for a dead one."""
    retry: float = attrs.field(default=1.0, validator=ge(0))
    """How long a browser waits before it comes back."""


class TooManyTurnsError(Exception):
    """As many turns run as may."""


@attrs.define(eq=False)
class KeptTurn:
    """A turn, and what was said of it; the `Sink` of its conversation."""

    _limits: TurnLimits
    id: str = attrs.field(factory=lambda: secrets.token_urlsafe(ID_BYTES), init=False)
    log: TurnLog = attrs.field(factory=TurnLog, init=False)
    permissions: Permissions = attrs.field(init=False)
    _listeners: int = attrs.field(default=0, init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    @contextmanager
    def listened(self) -> Generator[None]:
        """Somebody listens as long as the block lasts."""
        self._listeners += 1
        self._scope.deadline = math.inf
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self.await_listeners()

    def await_listeners(self) -> None:
        """Stop it unless somebody listens in time. Does not wait."""
        self._scope.deadline = trio.current_time() + self._limits.grace

    def stop(self) -> None:
        """Stop it; its `End` says so. Does not wait."""
        self._scope.cancel()

    async def is_over(self) -> bool:
        """Wait for its end; false if it is to be stopped before."""
        with self._scope:
            await self.log.ended.wait()
        return self.log.ended.is_set()

    def put(self, message: ServerMessage) -> None:
        """Remember a message; stop if there are too many."""
        self.log.put(message)
        if self.log.size > self._limits.size and not self._scope.cancel_called:
            too_long = "more was said than is remembered of a turn"
            self.log.put(Refusal(code="too_long", message=too_long, turn=self.id))
            self.stop()

    async def room(self) -> None:
        """There always is: the size has a limit."""
        await trio.lowlevel.checkpoint()


@attrs.define(eq=False)
class Turns:
    """The turns of one server."""

    _client: Client
    _options: SessionOptions
    limits: TurnLimits
    _permission_timeout: float
    """Seconds until a permission that nobody answers is denied."""
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    _running: dict[str, KeptTurn] = attrs.field(factory=dict[str, KeptTurn], init=False)
    _ended: dict[str, KeptTurn] = attrs.field(factory=dict[str, KeptTurn], init=False)
    """The oldest first."""

    @as_block
    async def open(self) -> AsyncGenerator[None, None]:
        """Run turns as long as the block lasts; when it is left they are stopped.

        Raises:
          Exception: what a handler in the options raised.
        """
        async with open_block() as self._nursery:
            try:
                yield
            finally:
                self._nursery.cancel_scope.cancel()
                self._nursery = None

    def begin(self, text: str) -> KeptTurn:
        """Begin a turn in a session of its own. Does not wait.

        Raises:
          TooManyTurnsError: as many run as may, or the server ends.
        """
        if self._nursery is None or len(self._running) >= self.limits.running:
            raise TooManyTurnsError
        turn = KeptTurn(self.limits)
        turn.permissions = Permissions(turn, self._permission_timeout)
        turn.await_listeners()
        self._running[turn.id] = turn
        self._nursery.start_soon(self._keep, turn, text)
        return turn

    def get(self, name: str) -> KeptTurn | None:
        """Return the turn with this id, if it is remembered."""
        return self._running.get(name) or self._ended.get(name)

    async def _keep(self, turn: KeptTurn, text: str) -> None:
        try:
            await self._run(turn, text)
        finally:
            del self._running[turn.id]
        self._ended[turn.id] = turn
        if len(self._ended) > self.limits.kept:
            del self._ended[next(iter(self._ended))]
        await trio.sleep(self.limits.keep)
        self._ended.pop(turn.id, None)

    async def _run(self, turn: KeptTurn, text: str) -> None:
        failed: TurnEnd | None = None

        def lose(error: CopilotError) -> None:
            nonlocal failed
            failed = _lost(error)

        try:
            with catching(CopilotError, lose):
                await self._converse(turn, text)
        finally:
            turn.put(ended(failed, turn.id, stopped=False))  # unless it has its end

    async def _converse(self, turn: KeptTurn, text: str) -> None:
        options = self._options
        if options.on_permission_request is None:
            options = attrs.evolve(options, on_permission_request=turn.permissions.ask)
        async with self._client.open_session(options) as session:
            async with open_block() as tasks:
                conversation = Conversation(session, turn, turn.permissions, tasks)
                turn.put(Ready(session=session.id, model=options.model))
                tasks.start_soon(conversation.follow)
                conversation.hear(_message("prompt", turn, text=text))
                if not await turn.is_over():
                    conversation.hear(_message("stop", turn))
                    await turn.log.ended.wait()
                tasks.cancel_scope.cancel()


def _message(name: str, turn: KeptTurn, **fields: str) -> str:
    return json.dumps({"type": name, "turn": turn.id, **fields})


def _lost(error: CopilotError) -> TurnEnd:
    logger.warning("A turn is lost: %s", type(error).__name__)
    said = TurnError(str(error).partition("\n")[0], kind="lost")  # no stderr
    return TurnEnd(reason=TurnEndReason.ERROR, text="", error=said)
