"""The HTTP server beside a bridge: Hypercorn on sockets that are bound here.

Strategy: Hypercorn outlives the turns (`open_service`). When the server is cancelled, the
turns are stopped first, their listeners get the end, and then Hypercorn shuts down. Each
step has a bound.

This module does not know what a request does.
"""

from __future__ import annotations

import logging
from typing import cast

import attrs
import trio
from hypercorn.config import Config
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]  # WSGI
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp, Receive, Scope, Send

from .._scopes import last_words, open_service
from ..bridge import Bridge
from ._application import application
from ._limits import TurnLimits
from ._turns import Turns

logger = logging.getLogger("trio_copilot.web")

GRACEFUL = 2.0
"""Seconds that open responses get to end when the server does. Peers that read need some
milliseconds."""

UNREAD = 10.0
"""Seconds until the kernel gives up a connection whose peer does not read, where it can do
that. Hypercorn would wait for such a peer for ever, shielded."""


async def serve_http(
    bridge: Bridge,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    websocket: str | None = None,
    limits: TurnLimits | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the page and `POST /turns` beside a bridge, until cancelled.

    `port = await nursery.start(partial(serve_http, bridge))`, inside the bridge's block.
    Pages of the bridge's origins may come in. The page's own origin must be one of them:
    `bridge.allow_origins(f"http://127.0.0.1:{port}")`.

    `Cancelled`: the turns are stopped, their listeners get the end, the sockets are
    closed. This takes as long as the slowest turn takes to stop, 5 seconds at most. A peer
    that does not read delays it: by some 10 seconds on Linux, where the kernel then gives
    such a peer up, and elsewhere until the peer leaves.

    Args:
      bridge: its client, session options, token and origins are used here, too.
      host: the address or name to listen at, the same as the bridge's.
      port: 0 picks a free one.
      websocket: the URL of the WebSocket as browsers see it, such as
        `wss://example.org/socket` behind a proxy. By default it is the bridge's port at
        the name that the page was requested from.
      limits: those of turns that are begun over HTTP.
      task_status: reports the port.

    Raises:
      OSError: the address is taken, or does not belong to this machine.
      Exception: what a handler in the session options raised.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    if not port:
        # A name may have several addresses, and each has got a different port: keep one.
        for each in listeners[1:]:
            await each.aclose()
        del listeners[1:]
    bound: int = listeners[0].socket.getsockname()[1]
    turns = Turns(
        bridge.client,
        bridge.options,
        limits or TurnLimits(),
        bridge.limits.permission_timeout,
    )
    server = _Hypercorn(application(bridge, turns, websocket), listeners)
    async with open_service(server.run):
        try:
            async with turns.open():
                task_status.started(bound)
                await trio.sleep_forever()
        finally:
            await server.stop()  # noqa: ASYNC102  # shields its step itself


@attrs.define(eq=False)
class _Hypercorn:
    """Hypercorn, serving an application on sockets that are bound already."""

    _app: ASGIApp
    _listeners: list[trio.SocketListener]
    _open_requests: int = attrs.field(default=0, init=False)
    _changes: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _stopping: trio.Event = attrs.field(factory=trio.Event, init=False)
    _stopped: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def run(self) -> None:
        """Serve until `stop`.

        Raises:
          KeyboardInterrupt: Ctrl-C was pressed; Hypercorn takes it for a request to end.
        """
        config = Config()
        config.bind = [f"fd://{_detach(each)}" for each in self._listeners]
        config.errorlog = logger
        config.graceful_timeout = GRACEFUL
        config.include_server_header = False
        app = cast("ASGIFramework", self._count)  # Hypercorn has its own types for ASGI
        try:
            await serve(app, config, shutdown_trigger=self._stopping.wait, mode="asgi")
        finally:
            self._stopped.set()
        if not self._stopping.is_set():
            raise KeyboardInterrupt

    async def stop(self) -> None:
        """Let open requests end, then shut down. Shielded and bounded."""
        with last_words(GRACEFUL):  # Hypercorn would cut off open responses
            while self._open_requests:
                await self._changes.park()
        self._stopping.set()
        with last_words(2 * GRACEFUL):
            await self._stopped.wait()

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and count the request while it is open."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._open_requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open_requests -= 1
            self._changes.unpark_all()


def _detach(listener: trio.SocketListener) -> int:
    """Return the file descriptor of a socket, which Hypercorn closes from now on."""
    timeout = getattr(trio.socket, "TCP_USER_TIMEOUT", None)  # only Linux has it
    if timeout is not None:
        milliseconds = int(UNREAD * 1000)
        listener.socket.setsockopt(trio.socket.IPPROTO_TCP, timeout, milliseconds)
    return listener.socket.detach()
