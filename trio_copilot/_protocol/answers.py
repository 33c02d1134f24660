"""Answers the CLI's own requests with the handlers of `trio_copilot.rpc`.

A table generated from the schema maps each request to its handler. Requests arrive typed;
results are checked, because the CLI hardly looks at them.
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
    """Return the method that answers a request; `None` if there is none."""
    if handlers is None or wire not in REQUESTS:
        return None
    _, field, _, method = REQUESTS[wire]
    handler: Handler | None = getattr(handlers, field, None)
    if handler is None or getattr(type(handler), method) is _declared(handlers, wire):
        return None
    answer: Callable[[Any], Any] = getattr(handler, method)
    return answer


def read_request(handlers: Handlers, wire: str, params: Mapping[str, Any]) -> Any:
    """Return a request as its handler gets it, typed.

    Raises:
      MalformedResultError: it does not fit its type.
    """
    return read_as(types_of(_declared(handlers, wire))["request"], params, wire)


def write_answer(handlers: Handlers, wire: str, result: Any) -> Any:
    """Return the result of a handler as on the wire.

    Raises:
      TypeError: it does not fit its type.
    """
    declared = types_of(_declared(handlers, wire))["return"]
    if declared is type(None):
        return None
    check(result, declared, f"the answer to {wire}")
    return unstructure(result)


def _declared(handlers: Handlers, wire: str) -> Callable[..., Any]:
    """Return the method of the generated base class: its signature has the types."""
    _, _, declared, method = REQUESTS[wire]
    function: Callable[..., Any]
    function = getattr(names_of(type(handlers).__module__)[declared], method)
    return function
