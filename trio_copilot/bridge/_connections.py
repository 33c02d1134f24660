"""Accepts connections, and owns each of them until it has ended.

Strategy: every connection is a task in the bridge's nursery. Peers on their way in are
counted separately from those that have been let in, so that neither can keep out the other.

This module does not know what goes over a connection.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from trio_copilot import Client, SessionOptions

from .._scopes import last_words
from ._access import Access
from ._closing import Close, CloseCode, linger, say_goodbye
from ._handshake import admit, open_handshake
from ._limits import BridgeLimits
from ._socket import Socket

logger = logging.getLogger("trio_copilot.bridge")

SHUTDOWN = 10.0
"""Seconds for all connections to end: a drain takes at most 5, releasing a session and
closing a socket 2 each."""


@attrs.define(eq=False)
class Connections:
    """The connections of one bridge."""

    _client: Client
    _options: SessionOptions
    _limits: BridgeLimits
    _access: Access
    _accepting: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _arrivals: set[trio.abc.Stream] = attrs.field(
        factory=set[trio.abc.Stream], init=False
    )
    """Streams of peers on their way in."""
    _sockets: set[Socket] = attrs.field(factory=set[Socket], init=False)
    _ends: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    def __len__(self) -> int:
        """Return how many peers have been let in."""
        return len(self._sockets)

    async def wait_for(self, at_most: int) -> None:
        """Wait until no more than `at_most` peers are in. `Cancelled` changes nothing."""
        await trio.lowlevel.checkpoint()
        while len(self._sockets) > at_most:
            await self._ends.park()

    async def accept(
        self, listeners: Sequence[trio.abc.Listener[Any]], nursery: trio.Nursery
    ) -> None:
        """Accept connections, each of which is a task of the nursery, until `end`."""
        with self._accepting:
            await trio.serve_listeners(
                self._receive, list(listeners), handler_nursery=nursery
            )

    async def end(self, close: Close) -> None:
        """Accept no more, and close all sockets side by side. Shielded and bounded."""
        self._accepting.cancel()
        for socket in tuple(self._sockets):
            socket.end(close)
        with last_words(SHUTDOWN):
            await self.wait_for(0)

    async def _receive(self, stream: trio.abc.Stream) -> None:
        """Let a peer in and keep it until its connection ends."""
        if len(self._arrivals) >= self._limits.connections:
            logger.warning("Dropped a connection: too many peers are on their way in")
            return
        self._arrivals.add(stream)
        deadline = trio.current_time() + self._limits.hello_timeout
        size = self._limits.message_size
        try:
            async with open_handshake(
                stream, message_size=size, deadline=deadline
            ) as request:
                if request is not None:
                    ws = await admit(request, self._access, deadline=deadline)
                    # It has been let in and counts as a socket, or it has been refused.
                    self._arrivals.discard(stream)
                    if ws is not None:
                        await self._keep(ws)
        except ConnectionClosed:
            logger.info("A peer left before it was in")
        finally:
            self._arrivals.discard(stream)
        await linger(stream)  # `serve_listeners` closes it when this returns

    async def _keep(self, ws: WebSocketConnection) -> None:
        if len(self._sockets) >= self._limits.connections:
            full = Close(CloseCode.TRY_LATER, "the limit of connections is reached")
            await say_goodbye(ws, full)
            return
        socket = Socket(ws, self._client, self._options, self._limits)
        self._sockets.add(socket)
        logger.info("A connection begins: %d now", len(self._sockets))
        try:
            close = await socket.run()
        finally:
            self._sockets.discard(socket)
            self._ends.unpark_all()
        logger.info("A connection ended: %d %s", close.code, close.reason)
