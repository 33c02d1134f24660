"""Public names report the public module they are imported from.

So that tracebacks, documentation and pickles say `trio_copilot.Session`, not where the
class happens to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def publish(namespace: Mapping[str, Any]) -> None:
    """Set `__module__` of everything of ours in the namespace of a public module."""
    public = namespace["__name__"]
    for name, value in namespace.items():
        module = getattr(value, "__module__", None)
        ours = isinstance(module, str) and module.startswith("trio_copilot._")
        if ours and not name.startswith("_"):
            value.__module__ = public
