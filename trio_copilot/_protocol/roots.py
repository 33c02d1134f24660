"""Where the generated calls begin, and what checks generated handlers.

Everything generated is imported when one of these functions is first called.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._checks import wrong_type

if TYPE_CHECKING:
    from .calls import Caller
    from .generated.rpc.roots import ServerRpc, SessionRpc


def server_rpc(call: Caller) -> ServerRpc:
    """Return all calls that concern no session."""
    calls: ServerRpc = _roots().ServerRpc(call)
    return calls


def session_rpc(call: Caller) -> SessionRpc:
    """Return all calls that concern one session; `call` adds its id."""
    calls: SessionRpc = _roots().SessionRpc(call)
    return calls


@cache
def _roots() -> Any:
    return import_module(f"{__package__}.generated.rpc.roots")


def check_handlers(handlers: object, kind: str) -> None:
    """Check that handlers are of a kind, `SessionHandlers` or `ClientHandlers`.

    Raises:
      TypeError: they are not; those of the other kind would never be called.
    """
    if handlers is None:
        return
    module = import_module(f"{__package__}.generated.rpc.handlers")
    if not isinstance(handlers, getattr(module, kind)):
        raise wrong_type("handlers", f"rpc.{kind}", handlers)
