"""Fields of an options class as the CLI names and writes them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from .._names import camel


def wire_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is set, under the names of the wire: `None` leaves the CLI's default."""
    return {
        camel(name): _plain(value)
        for name, value in fields.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(cast("os.PathLike[str]", value))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value
