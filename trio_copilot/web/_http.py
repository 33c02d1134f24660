"""The HTTP server of the bridge: the page, and turns as server-sent events.

Strategy: Hypercorn serves a Starlette application, on sockets that are bound here. It is
a service of the turns: when the server is cancelled the turns are stopped first, their
listeners hear the end, and then Hypercorn is told to shut down, each bounded.

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
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .._scopes import last_words, open_service
from ..bridge._access import Access
from ..bridge._server import Bridge
from ._page import Page
from ._sse import TurnRoutes
from ._turns import TurnLimits, Turns

logger = logging.getLogger("trio_copilot.web")

GRACEFUL = 2.0
"""Seconds that open answers get to end when the server does; some milliseconds are
enough for whoever reads them."""

UNREAD = 10.0
"""Seconds until a connection whose peer reads nothing is given up by the kernel, where
it can do that. Hypercorn waits for such a peer without end, shielded."""

FORBIDDEN = 403
MISDIRECTED = 421

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


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
    Pages may come from the bridge's origins, which the page's own is one of once you
    have said so: `bridge.allow_origins(f"http://127.0.0.1:{port}")`.

    `Cancelled`: the turns are stopped, their listeners hear the end, the sockets are
    closed; this takes as long as the slowest turn takes to stop, 5 seconds at the most.
    A peer that does not read delays it: by some 10 seconds on Linux, where the kernel
    gives it up, and elsewhere until it goes.

    Args:
      bridge: its client, session options, token and origins are used here, too.
      host: the address or name to listen at; that of the bridge.
      port: 0 is any that is free.
      websocket: the URL of the WebSocket as browsers see it, such as
        `wss://example.org/socket` behind a proxy. By default it is the bridge's port at
        the name that the page was asked for.
      limits: of turns that are begun over HTTP.
      task_status: started with the port.

    Raises:
      OSError: nobody can listen there.
      Exception: what a handler in the session options raised.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    if not port:
        for each in listeners[1:]:  # of the same name, at other ports
            await each.aclose()
        del listeners[1:]
    bound: int = listeners[0].socket.getsockname()[1]
    turns = Turns(
        bridge._client,
        bridge._options,
        limits or TurnLimits(),
        bridge._limits.permission_timeout,
    )
    server = _Server(_application(bridge, turns, websocket), listeners)
    async with open_service(server.run):
        try:
            async with turns.open():
                task_status.started(bound)
                await trio.sleep_forever()
        finally:
            await server.stop()  # noqa: ASYNC102  # shields its step itself


@attrs.define(eq=False)
class _Server:
    """Hypercorn on sockets of ours."""

    _app: Starlette
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
          KeyboardInterrupt: Ctrl-C was pressed, which Hypercorn takes for a wish to end.
        """
        config = Config()
        config.bind = [f"fd://{_given_away(each)}" for each in self._listeners]
        config.errorlog = logger
        config.graceful_timeout = GRACEFUL
        config.include_server_header = False
        app = cast("ASGIFramework", self._answer)  # it has types of its own for it
        try:
            await serve(app, config, shutdown_trigger=self._stopping.wait, mode="asgi")
        finally:
            self._stopped.set()
        if not self._stopping.is_set():
            raise KeyboardInterrupt

    async def stop(self) -> None:
        """Accept no more and end what is open. Shielded and bounded."""
        with last_words(GRACEFUL):  # Hypercorn itself would lose what is open
            while self._open_requests:
                await self._changes.park()
        self._stopping.set()
        with last_words(2 * GRACEFUL):
            await self._stopped.wait()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._open_requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open_requests -= 1
            self._changes.unpark_all()


def _given_away(listener: trio.SocketListener) -> int:
    """Return the file descriptor of a socket, which is not ours any more."""
    timeout = getattr(trio.socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    if timeout is not None:
        milliseconds = int(UNREAD * 1000)
        listener.socket.setsockopt(trio.socket.IPPROTO_TCP, timeout, milliseconds)
    return listener.socket.detach()


def _application(bridge: Bridge, turns: Turns, websocket: str | None) -> Starlette:
    def socket_at(name: str) -> str | None:
        if websocket is not None or bridge.port is None:
            return websocket
        return f"ws://{name}:{bridge.port}/"

    access = bridge._access
    about_turns = TurnRoutes(turns, access, bridge._limits.message_size)
    return Starlette(
        routes=[*about_turns.routes(), *Page(socket_at).routes()],
        middleware=[
            Middleware(_Gate, access=access),
            Middleware(_Cors, access=access),
        ],
    )


class _Gate:
    """Refuses foreign pages and foreign names, and says what browsers must not guess."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self._app
        if scope["type"] == "http":
            app = self._refusal(Headers(scope=scope)) or app
        await app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> ASGIApp | None:
        if not self._access.admits_host(headers.get("host", "")):
            return PlainTextResponse("this is not my name", MISDIRECTED)
        origins = headers.getlist("origin")
        if len(origins) > 1 or not all(map(self._access.admits_origin, origins)):
            return PlainTextResponse("pages of your origin may not", FORBIDDEN)
        return None


class _Cors(CORSMiddleware):
    """Lets pages of the origins that may come in read the answers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Last-Event-ID"),
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may come in."""
        return self._access.admits_origin(origin)
