"""Answers the CLI's own requests with the handlers of `trio_copilot.rpc`.

One table, generated from the schema, says which handler a request is for. What it is
asked comes typed; what it answers is checked, for the CLI hardly looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .call_codec import read_as, types_of
from .calls import Handler, Handlers
from .codec import unstructure
from .names import names_of
from .rpc_index import REQUESTS
from .strict import check


def handler_for(handlers: Handlers | None, wire: str) -> Callable[[Any], Any] | None:
    """Return the method that answers a request; `None` if nobody serves it."""
    if handlers is None or wire not in REQUESTS:
        return None
    holder, field, _, method = REQUESTS[wire]
    handler: Handler | None = None
    if holder == type(handlers).__name__:
        handler = getattr(handlers, field)
    if handler is None or getattr(type(handler), method) is _declared(handlers, wire):
        return None
    served: Callable[[Any], Any] = getattr(handler, method)
    return served


async def answer(
    handlers: Handlers,
    wire: str,
    serve: Callable[[Any], Any],
    params: Mapping[str, Any],
) -> Any:
    """Ask a handler, and return its answer as on the wire.

    Raises:
      MalformedResultError: the request does not fit its type.
      TypeError: the answer does not.
    """
    types = types_of(_declared(handlers, wire))
    result = await serve(read_as(types["request"], params, wire))
    wanted = types["return"]
    if wanted is type(None):
        return None
    check(result, wanted, f"the answer to {wire}")
    return unstructure(result)


def _declared(handlers: Handlers, wire: str) -> Callable[..., Any]:
    """Return the method as it is declared: it has the types."""
    _, _, declared, method = REQUESTS[wire]
    function: Callable[..., Any]
    function = getattr(names_of(type(handlers).__module__)[declared], method)
    return function
