"""The Trio helpers that the cancellation contract stands on. Nothing else shields.

`last_words` shields what must still be said, for a bounded time; `open_service` shields
what it is said through, for as long as the block lasts; `open_block` is the only place
where an exception group is taken apart; `impatient` lets a second Ctrl-C cut last words
short.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NoReturn

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator


@contextmanager
def last_words(seconds: float) -> Generator[trio.CancelScope, None, None]:
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
def impatient(kill: Callable[[], object]) -> Generator[None, None, None]:
    """Call `kill` on Ctrl-C in the block if another one has led into it.

    Who presses it twice does not want to wait for last words, however bounded.
    """
    interrupted = isinstance(sys.exception(), KeyboardInterrupt)
    try:
        yield
    except KeyboardInterrupt:
        if interrupted:
            kill()
        raise


@asynccontextmanager
async def open_block() -> AsyncGenerator[trio.Nursery, None]:
    """A nursery that lets the only fault leave it as itself, not in a group.

    An exception of the body comes out as the same object, a group of the user's own
    included. So does the exception of a task if it is the only one; `Cancelled` beside
    it is no fault. Two real faults make a group.
    """
    fault: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except Exception as error:  # noqa: BLE001  # raised again below
                # Kept out of the nursery, which wraps it and copies a user's group.
                fault = error
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        faults = [e for e in group.exceptions if not isinstance(e, trio.Cancelled)]
        if fault is not None:
            faults.insert(0, fault)
        if len(faults) > 1:
            raise BaseExceptionGroup("Two faults at once", faults) from None
        fault_or_cancelled = faults[0] if faults else group.exceptions[0]
        _raise_as_itself(fault_or_cancelled)
    if fault is not None:
        raise fault


@asynccontextmanager
async def open_service(
    *tasks: Callable[[], Awaitable[object]],
) -> AsyncGenerator[None, None]:
    """Run tasks that the block depends on until the block has been left.

    Cancelling from outside reaches the block at once and these tasks only after it: the
    reader and the writer of a connection must live as long as somebody has last words
    to say over it. The block is not shielded, so the tasks are bounded by it. Ctrl-C does
    not reach them either: Trio would raise it in whatever task is running.
    """
    scopes = [trio.CancelScope(shield=True) for _ in tasks]

    @trio.lowlevel.enable_ki_protection
    async def attend(
        task: Callable[[], Awaitable[object]], scope: trio.CancelScope
    ) -> None:
        with scope:
            await task()

    async with open_block() as nursery:
        for task, scope in zip(tasks, scopes, strict=True):
            nursery.start_soon(attend, task, scope, name=task)
        try:
            yield
        finally:
            for scope in scopes:
                scope.cancel()


def _raise_as_itself(fault: BaseException) -> NoReturn:
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
