"""The blocks that `async with` enters, and their errors for misuse.

`as_block` makes a block of an async generator function. Ctrl-C cannot leave the block half
entered, and the error for one that is awaited, iterated or never entered shows what to
write instead.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

import trio

from ._did_you_mean import check_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")


def as_block(
    function: Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, AbstractAsyncContextManager[T]]:
    """As `asynccontextmanager`, for blocks that Ctrl-C must not leave half open.

    Trio raises KeyboardInterrupt in whatever code is running. Between the lines that enter
    or leave a block it would skip the rest of them, so there it waits for the next
    checkpoint. The body of the block is interrupted as usual.
    """
    manager = asynccontextmanager(function)

    @wraps(function)
    def block(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[T]:
        try:
            made = manager(*args, **kwargs)
        except TypeError:  # wrong arguments: a generator function runs nothing yet
            check_options(function.__name__, kwargs, signature(function).parameters)
            raise
        return _Block(made, function.__name__)

    return block


def called(
    name: str, block: AbstractAsyncContextManager[T]
) -> AbstractAsyncContextManager[T]:
    """Set the name that the block's errors show: the expression that users write."""
    assert isinstance(block, _Block)
    block.name = name
    return block


class _Block(AbstractAsyncContextManager[T]):
    _entered = False
    _misused = False
    """An error was raised; a warning that the block was never entered would repeat it."""

    def __init__(self, manager: AbstractAsyncContextManager[T], name: str) -> None:
        self._manager = manager
        self.name = name

    def __repr__(self) -> str:
        return f"<block {self.name}(...){'' if self._entered else ', not entered'}>"

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> T:
        if self._entered:
            raise RuntimeError(f"{self.name}(...) is entered once: call it again")
        self._entered = True
        return await self._manager.__aenter__()

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._manager.__aexit__(kind, error, traceback)  # noqa: ASYNC102  # the block shields its steps

    # -- what users try instead

    def __await__(self) -> NoReturn:
        raise TypeError(self._misuse("that is entered, not awaited"))

    def __aiter__(self) -> NoReturn:
        raise TypeError(self._misuse("that is entered before its events are iterated"))

    def __enter__(self) -> NoReturn:
        raise TypeError(self._misuse("for `async with`, not for `with`"))

    def __exit__(self, *_: object) -> None:
        """Exist, so that a plain `with` reaches `__enter__`."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            self._misuse(f"without {name!r}; what it yields may have it")
        )

    def __del__(self) -> None:
        if not self._entered and not self._misused:
            problem = "that was never entered, so nothing has happened"
            warnings.warn(self._misuse(problem), RuntimeWarning, 2, self)

    def _misuse(self, what: str) -> str:
        self._misused = True
        name = f"{self.name}(...)"
        return f"{name} is a block {what}: async with {name} as ...:"
