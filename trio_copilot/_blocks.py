"""What `async with` enters: every block of the public API, and what it says of misuse.

`as_block` makes one of an async generator function. It keeps Ctrl-C from tearing the
block, and tells a user who awaits it, iterates it, or forgets it, what to write instead.
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

    Trio raises KeyboardInterrupt in whatever code is running. Between the lines that
    enter or leave a block it would skip the rest of them. In here it waits for the next
    checkpoint; the body of the block is interrupted as ever.
    """
    manager = asynccontextmanager(function)

    @wraps(function)
    def block(*args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[T]:
        try:
            made = manager(*args, **kwargs)
        except TypeError:  # no line of the function has run: an argument is wrong
            check_options(function.__name__, kwargs, signature(function).parameters)
            raise
        return _Block(made, function.__name__)

    return block


def called(
    name: str, block: AbstractAsyncContextManager[T]
) -> AbstractAsyncContextManager[T]:
    """Return a block that has not been entered, under the name that users call it by."""
    assert isinstance(block, _Block)
    block._name = name
    return block


class _Block(AbstractAsyncContextManager[T]):
    _name = "?"
    _entered = False
    _told = False
    """An error has said already that it was not entered."""

    def __init__(self, manager: AbstractAsyncContextManager[T], name: str) -> None:
        self._manager = manager
        self._name = name

    def __repr__(self) -> str:
        return f"<block {self._name}(...){'' if self._entered else ', not entered'}>"

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> T:
        if self._entered:
            raise RuntimeError(f"{self._name}(...) is entered once: call it again")
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
        """Be there, so that a plain `with` gets as far as `__enter__`."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            self._misuse(f"without {name!r}; what it gives may have it")
        )

    def __del__(self) -> None:
        if not self._entered and not self._told:
            problem = "that was never entered, so nothing has happened"
            warnings.warn(self._misuse(problem), RuntimeWarning, 2, self)

    def _misuse(self, what: str) -> str:
        self._told = True
        name = f"{self._name}(...)"
        return f"{name} is a block {what}: async with {name} as ...:"
