"""Accepts connections for the length of a block, and owns each of them.

Strategy: every connection is a task in the block's nursery. When the block is left no
more are accepted and all sockets are told so, side by side, while their turns are stopped
and their sessions released; a bounded wait for that is all that leaving does.

This module does not know what a connection says.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from trio_copilot import Client, CopilotError, SessionOptions

from .._blocks import as_block
from .._checks import check_type
from .._scopes import impatient, last_words, open_block
from ._access import Access, make_token
from ._closing import Close, CloseCode, linger, say_goodbye
from ._handshake import admit, open_handshake
from ._limits import BridgeLimits
from ._socket import Socket

if TYPE_CHECKING:
    from trio_copilot import SessionKeywords

logger = logging.getLogger("trio_copilot.bridge")

SHUTDOWN = 10.0
"""Seconds that all connections may take to end: a drain takes 5 at the most, to release
a session and to close a socket 2 each."""


@attrs.define(eq=False)
class Bridge:
    """A server that browsers and programs talk to; made by `open_bridge`."""

    _client: Client
    _options: SessionOptions
    _limits: BridgeLimits
    _access: Access
    token: str = attrs.field(repr=False)
    """What a peer says in its first message."""
    port: int | None
    """The TCP port; `None` with listeners of your own that have none."""
    _accepting: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _knocking: set[trio.abc.Stream] = attrs.field(
        factory=set[trio.abc.Stream], init=False
    )
    """Connections that are not in yet."""
    _sockets: set[Socket] = attrs.field(factory=set[Socket], init=False)
    _changes: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    def __repr__(self) -> str:
        return (
            f"<Bridge at {self.url or 'listeners'}: {self.connections} connection(s)>"
        )

    @property
    def url(self) -> str | None:
        """Where the WebSocket is; `None` with listeners that have no TCP port."""
        if self.port is None:
            return None
        host = self._access.host
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def connections(self) -> int:
        """How many peers are in."""
        return len(self._sockets)

    def allow_origins(self, *origins: str) -> None:
        """Let pages of these origins in from now on, such as `http://127.0.0.1:8400`.

        Raises:
          ValueError: one is no origin.
        """
        self._access.allow(origins)

    async def _accept(
        self, listeners: Sequence[trio.abc.Listener[Any]], nursery: trio.Nursery
    ) -> None:
        with self._accepting:
            await trio.serve_listeners(
                self._serve, list(listeners), handler_nursery=nursery
            )

    async def _serve(self, stream: trio.abc.Stream) -> None:
        if len(self._knocking) >= self._limits.connections:
            logger.warning("A connection is dropped: too many are not in yet")
            return
        self._knocking.add(stream)
        try:
            await self._receive(stream)
        except ConnectionClosed:
            logger.info("A peer has left before it was in")
        finally:
            self._knocking.discard(stream)
        await linger(stream)

    async def _receive(self, stream: trio.abc.Stream) -> None:
        size = self._limits.message_size
        deadline = trio.current_time() + self._limits.hello_timeout
        async with open_handshake(
            stream, message_size=size, deadline=deadline
        ) as request:
            if request is None:
                return
            ws = await admit(request, self._access, deadline=deadline)
            self._knocking.discard(stream)
            if ws is not None:
                await self._host(ws)

    async def _host(self, ws: WebSocketConnection) -> None:
        if len(self._sockets) >= self._limits.connections:
            full = Close(CloseCode.TRY_LATER, "there are enough connections")
            await say_goodbye(ws, full)
            return
        socket = Socket(ws, self._client, self._options, self._limits)
        self._sockets.add(socket)
        logger.info("A connection begins: %d now", len(self._sockets))
        try:
            close = await socket.serve()
        finally:
            self._sockets.discard(socket)
            self._changes.unpark_all()
        logger.info("A connection has ended: %d %s", close.code, close.reason)

    async def _watch_client(self) -> None:
        """Wait until the client is lost, and let that end the bridge.

        Raises:
          CopilotError: says how.
        """
        try:
            await self._client.wait_closed()
        except CopilotError:
            lost = Close(CloseCode.INTERNAL, "the CLI is lost")
            await self._end_all(lost)  # noqa: ASYNC120  # shields its steps itself
            raise

    async def _end_all(self, close: Close) -> None:
        self._accepting.cancel()
        for socket in tuple(self._sockets):
            socket.end(close)
        with last_words(SHUTDOWN):
            while self._sockets:
                await self._changes.park()


@as_block
async def open_bridge(
    client: Client,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    listeners: Sequence[trio.abc.Listener[Any]] | None = None,
    token: str | None = None,
    origins: Iterable[str] = (),
    limits: BridgeLimits | None = None,
    options: SessionOptions | None = None,
    **keywords: Unpack[SessionKeywords],
) -> AsyncGenerator[Bridge, None]:
    """Serve WebSockets for the length of the block: one session for each.

    A peer that is gone, however it went, takes its session with it, and the turn that
    it was in is stopped. When the block is left, however it is left, all turns have been
    stopped, the sessions released and the sockets closed with 1001: this takes some tens
    of milliseconds, and 10 seconds at the most. A second Ctrl-C kills the CLI at once.

    Args:
      client: whose CLI the sessions are of; opened around this block.
      host: the address or name to listen at. Whoever can reach it and knows the token
        can do with your CLI what the sessions may: other than loopback, put TLS in
        front.
      port: 0 is any that is free; see `Bridge.port`.
      listeners: listen at these, which may be TLS or a Unix socket, instead of opening
        some; they are closed with the block. `host` is what they are reached by.
      token: what lets a peer in. `None` makes one: `Bridge.token`.
      origins: of the pages that may connect, such as `http://127.0.0.1:8400`; see
        `Bridge.allow_origins`. Programs, which send no `Origin`, need none.
      limits: sizes, numbers and times.
      options: of every session. Without `on_permission_request` the peer is asked.
      keywords: the fields of `SessionOptions`, by name; they win over `options`.

    Raises:
      OSError: nobody can listen there.
      ValueError: the token is empty, an origin is none, the options name a session, or
        a provider without a model.
      CliExitedError, ProtocolError: the connection to the CLI was lost; all sockets have
        been closed with 1011.
      Exception: what a handler in the options raised; its socket was closed with 1011.
    """
    options = client.resolve_options(options, **keywords)
    if options.session_id is not None:
        raise ValueError("Every connection has a session of its own: no session_id")
    token = make_token() if token is None else token
    check_type("token", token, str)
    if not token:
        raise ValueError(
            "An empty token would let anybody in: pass None to have one made"
        )
    access = Access(token, host)
    access.allow(origins)
    if listeners is None:
        listeners = await trio.open_tcp_listeners(port, host=host)
    bridge = Bridge(
        client,
        options,
        limits or BridgeLimits(),
        access,
        token,
        _port_of(listeners[0]),
    )
    async with open_block() as nursery:
        nursery.start_soon(bridge._accept, listeners, nursery)
        nursery.start_soon(bridge._watch_client)
        try:
            yield bridge
        finally:
            with impatient(client.kill):
                close = Close(CloseCode.GOING_AWAY, "the server ends")
                await bridge._end_all(close)  # noqa: ASYNC102  # shields its steps itself
        nursery.cancel_scope.cancel()


def _port_of(listener: trio.abc.Listener[Any]) -> int | None:
    if not isinstance(listener, trio.SocketListener):
        return None
    if listener.socket.family not in (trio.socket.AF_INET, trio.socket.AF_INET6):
        return None
    port: int = listener.socket.getsockname()[1]
    return port
