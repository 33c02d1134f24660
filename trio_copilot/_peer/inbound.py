"""Requests that the peer makes of us: one child task each, answered exactly once.

The only place where an exception becomes a JSON-RPC error response.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._errors import RpcError
from .._wire.messages import ErrorResponse, Message, Request, Response

if TYPE_CHECKING:
    from .._wire.ledger import Ledger

logger = logging.getLogger("trio_copilot.peer")

METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800

Serve = Callable[[str, Any], Awaitable[Any]]


@attrs.define(eq=False)
class Inbound:
    """The open requests of the peer."""

    _serve: Serve
    _ledger: Ledger[Any]
    _send: Callable[[Message], None]
    _scopes: dict[int | str, trio.CancelScope] = attrs.field(
        factory=dict[int | str, trio.CancelScope], init=False
    )

    def start(self, request: Request, nursery: trio.Nursery) -> None:
        """Serve a request in a task of its own. Synchronous: called by the reader."""
        self._ledger.accept(request.id)
        scope = self._scopes[request.id] = trio.CancelScope()
        nursery.start_soon(
            self._run, request, scope, name=f"{request.method} (request of the CLI)"
        )

    def cancel(self, request_id: object) -> None:
        """Cancel the task of a request, as `$/cancelRequest` of the peer asks."""
        if isinstance(request_id, (int, str)) and request_id in self._scopes:
            self._scopes[request_id].cancel()

    async def _run(self, request: Request, scope: trio.CancelScope) -> None:
        answer: Message = ErrorResponse(
            request.id, REQUEST_CANCELLED, "The request was cancelled", None
        )
        try:
            with scope:
                answer = Response(
                    request.id, await self._serve(request.method, request.params)
                )
        except RpcError as error:
            answer = ErrorResponse(request.id, error.code, error.message, error.data)
        except Exception as error:
            logger.warning("The handler of %s failed: %r", request.method, error)
            answer = ErrorResponse(
                request.id, INTERNAL_ERROR, f"The handler failed: {error!r}", None
            )
            raise
        finally:
            del self._scopes[request.id]
            if self._ledger.answered(request.id):
                self._send(answer)
