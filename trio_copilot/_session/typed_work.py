"""What answers a request of the CLI with a handler of `trio_copilot.rpc`.

A client has such handlers, and so has each of its sessions.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .._errors import MalformedResultError, RpcError
from .._protocol.calls import Handlers
from .._wire.codes import INTERNAL_ERROR, INVALID_PARAMS
from .._wire.encoding import sendable
from .handlers import Answer, Work

logger = logging.getLogger("trio_copilot.session")


def typed_work(
    handlers: Handlers | None, method: str, params: Mapping[str, Any]
) -> Work | None:
    """Return what answers a request with a handler of `trio_copilot.rpc`, if one does."""
    if handlers is None:
        return None
    from .._protocol.answers import handler_for, read_request, write_answer

    what = f"The answer to {method}"
    serve = handler_for(handlers, method)
    if serve is None:
        return None

    async def work() -> Answer:
        try:
            request = read_request(handlers, method, params)
        except MalformedResultError as error:
            logger.warning("%s was asked in a way that does not fit: %s", method, error)
            return Answer(RpcError(INVALID_PARAMS, error.reason))
        try:
            try:
                answer = await serve(request)
            except RpcError as refused:  # it is how a handler refuses
                sendable([refused.code, refused.message, refused.data], what)
                return Answer(refused)
            return Answer(sendable(write_answer(handlers, method, answer), what))
        except Exception as error:  # noqa: BLE001  # raised once it is answered
            return Answer(
                RpcError(INTERNAL_ERROR, f"The handler of {method} failed"), error
            )

    return work
