"""One WebSocket that has been let in, and its session.

Strategy: two services live until the last word is sent, trio-websocket's reader and our
writer. Inside them, one task watches for each cause that can end a connection: the peer
leaves, does not read or does not answer pings, the session is lost, the server ends. The
first of them decides how the socket is closed. Before that, the turn is stopped and the
session released.

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
from ._conversation import Conversation, open_conversation
from ._limits import BridgeLimits
from ._messages import Refusal, encode
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
        unread = Close(CloseCode.POLICY, "too many messages were not read")
        self._outbox = Outbox(self._limits.backlog, lambda: self.end(unread))

    def end(self, close: Close) -> None:
        """Stop the turn, release the session and close; the first call decides how.

        Does not wait.
        """
        if self._close is None:
            self._close = close
        self._scope.cancel()

    async def run(self) -> Close:
        """Open a session and talk until either of them ends; return how.

        `Cancelled`: the turn is stopped, the session released, the socket closed with
        1001, each within some seconds.

        Raises:
          Exception: what a handler in the session's options raised.
        """
        # The writer outlives the session: the last messages are about its end.
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
                permissions = Permissions(self._outbox, self._limits.permission_timeout)
                async with open_conversation(
                    self._client, self._options, self._outbox, permissions
                ) as conversation:
                    warning = None
                    if await is_logged_out(conversation.session.call):
                        warning = f"{LOGGED_OUT}. {LOGIN_ADVICE}"
                    conversation.greet(warning=warning)
                    self._conversation = conversation
                    await trio.sleep_forever()

    def _lose(self, error: CopilotError) -> None:
        logger.warning("A session of the bridge is lost: %s", type(error).__name__)
        code = "lost" if self._conversation is not None else "no_session"
        # The other lines may be the CLI's stderr, which is none of the peer's business.
        first_line = str(error).partition("\n")[0]
        self._outbox.put(Refusal(code=code, message=first_line))
        self.end(Close(CloseCode.INTERNAL, "the session is lost"))

    # -- the tasks

    async def _read(self) -> None:
        try:
            while True:
                text = await self._ws.get_message()
                if self._conversation is not None:
                    self._conversation.hear(text)
                else:
                    early = Refusal(code="bad_message", message="wait for ready")
                    self._outbox.put(early)
        except ConnectionClosed as closed:
            self._outbox.drop()
            self.end(close_of(closed))

    async def _write(self) -> None:
        try:
            while True:
                await self._ws.send_message(encode(await self._outbox.take()))
        except trio.EndOfChannel:
            return
        except ConnectionClosed:
            self._outbox.drop()  # `_read` gets the exception, too, and ends the socket

    async def _beat(self) -> None:
        with suppress(ConnectionClosed):  # `_read` gets it, too, and ends the socket
            while True:
                await trio.sleep(self._limits.ping_interval)
                with trio.move_on_after(self._limits.ping_timeout) as patience:
                    await self._ws.ping()
                if patience.cancelled_caught:
                    self._outbox.drop()
                    self.end(Close(CloseCode.POLICY, "a ping was not answered"))
