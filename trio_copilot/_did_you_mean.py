"""Suggests the name that a user probably meant instead of an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import attrs

C = TypeVar("C", bound=type)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `": did you mean 'model'?"`, or nothing if no known name is similar."""
    from difflib import get_close_matches  # slow to import, and needed for errors only

    spellings = {each.casefold(): each for each in known}
    found = get_close_matches(str(name).casefold(), spellings, 1)
    return f": did you mean {spellings[found[0]]!r}?" if found else ""


def check_options(owner: str, given: Iterable[object], known: Collection[str]) -> None:
    """Check that options exist.

    Raises:
      TypeError: one does not; the message suggests a name, or lists all.
    """
    every = f"; it has {', '.join(sorted(known))}"
    unknown = [
        f"{owner} has no option {name!r}{did_you_mean(name, known) or every}"
        for name in given
        if name not in known
    ]
    if unknown:
        raise TypeError("\n".join(unknown))


def checks_options(cls: C) -> C:
    """Let the constructor of an attrs class suggest names for unknown options."""
    # Around the generated `__init__`, whose own TypeError knows no suggestion.
    known, changed = attrs.fields_dict(cls).keys(), cast("Any", cls)
    initialize: Callable[..., None] = changed.__init__

    @wraps(initialize)
    def __init__(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        check_options(cls.__name__, kwargs, known)
        initialize(self, *args, **kwargs)

    changed.__init__ = __init__
    return cls
