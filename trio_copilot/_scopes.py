"""The Trio helpers that the cancellation contract stands on. Nothing else shields.

`last_words` shields what must still be said, for a bounded time; `open_service` shields
what it is said through, for as long as the block lasts; `impatient` lets a second Ctrl-C
cut last words short.

Nothing else opens a nursery or splits an exception group either: `open_block`, `closing`,
`entering` and `catching` decide what comes out of a block, all by `raise_faults`.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import trio

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Generator,
        Sequence,
    )

E = TypeVar("E", bound=BaseException)


@contextmanager
def last_words(seconds: float) -> Generator[trio.CancelScope, None, None]:
    """Shield the block from outer cancellation, for a bounded time only.

    For messages that the peer must still get from a task that is already cancelled.

    Args:
      seconds: the bound. When it passes, the block is cancelled, and the yielded scope has
        `cancelled_caught`.
    """
    with trio.move_on_after(seconds) as scope:
        scope.shield = True
        yield scope


@contextmanager
def impatient(kill: Callable[[], object]) -> Generator[None, None, None]:
    """Call `kill` on Ctrl-C in the block if it was entered because of an earlier Ctrl-C.

    A second Ctrl-C means: do not wait, not even briefly.
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
    """A nursery that raises a single fault as itself, not in a group.

    An exception of the body comes out as the same object, even if it is a group. So does
    the exception of a task if it is the only one; `Cancelled` beside it does not count.
    Two real faults make a group.
    """
    errors: list[BaseException] = []
    try:
        # Strict whatever `trio.run` was given: otherwise the only exception of a group
        # would come out bare and look like the body's.
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            try:
                yield nursery
            except BaseException as error:  # noqa: ASYNC103  # raised again below
                if any(_are_cancelled(error)):
                    raise  # only the nursery knows whether its own scope was cancelled
                # It must not pass the nursery, which would wrap it, and copy a user's group.
                errors.append(error)
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        errors += group.exceptions
    if errors:
        raise_faults(errors)


@asynccontextmanager
async def closing(close: Callable[[], Awaitable[object]]) -> AsyncGenerator[None, None]:
    """Call `close` when the block is left, however it is left.

    For a `close` that can be cancelled: in a `finally`, its `Cancelled` would replace the
    exception that leaves the block.
    """
    errors: list[BaseException] = []
    try:
        yield
    except BaseException as error:  # noqa: ASYNC103, BLE001  # raised again below
        errors.append(error)
    try:
        await close()
    except BaseException as error:  # noqa: ASYNC103, BLE001  # raised again below
        errors.append(error)
    if errors:
        raise_faults(errors)


@contextmanager
def entering(scope: trio.CancelScope) -> Generator[trio.CancelScope, None, None]:
    """Enter a cancel scope without copying a user's exception group when cancelled."""
    fault: BaseException | None = None
    with scope:
        try:
            yield scope
        except BaseExceptionGroup as group:
            if any(_are_cancelled(group)):
                raise
            fault = group
    if fault is not None:
        raise_faults([fault])


@contextmanager
def catching(
    kind: type[E] | tuple[type[E], ...], hear: Callable[[E], object]
) -> Generator[None, None, None]:
    """Pass an exception of that kind, alone or the first of a group, to `hear`.

    The others of the group are raised, as with `except*`, but a single one as itself.
    """
    try:
        yield
    except kind as error:
        hear(error)
    except BaseExceptionGroup as group:
        caught, others = group.split(kind)
        if caught is None:
            raise
        hear(cast("E", _leaves(caught)[0]))
        if others is not None:
            raise_faults(others.exceptions)


def raise_faults(errors: Sequence[BaseException]) -> NoReturn:
    """Raise a single fault as itself, several as a group, and `Cancelled` if there is none.

    A group of nothing but `Cancelled` does not count, nor does a second Ctrl-C.
    """
    faults = [error for error in errors if not all(_are_cancelled(error))]
    kinds = {type(fault) for fault in faults}
    if len(faults) > 1 and kinds != {KeyboardInterrupt}:
        raise BaseExceptionGroup("Two faults at once", faults) from None
    _raise_as_itself(faults[0] if faults else _leaves(errors[0])[0])


def _raise_as_itself(fault: BaseException) -> NoReturn:
    """Raise `fault` with the context that it had, not with the group's."""
    context = fault.__context__
    try:
        raise fault
    finally:
        fault.__context__ = context
        del fault, context  # no reference cycle through this frame


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group, or the exception itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [leaf for part in group.exceptions for leaf in _leaves(part)]


def _are_cancelled(error: BaseException) -> list[bool]:
    return [isinstance(leaf, trio.Cancelled) for leaf in _leaves(error)]


@asynccontextmanager
async def open_service(
    *tasks: Callable[[], Awaitable[object]],
) -> AsyncGenerator[None, None]:
    """Run tasks that the block depends on until the block has been left.

    Cancellation from outside reaches the block at once and these tasks only after it: the
    reader and the writer of a connection must live as long as a task has last words to
    send. The block is not shielded, so it bounds the tasks. Ctrl-C does not reach them
    either: Trio would raise it in whatever task is running.
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


def require_trio() -> None:
    """Raise a clear error when there is no Trio run to be part of."""
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "trio_copilot runs inside Trio only: call it from an async function that "
            "trio.run(...) started, not from asyncio or from synchronous code."
        )
