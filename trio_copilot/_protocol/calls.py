"""What the generated calls are made of: `client.rpc`, `session.rpc`, and handlers.

Strategy: a call is written as an empty method whose signature says all there is to say.
`method` turns it into one that calls. What that takes, cattrs included, is loaded when a
call is made first, so that hundreds of them cost next to nothing until then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

import attrs

from .._checks import set_fields, wrong_type

if TYPE_CHECKING:
    from .call_codec import CallCodec

P = ParamSpec("P")
T = TypeVar("T")

Caller: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Calls a method with parameters as on the wire, and returns its result as it is there."""

_SAME: Mapping[str, str] = MappingProxyType({})


class Namespace:
    """Calls whose names on the wire begin alike; `client.rpc` and `session.rpc` are two.

    A call raises `TypeError` before anything is sent if an argument does not exist or
    does not fit, `ValueError` if the CLI could not read it, and else what `Client.call` raises. An answer that does not fit is a
    `MalformedResultError`. Objects can also be given as mappings with the names on the
    wire, enumerations as strings. `Cancelled` leaves at once, and a late answer is
    dropped.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Caller) -> None:
        self._call = call

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def method(
    wire: str, wire_names: Mapping[str, str] = _SAME
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Make a call of an empty method of a `Namespace`.

    Args:
      wire: the name of the method that is called.
      wire_names: those of parameters whose names there are not the same in camel case.
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        codec: CallCodec | None = None

        @wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal codec
            if codec is None:
                from .call_codec import CallCodec

                codec = CallCodec(function, wire, wire_names)
            namespace: Any = args[0]
            params = codec.encode(args, kwargs)
            result: T = codec.decode(await namespace._call(wire, params))
            return result

        return call

    return decorate


class Handler:
    """The base of what answers the CLI's own requests in one namespace.

    Make a subclass and write the methods that you serve: the others are answered with
    the error that says so. A handler is cancelled when what it works for is over.
    """


@attrs.frozen(kw_only=True, repr=False)
class Handlers:
    """The base of what holds handlers, one for each namespace."""

    __repr__ = set_fields

    def __attrs_post_init__(self) -> None:
        from .names import names_of

        names = names_of(type(self).__module__)
        for field in attrs.fields(type(self)):
            handler = getattr(self, field.name)
            wanted = names[str(field.type).removesuffix(" | None")]
            if handler is not None and not isinstance(handler, wanted):
                base = f"trio_copilot.rpc.{wanted.__name__}"
                raise wrong_type(
                    field.name, f"an object of a subclass of {base}", handler
                )
