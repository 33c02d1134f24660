"""Answers requests of the CLI with the handlers of `trio_copilot.rpc`.

A client may have such handlers, and so may each of its sessions.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .._errors import MalformedResultError, RpcError
from .._protocol.calls import Handlers
from .._wire.codes import INTERNAL_ERROR, INVALID_PARAMS
from .._wire.encoding import sendable
from .running import HandlerResult, Work

logger = logging.getLogger("trio_copilot.session")


def typed_handler(
    handlers: Handlers | None, method: str, params: Mapping[str, Any]
) -> Work | None:
    """Return the work that answers this request; `None` if there is no handler for it."""
    if handlers is None:
        return None
    from .._protocol.answers import handler_for, read_request, write_answer

    handler = handler_for(handlers, method)
    if handler is None:
        return None
    name = f"The answer to {method}"

    async def work() -> HandlerResult:
        try:
            request = read_request(handlers, method, params)
        except MalformedResultError as error:
            logger.warning("A %s request does not fit: %s", method, error)
            return HandlerResult(RpcError(INVALID_PARAMS, error.reason))
        try:
            try:
                answer = await handler(request)
            except RpcError as refusal:  # the way in which a handler refuses
                sendable([refusal.code, refusal.message, refusal.data], name)
                return HandlerResult(refusal)
            return HandlerResult(sendable(write_answer(handlers, method, answer), name))
        except Exception as error:  # noqa: BLE001  # raised once it is answered
            failed = RpcError(INTERNAL_ERROR, f"The handler of {method} failed")
            return HandlerResult(failed, error)

    return work
