"""The model calls of a scripted peer, and what tests may ask about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._changes import Changes
from ._script import ModelRequest, Reply, Script, ScriptReader


class CallRecord(ScriptReader):
    """Answers model calls from a script and remembers which were given up.

    Attributes:
      changes: wakes tasks that wait for anything in this record.
      in_progress: the numbers of the calls that are being answered.
      given_up: the numbers of the calls that ended before their answer did.
    """

    def __init__(self, script: Script | Reply) -> None:
        super().__init__(script)
        self.changes: Changes = Changes()
        self.in_progress: list[int] = []
        self.given_up: list[int] = []

    def begin(self, raw: Mapping[str, Any]) -> tuple[ModelRequest, Reply]:
        """Record a call that has arrived and return it with its reply."""
        request, reply = self.read(raw)
        self.in_progress.append(request.number)
        self.changes.happened()
        return request, reply

    def finish(self, request: ModelRequest) -> None:
        """Record that a call is over, answered or not."""
        self.in_progress.remove(request.number)
        self.changes.happened()

    def give_up(self, request: ModelRequest) -> None:
        """Record that the CLI has lost interest in a call."""
        self.given_up.append(request.number)
        self.changes.happened()


class ModelRecord:
    """What tests may ask about the model calls of a scripted peer, whichever it is."""

    def __init__(self, calls: CallRecord) -> None:
        self._calls = calls

    @property
    def requests(self) -> Sequence[ModelRequest]:
        """Every model call so far."""
        return self._calls.requests

    @property
    def in_progress(self) -> Sequence[int]:
        """The numbers of the model calls that are being answered now."""
        return tuple(self._calls.in_progress)

    @property
    def unanswered(self) -> Sequence[ModelRequest]:
        """The model calls that came after the end of the script; best none."""
        return self._calls.unanswered

    @property
    def disconnected(self) -> list[int]:
        """The numbers of the model calls that the CLI gave up, in that order.

        It closed the connection before the answer was complete: because of an abort, or
        because the session ended.
        """
        return self._calls.given_up

    async def wait_request(self, number: int = 1) -> ModelRequest:
        """Wait until model call `number` has arrived, and return it.

        Cancelled: nothing has happened.
        """
        await self._calls.changes.wait_until(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def wait_quiet(self) -> None:
        """Wait until no model call is being answered.

        Cancelled: nothing has happened.
        """
        await self._calls.changes.wait_until(lambda: not self.in_progress)

    async def wait_disconnect(self, number: int = 1) -> None:
        """Wait until the CLI has given up model call `number`.

        A call whose answer is complete cannot be given up: then this never returns.
        Cancelled: nothing has happened.
        """
        await self._calls.changes.wait_until(lambda: number in self.disconnected)
