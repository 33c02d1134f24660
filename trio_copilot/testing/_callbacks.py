"""Requests to the client: each waits for its answer, for ever if none comes.

This module knows neither the requests nor what an answer means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

import trio

from .._wire.messages import ErrorResponse, Message, Request, Response

T = TypeVar("T")

ClientAnswer: TypeAlias = Response | ErrorResponse


class Callbacks:
    """The requests that the client has not answered yet."""

    def __init__(self, post: Callable[[Message], None]) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        # {request id: what to call with the answer}
        self._waiting: dict[int | str | None, Callable[[ClientAnswer], object]] = {}

    def ask(
        self, method: str, params: Any, then: Callable[[ClientAnswer], object]
    ) -> None:
        """Make a request, and call `then` with the answer to it."""
        number = next(self._numbers)
        self._waiting[number] = then
        self._post(Request(number, method, params))

    async def request(self, method: str, params: Any) -> ClientAnswer:
        """Make a request and wait for the answer to it.

        Cancelled: the client has the request; its answer is dropped.
        """
        return await called_back(partial(self.ask, method, params))

    def take(self, answer: ClientAnswer) -> None:
        """Take an answer; one that nothing waits for is dropped."""
        then = self._waiting.pop(answer.id, None)
        if then is not None:
            then(answer)


async def called_back(begin: Callable[[Callable[[T], None]], object]) -> T:
    """Call `begin` with a callback, and wait for the value that it is called with.

    Cancelled: a later call of the callback has no effect.
    """
    called = trio.Event()
    values: list[T] = []

    def take(value: T) -> None:
        values.append(value)
        called.set()

    begin(take)
    await called.wait()
    return values[0]


def result_of(answer: ClientAnswer) -> Any:
    """Return the result of a request, or `None` if it failed."""
    return answer.result if isinstance(answer, Response) else None
