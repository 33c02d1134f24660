"""What the generated calls are made of: `client.rpc`, `session.rpc`, and handlers.

Strategy: a call is generated as an empty method, and its signature says everything.
`method` turns it into one that calls. The code for that, cattrs included, is loaded at
the first call, so that hundreds of methods cost next to nothing until then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import attrs

from .._checks import safe_repr, wrong_type

if TYPE_CHECKING:
    from .call_codec import CallCodec

N = TypeVar("N", bound="Namespace")
P = ParamSpec("P")
T = TypeVar("T")

Caller: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Calls a method; parameters and result are as on the wire."""

_SAME: Mapping[str, str] = MappingProxyType({})


class Namespace:
    """Calls that share a prefix on the wire; `client.rpc` and `session.rpc` are such.

    Before it sends anything, a call raises `TypeError` if an argument does not exist or
    does not fit, and `ValueError` if the CLI could not read it; afterwards it raises what
    `Client.call` does. A result that does not fit is a `MalformedResultError`. Objects may
    also be mappings with the names on the wire, enumerations also strings. `Cancelled`
    leaves at once, and a late answer is dropped.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Caller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def method(
    wire: str, wire_names: Mapping[str, str] = _SAME
) -> Callable[
    [Callable[Concatenate[N, P], Awaitable[T]]],
    Callable[Concatenate[N, P], Awaitable[T]],
]:
    """Turn an empty method of a `Namespace` into a call.

    Args:
      wire: the name of the method on the wire.
      wire_names: those of parameters, where they are not the same in camel case.
    """

    def decorate(
        function: Callable[Concatenate[N, P], Awaitable[T]],
    ) -> Callable[Concatenate[N, P], Awaitable[T]]:
        codec: CallCodec | None = None  # made by the first call

        @wraps(function)
        async def call(self: N, /, *args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal codec
            if codec is None:
                from .call_codec import CallCodec

                codec = CallCodec(function, wire, wire_names)
            params = codec.encode((self, *args), kwargs)
            result: T = codec.decode(await self._call(wire, params))
            return result

        return call

    return decorate


class Handler:
    """The base class of handlers for the CLI's own requests, one for each namespace.

    Subclass it and write the methods that you want to answer; the CLI gets an error for
    the others. A handler is cancelled when the work that it belongs to ends.
    """


@attrs.frozen(kw_only=True, repr=False)
class Handlers:
    """The base class of what holds the handlers, one for each namespace."""

    __repr__ = safe_repr

    def __attrs_post_init__(self) -> None:
        from .names import names_of

        names = names_of(type(self).__module__)
        for field in attrs.fields(type(self)):
            handler = getattr(self, field.name)
            kind = names[str(field.type).removesuffix(" | None")]
            if handler is not None and not isinstance(handler, kind):
                base = f"trio_copilot.rpc.{kind.__name__}"
                raise wrong_type(
                    field.name, f"an object of a subclass of {base}", handler
                )
