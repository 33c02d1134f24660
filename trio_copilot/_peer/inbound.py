"""Requests that the peer makes of us: one child task each, answered at most once.

They are begun in the order of their arrival: one may be about the other. Each task waits
until the one before it has begun; Trio would start what came in one burst in any order.

The only place where an exception becomes a JSON-RPC error response.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._errors import RpcError
from .._wire.codes import INTERNAL_ERROR, REQUEST_CANCELLED
from .._wire.messages import ErrorResponse, Message, Request, Response

if TYPE_CHECKING:
    from .._wire.ledger import Ledger

logger = logging.getLogger("trio_copilot.peer")

Answer = Callable[[str, Any], Awaitable[Any]]

UNANSWERED = object()
"""The result of a request that is left to others whom the peer has asked as well."""


@attrs.define(eq=False)
class Inbound:
    """The open requests of the peer."""

    _answer: Answer
    _ledger: Ledger[Any]
    _send: Callable[[Message], None]
    _scopes: dict[int | str, trio.CancelScope] = attrs.field(
        factory=dict[int | str, trio.CancelScope], init=False
    )
    _begun: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the latest request has been begun."""

    def __attrs_post_init__(self) -> None:
        self._begun.set()

    def start(self, request: Request, nursery: trio.Nursery) -> None:
        """Answer a request in its own task. Synchronous: the reader calls it."""
        self._ledger.accept(request.id)
        scope = self._scopes[request.id] = trio.CancelScope()
        before, self._begun = self._begun, trio.Event()
        name = f"{request.method} (request of the CLI)"
        nursery.start_soon(self._run, request, scope, before, self._begun, name=name)

    def cancel(self, request_id: object) -> None:
        """Cancel the task of a request, as `$/cancelRequest` of the peer asks."""
        if isinstance(request_id, (int, str)) and request_id in self._scopes:
            self._scopes[request_id].cancel()

    async def _run(
        self,
        request: Request,
        scope: trio.CancelScope,
        before: trio.Event,
        begun: trio.Event,
    ) -> None:
        answer: Message | None = ErrorResponse(
            request.id, REQUEST_CANCELLED, "The request was cancelled", None
        )
        try:
            with scope:
                await before.wait()
                begun.set()  # the next one runs when this one waits for something
                result = await self._answer(request.method, request.params)
                answer = None if result is UNANSWERED else Response(request.id, result)
        except RpcError as error:
            answer = ErrorResponse(request.id, error.code, error.message, error.data)
        except Exception as error:
            logger.warning(
                "The handler of %s failed: %s", request.method, type(error).__name__
            )
            answer = _failure(request, error)
            raise
        finally:
            begun.set()
            del self._scopes[request.id]
            if self._ledger.answered(request.id) and answer is not None:
                self._send_answer(request, answer)

    def _send_answer(self, request: Request, answer: Message) -> None:
        try:
            self._send(answer)
        except Exception as error:
            # The layers above have tried; whatever they missed costs this answer alone.
            logger.exception("The answer to %s cannot be sent", request.method)
            self._send_failure(request, error)

    def _send_failure(self, request: Request, error: Exception) -> None:
        try:
            self._send(_failure(request, error))
        except ValueError:  # its id, which every answer repeats, cannot be written
            logger.error("The request %s cannot be answered", request.method)  # noqa: TRY400


def _failure(request: Request, error: Exception) -> ErrorResponse:
    # Its type alone: the text may hold secrets, and need not be text at all.
    message = f"The handler failed: {type(error).__name__}"
    return ErrorResponse(request.id, INTERNAL_ERROR, message)
