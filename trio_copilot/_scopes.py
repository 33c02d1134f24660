"""Three Trio helpers that the cancellation contract stands on. Nothing else shields.

`last_words` is the only shield of this package, `one_error` the only place where an
exception group is taken apart, `require_trio` the only check of where we run.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def last_words(seconds: float) -> Iterator[trio.CancelScope]:
    """Shield the block from outer cancellation, for a bounded time only.

    For what must still be said to the peer when somebody has already cancelled us.

    Args:
      seconds: the bound; when it passes the block is cancelled, and
        `cancelled_caught` of the yielded scope tells so.
    """
    with trio.move_on_after(seconds) as scope:
        scope.shield = True
        yield scope


@contextmanager
def one_error() -> Iterator[None]:
    """Let the only fault of a nursery leave it as itself, not in a group.

    Wraps exactly one `async with trio.open_nursery()`. The group that this nursery
    makes of a single exception is opened; `Cancelled` beside a real fault is none. Two
    real faults stay a group, and a group that the user raised is never looked into.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        faults = [e for e in group.exceptions if not isinstance(e, trio.Cancelled)]
        if len(faults) > 1:
            raise
        fault = faults[0] if faults else group.exceptions[0]
        _raise_as_itself(fault)


def _raise_as_itself(fault: BaseException) -> None:
    """Raise `fault` with the context that it had, not with the group's."""
    context = fault.__context__
    try:
        raise fault
    finally:
        fault.__context__ = context
        del fault, context  # no reference cycle through this frame


def require_trio() -> None:
    """Raise a clear error when there is no Trio run to be part of."""
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "trio_copilot runs inside Trio only: call it from an async function that "
            "was started by trio.run(...), not from asyncio or from synchronous code."
        )
