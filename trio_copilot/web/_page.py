"""The static page, with headers for its browser: types, caching, what the page may do.

Strategy: the files are few and small, so all of them are read once and served from memory,
which takes no thread. Any web server can serve the same folder beside a `config.json`; the
Content-Security-Policy is then that server's.

This module does not know what listens at which port.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..bridge._access import name_of

FOLDER = Path(__file__).with_name("page")

INDEX = "index.html"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

# Only our own files, and no string ever becomes HTML or code.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@attrs.define(eq=False)
class PageRoutes:
    """The requests for the page; a method each."""

    _websocket: Callable[[str], str | None]
    """From the name in a request's `Host` to the URL of the WebSocket."""
    # {name: (content, type)}
    _files: dict[str, tuple[bytes, str]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._files = {
            path.relative_to(FOLDER).as_posix(): (
                path.read_bytes(),
                _TYPES[path.suffix],
            )
            for path in FOLDER.rglob("*.*")
        }

    def routes(self) -> list[Route]:
        """Return routes for a Starlette application. They go last: one fits any path."""
        return [
            Route("/config.json", self.config, methods=["GET"]),
            Route("/{name:path}", self.file, methods=["GET"]),
        ]

    async def config(self, request: Request) -> Response:
        """Tell the page where its WebSocket is."""
        fresh = {"Cache-Control": "no-store"}
        return JSONResponse({"websocket": self._socket(request)}, headers=fresh)

    async def file(self, request: Request) -> Response:
        """Serve a file of the page."""
        name = request.path_params["name"] or INDEX
        if name not in self._files:
            raise HTTPException(404)
        content, media_type = self._files[name]
        policy = _POLICY.format(socket=self._socket(request) or "")
        headers = {
            "Cache-Control": "no-store" if name == INDEX else "no-cache",
            "Content-Security-Policy": policy,
        }
        return Response(content, media_type=media_type, headers=headers)

    def _socket(self, request: Request) -> str | None:
        # The gate has let only well-formed names through.
        name = name_of(request.headers["host"]) or ""
        return self._websocket(f"[{name}]" if ":" in name else name)
