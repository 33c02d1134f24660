"""Public modules whose names are loaded on first use: a program pays for what it uses.

A public module imports its names `if TYPE_CHECKING:`; nobody writes them a second time.
The generator reads these imports and writes the table in `_public`, where a name is
looked up at run time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, str] = MappingProxyType({})


def lazy_facade(
    public: str,
    *,
    index: str = "",
    extra: str = "",
    optional: Mapping[str, str] = _NONE,
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a public module.

    Args:
      public: its `__name__`.
      index: the module whose `TYPES` lists the generated classes, if it has any.
      extra: the extra that all its names need, if they need one.
      optional: `{module: package}`: without the package, `import *` leaves out the names
        that live in the module.
    """
    facade = _Facade(public, index, extra, optional)
    return facade.load, facade.names


class _Facade:
    def __init__(
        self, public: str, index: str, extra: str, optional: Mapping[str, str]
    ) -> None:
        self._public, self._index, self._extra = public, index, extra
        self._optional = optional
        self._root, _, self._row = public.partition(".")
        self._namespace = vars(sys.modules[public])

    @cached_property
    def _homes(self) -> dict[str, str]:
        """Return `{name: module}`, without the name of the package."""
        homes = dict(self._import("_public").HOMES[self._row])
        if self._index:
            types = self._import(self._index).TYPES
            homes |= {name: f"_protocol.generated.{at}" for name, at in types.items()}
        return homes

    def _import(self, home: str) -> Any:
        return import_module(f"{self._root}.{home}")

    def names(self) -> list[str]:
        """Return every name of the module."""
        return sorted(self._namespace.keys() | self._homes)

    def load(self, name: str) -> object:
        """Return what the name stands for."""
        if name == "__all__":
            return self._star()
        if name not in self._homes:
            message = f"module {self._public!r} has no attribute {name!r}"
            raise AttributeError(message)
        try:
            module = self._import(self._homes[name])
        except ModuleNotFoundError as error:
            from ._extras import complaint, missing_by_extra  # only an error needs them

            if missing := missing_by_extra().get(self._extra):
                text = complaint(self._public, self._extra, missing)
                raise ModuleNotFoundError(text, name=error.name) from error
            raise
        if self._index:  # their module is where the names of their fields are found
            self._namespace[name] = getattr(module, name)
        else:
            self._publish()
        return self._namespace[name]

    def _star(self) -> list[str]:
        from importlib.util import find_spec  # only `import *` needs it

        lacking = {
            at for at, package in self._optional.items() if not find_spec(package)
        }
        return sorted(
            name
            for name, home in self._homes.items()
            if not name.startswith("_")
            and home.removeprefix(f"{self._row}.") not in lacking
        )

    def _publish(self) -> None:
        """Let everything that is loaded by now report the public module as its own.

        Also what was not asked for: an exception is seen before its name is used.
        """
        for name, home in self._homes.items():
            value = getattr(sys.modules.get(f"{self._root}.{home}"), name, None)
            if value is None:  # its module is not loaded, or is being loaded right now
                continue
            self._namespace[name] = value
            written_in = getattr(value, "__module__", None) or ""
            if written_in.startswith(f"{self._root}.") and "._" in written_in:
                value.__module__ = self._public
