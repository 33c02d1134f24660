"""One WebSocket that has been let in, and its session.

Strategy: two services live until the last word is said, the reader of trio-websocket and
our one writer; inside of them is everything that can end a connection, each in a task:
the peer leaves, does not listen or does not answer pings, the session is lost, the
server ends. The first one to say so decides how the socket is closed; by then the turn
is stopped and the session released.

This module does not know what a session does with the messages: see `_conversation`.
"""

from __future__ import annotations

import logging
from contextlib import suppress

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from trio_copilot import Client, CopilotError, SessionOptions

from .._scopes import catching, open_block, open_service
from .._session.logged_out import LOGGED_OUT, LOGIN_ADVICE, is_logged_out
from ._closing import Close, CloseCode, close_of, say_goodbye
from ._conversation import Conversation
from ._limits import BridgeLimits
from ._messages import Ready, Refusal, encode
from ._outbox import Outbox
from ._permissions import Permissions

logger = logging.getLogger("trio_copilot.bridge")


@attrs.define(eq=False)
class Socket:
    """The WebSocket of one peer."""

    _ws: WebSocketConnection
    _client: Client
    _options: SessionOptions
    _limits: BridgeLimits
    _outbox: Outbox = attrs.field(init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _close: Close | None = attrs.field(default=None, init=False)
    _conversation: Conversation | None = attrs.field(default=None, init=False)
    """`None` until the session is open."""

    def __attrs_post_init__(self) -> None:
        self._outbox = Outbox(self._limits.backlog)

    def end(self, close: Close) -> None:
        """Stop the turn, release the session and close; the first to say so is heard.

        Does not wait.
        """
        if self._close is None:
            self._close = close
        self._scope.cancel()

    async def serve(self) -> Close:
        """Open a session and talk until one of both ends; return how.

        `Cancelled`: the turn is stopped, the session released, the peer told 1001, each
        within some seconds.

        Raises:
          Exception: what a handler of the session's options raised.
        """
        async with open_service(self._write):
            try:
                await self._talk()
            except Exception:
                self.end(Close(CloseCode.INTERNAL, "the server failed"))
                raise
            finally:
                close = self._close or Close(CloseCode.GOING_AWAY, "the server ends")
                self._outbox.close()
                await say_goodbye(  # noqa: ASYNC102  # shields its steps itself
                    self._ws, close, after=self._outbox.written
                )
        return close

    async def _talk(self) -> None:
        with catching(CopilotError, self._lose), self._scope:
            async with open_block() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._beat)
                nursery.start_soon(self._watch_backlog)
                await self._converse()

    async def _converse(self) -> None:
        permissions = Permissions(self._outbox, self._limits.permission_timeout)
        options = self._options
        if options.on_permission_request is None:
            options = attrs.evolve(options, on_permission_request=permissions.ask)
        async with self._client.open_session(options) as session:
            warning = None
            if await is_logged_out(session):
                warning = f"{LOGGED_OUT}. {LOGIN_ADVICE}"
            async with open_block() as turns:
                conversation = Conversation(session, self._outbox, permissions, turns)
                self._conversation = conversation
                self._outbox.put(
                    Ready(session=session.id, model=options.model, warning=warning)
                )
                await conversation.follow()

    def _lose(self, error: CopilotError) -> None:
        logger.warning("A session of the bridge is lost: %s", type(error).__name__)
        code = "lost" if self._conversation is not None else "no_session"
        said = str(error).partition("\n")[0]  # the rest may be the stderr of the CLI
        self._outbox.put(Refusal(code=code, message=said))
        self.end(Close(CloseCode.INTERNAL, "the session is lost"))

    # -- the tasks

    async def _read(self) -> None:
        try:
            while True:
                self._hear(await self._ws.get_message())
        except ConnectionClosed as closed:
            self._outbox.drop()
            self.end(close_of(closed))

    def _hear(self, text: str | bytes) -> None:
        if self._conversation is not None:
            self._conversation.hear(text)
        else:
            self._outbox.put(Refusal(code="bad_message", message="wait for ready"))

    async def _write(self) -> None:
        try:
            while True:
                await self._ws.send_message(encode(await self._outbox.take()))
        except trio.EndOfChannel:
            return
        except ConnectionClosed:
            self._outbox.drop()  # the reader hears of it, too

    async def _beat(self) -> None:
        with suppress(ConnectionClosed):  # the reader hears of it, too
            while True:
                await trio.sleep(self._limits.ping_interval)
                with trio.move_on_after(self._limits.ping_timeout) as patience:
                    await self._ws.ping()
                if patience.cancelled_caught:
                    self._outbox.drop()
                    self.end(Close(CloseCode.POLICY, "a ping was not answered"))

    async def _watch_backlog(self) -> None:
        await self._outbox.overflowed.wait()
        self.end(Close(CloseCode.POLICY, "too much was not read"))
