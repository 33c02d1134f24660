"""Requests of the peer: one child task each, answered at most once.

They are started in arrival order, since one may depend on another: each task waits until
the one before it has begun, because Trio starts the tasks of one burst in any order.

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
"""Returns the result of a request, given its method and parameters."""

UNANSWERED = object()
"""The result of a request that is left to other clients, which got it as well."""


@attrs.define(eq=False)
class Inbound:
    """The open requests of the peer."""

    _answer: Answer
    _ledger: Ledger[Any]
    _send: Callable[[Message], None]
    # {request id: scope of its task}
    _scopes: dict[int | str, trio.CancelScope] = attrs.field(
        factory=dict[int | str, trio.CancelScope], init=False
    )
    _begun: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set once the latest request has begun."""

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
        """Cancel the task of a request, as the peer's `$/cancelRequest` asks."""
        if isinstance(request_id, (int, str)) and request_id in self._scopes:
            self._scopes[request_id].cancel()

    async def _run(
        self,
        request: Request,
        scope: trio.CancelScope,
        before: trio.Event,
        begun: trio.Event,
    ) -> None:
        # What is sent if the scope is cancelled, by the peer or from outside.
        response: Message | None = ErrorResponse(
            request.id, REQUEST_CANCELLED, "The request was cancelled", None
        )
        try:
            with scope:
                await before.wait()
                begun.set()  # the next one starts as soon as this one waits for anything
                result = await self._answer(request.method, request.params)
                response = (
                    None if result is UNANSWERED else Response(request.id, result)
                )
        except RpcError as error:
            response = ErrorResponse(request.id, error.code, error.message, error.data)
        except Exception as error:
            logger.warning(
                "The handler of %s failed: %s", request.method, type(error).__name__
            )
            response = _failure(request, error)
            raise
        finally:
            begun.set()
            del self._scopes[request.id]
            if self._ledger.answered(request.id) and response is not None:
                self._respond(request, response)

    def _respond(self, request: Request, response: Message) -> None:
        try:
            self._send(response)
        except Exception as error:
            # The layers above check what they send; what they miss costs only this answer.
            logger.exception("The answer to %s cannot be sent", request.method)
            try:
                self._send(_failure(request, error))
            except ValueError:  # its id, which every answer repeats, cannot be written
                logger.error("The request %s cannot be answered", request.method)  # noqa: TRY400


def _failure(request: Request, error: Exception) -> ErrorResponse:
    # The type alone: the text may hold secrets, and need not be text at all.
    message = f"The handler failed: {type(error).__name__}"
    return ErrorResponse(request.id, INTERNAL_ERROR, message)
