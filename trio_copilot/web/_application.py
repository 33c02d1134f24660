"""The application: which request goes where, and which may not come in.

This module does not know what listens at which port.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..bridge import Bridge
from ..bridge._access import Access
from ._page import PageRoutes
from ._routes import TurnRoutes
from ._turns import Turns

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_REFUSALS = {
    HTTPStatus.FORBIDDEN: "pages of this origin are not allowed",
    HTTPStatus.MISDIRECTED_REQUEST: "this server has no such name",
}


def application(bridge: Bridge, turns: Turns, websocket: str | None) -> Starlette:
    """Return the application beside a bridge.

    Args:
      bridge: its `access` holds here, too.
      turns: the turns over HTTP.
      websocket: the URL of the WebSocket; `None` is the bridge's port.
    """

    def socket_at(name: str) -> str | None:
        if websocket is not None or bridge.port is None:
            return websocket
        return f"ws://{name}:{bridge.port}/"

    access = bridge.access
    turn_routes = TurnRoutes(turns, access, bridge.limits.message_size)
    return Starlette(
        routes=[*turn_routes.routes(), *PageRoutes(socket_at).routes()],
        middleware=[  # the first is the outermost
            Middleware(_Gate, access=access),
            Middleware(_Cors, access=access),
        ],
    )


class _Gate:
    """Refuses foreign pages and foreign host names; adds headers for security."""

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
            headers = Headers(scope=scope)
            status = self._access.refusal(
                headers.get("host", ""), headers.getlist("origin")
            )
            if status is not None:
                app = PlainTextResponse(_REFUSALS[status], status)
        await app(scope, receive, send_with_headers)


class _Cors(CORSMiddleware):
    """Lets pages of admitted origins read the responses."""

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
