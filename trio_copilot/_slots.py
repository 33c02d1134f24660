"""Fills frozen objects without their `__init__`, where thousands are made a second.

A frozen attrs class assigns its fields through `object.__setattr__`, which takes several
times as long as the slots themselves. This is for slotted classes without converters,
validators or hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def slot(of: type, name: str) -> Callable[[Any, Any], None]:
    """Return what fills a field: called with the object and the value."""
    descriptor: Any = next(
        vars(base)[name] for base in of.__mro__ if name in vars(base)
    )
    put: Callable[[Any, Any], None] = descriptor.__set__
    return put


def maker(of: type[T], *names: str) -> Callable[..., T]:
    """Return what makes an object of the values of these fields; others are unset.

    Its code is written out, as that of an `__init__` of attrs is: a loop takes twice as
    long.
    """
    values = [f"value_{index}" for index in range(len(names))]
    steps = [f"    put_{value}(made, {value})" for value in values]
    code = [f"def make({', '.join(values)}):", "    made = new(of)", *steps]
    known: dict[str, Any] = {"of": of, "new": of.__new__}
    known |= {f"put_{v}": slot(of, n) for v, n in zip(values, names, strict=True)}
    exec("\n".join([*code, "    return made"]), known)  # noqa: S102  # nobody else's code
    make: Callable[..., T] = known["make"]
    return make
