"""The names in the annotations of generated classes, looked up on demand.

Strategy: generated modules of calls import each other for type checkers only; otherwise
one of them would load all. The index says which module a name lives in.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import attrs

C = TypeVar("C", bound=type)


class Names(dict[str, Any]):
    """The namespace for `eval`: what a generated module can mean by each name."""

    def __init__(self, index: str) -> None:
        super().__init__()
        self._package = index.rpartition(".")[0]
        self._homes: dict[str, str] = import_module(index).TYPES

    def __missing__(self, name: str) -> Any:
        home = self._homes[name]  # KeyError: `eval` looks among the builtins next
        module = import_module(f"{self._package}.generated.{home}")
        self[name] = getattr(module, name)
        return self[name]


@cache
def _names(index: str) -> Names:
    return Names(index)  # one for all modules of an index


def names_of(module: str) -> Names:
    """Return the names that annotations in a generated module may use."""
    package, _, rest = module.partition(".generated.")
    index = "rpc_index" if rest.startswith("rpc.") else "index"
    return _names(f"{package}.{index}")


def resolved(cls: C) -> C:
    """Return a generated class with the types of its fields resolved."""
    return attrs.resolve_types(cls, localns=names_of(cls.__module__))
