"""A public module whose names are loaded when they are used first.

Importing it costs nothing to speak of, and a program pays for what it uses. Type
checkers read the imports of that module that are meant for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from ._fixup import publish


def lazy_facade(
    public: str, homes: Mapping[str, str], *, extra: str = ""
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return the `__getattr__`, the `__dir__` and the `__all__` of a public module.

    Args:
      public: its `__name__`.
      homes: `{module: names that live there, a blank between}`; modules without the name
        of the package.
      extra: what they all need, if they do.
    """
    home = {
        name: f"{public}.{at}" for at, names in homes.items() for name in names.split()
    }
    namespace = vars(sys.modules[public])

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {public!r} has no attribute {name!r}")
        try:
            import_module(home[name])
        except ModuleNotFoundError as error:
            from ._extras import complaint, missing_by_extra  # an error can wait for it

            if missing := missing_by_extra().get(extra):
                said = complaint(public, extra, missing)
                raise ModuleNotFoundError(said, name=error.name) from error
            raise
        # Whatever came along is public from now on, too: it may be seen before it is
        # asked for, as an exception is.
        for each, module in home.items():
            if each not in namespace and hasattr(sys.modules.get(module), each):
                namespace[each] = getattr(sys.modules[module], each)
        publish(namespace)
        return namespace[name]

    public_names = sorted(name for name in home if not name.startswith("_"))
    return load, lambda: sorted(namespace.keys() | home), public_names
