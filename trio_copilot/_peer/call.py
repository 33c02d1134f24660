"""One request of ours, from its issue to its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from .._errors import CopilotError, RpcError
from .._wire.codes import METHOD_NOT_FOUND
from .._wire.messages import ErrorResponse, Response

OnAnswer = Callable[[Any], None]


@attrs.define(eq=False)
class Call:
    """An issued request, and its answer once there is one."""

    method: str
    _on_result: OnAnswer | None = None
    _done: trio.Event = attrs.field(factory=trio.Event, init=False)
    _result: Any = attrs.field(default=None, init=False)
    _error: CopilotError | None = attrs.field(default=None, init=False)

    @property
    def failed(self) -> bool:
        """Whether the answer is an error, or will never come."""
        return self._error is not None

    @property
    def is_unknown(self) -> bool:
        """Whether the peer answered that it has no such method."""
        error = self._error
        return isinstance(error, RpcError) and error.code == METHOD_NOT_FOUND

    @property
    def is_settled(self) -> bool:
        """Whether there is any answer, or the connection has ended."""
        return self._done.is_set()

    async def settled(self) -> None:
        """Wait until there is any answer, or the connection has ended."""
        await self._done.wait()

    async def result(self) -> Any:
        """Wait for the answer and return its result.

        `Cancelled` leaves the call open: its answer is still accepted.

        Raises:
          RpcError: the peer answered with an error.
          CopilotError: the connection ended first; the error tells how.
        """
        await self._done.wait()
        if self._error is not None:
            raise self._error.renewed()
        return self._result

    def settle(self, answer: Response | ErrorResponse) -> None:
        """Take the answer, and wake the waiters. The peer calls it."""
        if isinstance(answer, Response):
            self._result = answer.result
            if self._on_result is not None:
                self._on_result(answer.result)
        else:
            self._error = RpcError(
                answer.code, answer.message, answer.data, method=self.method
            )
        self._done.set()

    def fail(self, error: CopilotError) -> None:
        """Wake the waiters: there will be no answer. The peer calls it."""
        self._error = error
        self._done.set()
