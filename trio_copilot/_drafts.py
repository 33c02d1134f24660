"""Fills frozen objects without their `__init__`, where thousands are made per second.

A frozen attrs class assigns its fields through `object.__setattr__`, which takes several
times as long as a plain assignment. So we fill a draft, an object of identical layout that
is not frozen, and reassign its `__class__`. This works for slotted classes without
converters, validators or `__attrs_post_init__` whose own `__slots__` have no `__weakref__`:
with one, Python does not recognise the two layouts as identical.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def maker(of: type[T], *names: str) -> Callable[..., T]:
    """Return a function that makes an object from the values of these fields.

    Other fields stay unset. Its code is written out, as attrs does for an `__init__`: a
    loop takes twice as long.
    """
    values = [f"value_{index}" for index in range(len(names))]
    code = [
        f"def make({', '.join(values)}):",
        "    made = new(draft)",
        *(f"    made.{n} = {v}" for n, v in zip(names, values, strict=True)),
        "    made.__class__ = of",
        "    return made",
    ]
    known: dict[str, Any] = {"of": of, "draft": _draft(of), "new": object.__new__}
    exec("\n".join(code), known)  # noqa: S102  # the code is ours
    make: Callable[..., T] = known["make"]
    return make


def _draft(of: type) -> type:
    parts: dict[str, Any] = {
        "__slots__": vars(of)["__slots__"],
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    draft = type(f"DraftOf{of.__name__}", of.__bases__, parts)
    made: Any = object.__new__(draft)
    made.__class__ = of  # a TypeError comes now, not with the first event
    return draft
