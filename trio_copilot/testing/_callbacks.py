"""Requests to the client: they wait for its answer, for ever if none comes.

This module knows neither what is asked nor what an answer means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import trio

from .._wire.messages import ErrorResponse, Message, Request, Response

Answer: TypeAlias = Response | ErrorResponse


class Callbacks:
    """What the client was asked and has not answered yet."""

    def __init__(self, post: Callable[[Message], None]) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        self._waiting: dict[int | str | None, Callable[[Answer], object]] = {}

    def ask(self, method: str, params: Any, then: Callable[[Answer], object]) -> None:
        """Make a request, and call `then` with the answer to it."""
        number = next(self._numbers)
        self._waiting[number] = then
        self._post(Request(number, method, params))

    async def request(self, method: str, params: Any) -> Answer:
        """Make a request and wait for the answer to it.

        Cancelled: the client has the request; its answer goes nowhere.
        """
        answered = trio.Event()
        answers: list[Answer] = []

        def take(answer: Answer) -> None:
            answers.append(answer)
            answered.set()

        self.ask(method, params, take)
        await answered.wait()
        return answers[0]

    def take(self, answer: Answer) -> None:
        """Take an answer of the client's; one that nobody waits for is dropped."""
        then = self._waiting.pop(answer.id, None)
        if then is not None:
            then(answer)


def result_of(answer: Answer) -> Any:
    """Return the result of a request, or `None` if it failed."""
    return answer.result if isinstance(answer, Response) else None
