"""The arguments of a call to JSON, its answer back; and the same for handlers.

Strategy: the types are those in the signature. What we send is checked strictly, for
the CLI hardly looks at it; what it answers is read as leniently as an event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from .._errors import MalformedResultError
from .codec import explain, unstructure
from .hooks import converter
from .names import names_of
from .strict import check
from .wire_object import camel


def types_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types in the signature of a generated method."""
    return get_type_hints(function, localns=names_of(function.__module__))


class CallCodec:
    """What one method takes and answers."""

    def __init__(
        self, function: Callable[..., Any], wire: str, wire_names: Mapping[str, str]
    ) -> None:
        self._wire = wire
        self._signature = inspect.signature(function)
        self._types = types_of(function)
        self._result = self._types.pop("return")
        self._names = {name: wire_names.get(name, camel(name)) for name in self._types}

    def encode(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters as on the wire.

        Raises:
          TypeError: one does not exist, is missing, or does not fit.
        """
        try:
            bound = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self._wire}: {error}") from None
        params: dict[str, Any] = {}
        for name, of in self._types.items():
            default = self._signature.parameters[name].default
            value = bound.get(name, default)
            if value is default:  # None, or UNSET where None says something
                continue
            try:
                check(value, of, name)
            except TypeError as error:
                raise TypeError(f"{self._wire}: {error}") from None
            sent = unstructure(value)
            if self._names[name]:
                params[self._names[name]] = sent
            else:  # it is all parameters at once
                params.update(sent)
        return params

    def decode(self, raw: Any) -> Any:
        """Return the answer, typed.

        Raises:
          MalformedResultError: it does not fit.
        """
        return read_as(self._result, raw, self._wire)


def read_as(of: Any, raw: Any, what: str) -> Any:
    """Return what the CLI said as the type that it should be.

    Raises:
      MalformedResultError: it does not fit.
    """
    if of is type(None):
        return None
    try:
        return converter().get_structure_hook(of)(raw, of)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is told
        raise MalformedResultError(what, raw, explain(of, raw, "result")) from None
