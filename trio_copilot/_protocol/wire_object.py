"""What all generated payload classes have in common.

Strategy: attrs writes only the `__init__` of each of the hundreds of classes, since such
methods are what importing a class costs; comparison and `repr` are here, once for all.

A field `delta_content` is `deltaContent` on the wire. A class with other names there
lists them in `_wire_names`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import attrs

from .._names import camel

_short = reprlib.Repr()  # a payload may be megabytes
_short.maxstring = 200
_short.maxother = 400


_nothing = cast("Callable[[], dict[str, Any]]", dict)  # `dict[str, Any]` is slower


@attrs.frozen(kw_only=True, repr=False, eq=False)
class WireObject:
    """An object of the Copilot CLI's protocol, with Python names and types.

    An optional field that was not sent is `None`. Moments are strings in ISO 8601, as
    sent; the unit of a duration is in its name, such as `duration_ms`.
    """

    _wire_names: ClassVar[Mapping[str, str]] = {}  # {name here: name on the wire}

    extra: Mapping[str, Any] = attrs.field(factory=_nothing)
    """What the CLI sent beyond the fields, by wire name: fields that this version of the
    package does not know, and optional ones that were sent as an explicit null."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self) == _values(other) and self.extra == other.extra

    def __hash__(self) -> int:
        return hash((type(self), *_values(self)))

    def __repr__(self) -> str:
        shown = dict(zip(_names(type(self)), _values(self), strict=True))
        shown["extra"] = self.extra or None
        parts = [f"{k}={_short.repr(v)}" for k, v in shown.items() if v is not None]
        return f"{type(self).__name__}({', '.join(parts)})"


def wire_names(cls: type[WireObject]) -> dict[str, str]:
    """Return the wire name of each field of a class, without `extra`."""
    return {name: cls._wire_names.get(name) or camel(name) for name in _names(cls)}


def _names(cls: type[WireObject]) -> list[str]:
    return [field.name for field in attrs.fields(cls) if field.name != "extra"]


def _values(of: WireObject) -> list[Any]:
    return [getattr(of, name) for name in _names(type(of))]
