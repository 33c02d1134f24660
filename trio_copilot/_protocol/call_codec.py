"""The arguments of a call to JSON and its result back; and the same for handlers.

Strategy: the signature has the types. What we send is checked strictly, because the CLI
hardly looks at it; what it answers is read as leniently as an event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from .._did_you_mean import check_options
from .._errors import MalformedResultError
from .._names import camel
from .codec import explain, unstructure
from .names import names_of
from .strict import check
from .structure import converter


def types_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types in the signature of a generated method."""
    return get_type_hints(function, localns=names_of(function.__module__))


_PLAIN: dict[Any, type] = {
    of: kind for kind in (str, bool, int) for of in (kind, kind | None)
}
"""Annotations for which an exact type match suffices: `{annotation: type}`."""


class _Parameter:
    """One parameter of a method."""

    def __init__(self, of: Any, wire: str, default: Any) -> None:
        self.of, self.wire, self.default = of, wire, default
        self.plain = _PLAIN.get(of)


class CallCodec:
    """The parameters and the result of one method."""

    def __init__(
        self, function: Callable[..., Any], wire: str, wire_names: Mapping[str, str]
    ) -> None:
        self._wire = wire
        self._signature = inspect.signature(function)
        types = types_of(function)
        self._result = types.pop("return")
        self._parameters = {
            name: _Parameter(
                of,
                wire_names.get(name, camel(name)),
                self._signature.parameters[name].default,
            )
            for name, of in types.items()
        }
        self._required = {
            name
            for name, parameter in self._parameters.items()
            if parameter.default is inspect.Parameter.empty
        }

    def encode(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters as on the wire.

        Raises:
          TypeError: an argument does not exist, is missing, or does not fit.
        """
        bound = kwargs
        # `Signature.bind` is slow: it need not confirm that all is well.
        if (
            len(args) != 1
            or not self._required <= kwargs.keys() <= self._parameters.keys()
        ):
            bound = self._bound(args, kwargs)
        params: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            value = bound.get(name, parameter.default)
            if value is parameter.default:  # None, or UNSET where None has a meaning
                continue
            if type(value) is not parameter.plain:
                try:
                    check(value, parameter.of, name)
                except TypeError as error:
                    raise TypeError(f"{self._wire}: {error}") from None
                value = unstructure(value)
            if parameter.wire:
                params[parameter.wire] = value
            else:  # the one object that holds all parameters
                params.update(value)
        return params

    def _bound(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            check_options(self._wire, kwargs, self._parameters)
            raise TypeError(f"{self._wire}: {error}") from None

    def decode(self, raw: Any) -> Any:
        """Return the result, typed.

        Raises:
          MalformedResultError: it does not fit.
        """
        return read_as(self._result, raw, self._wire)


def read_as(of: Any, raw: Any, what: str) -> Any:
    """Return a value from the CLI as the type that it should have.

    Raises:
      MalformedResultError: it does not fit.
    """
    if of is type(None):
        return None
    try:
        return converter().get_structure_hook(of)(raw, of)
    except Exception:  # noqa: BLE001 - whatever is wrong, `explain` finds it
        raise MalformedResultError(what, raw, explain(of, raw, "result")) from None
