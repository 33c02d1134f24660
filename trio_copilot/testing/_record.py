"""What tests may ask about the model calls of a scripted peer, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._changes import Changes
from ._script import ModelRequest, Reply, Script, ScriptReader


class ModelRecord:
    """Reads the script, and remembers which model calls came and which were left.

    Attributes:
      disconnected: the numbers of the model calls that the CLI gave up before their
          answer was complete, in that order.
    """

    def __init__(self, script: Script | Reply) -> None:
        self.disconnected: list[int] = []
        self._in_progress: list[int] = []
        self._reader = ScriptReader(script)
        self._changes = Changes()

    @property
    def requests(self) -> Sequence[ModelRequest]:
        """Every model call so far."""
        return self._reader.requests

    @property
    def in_progress(self) -> Sequence[int]:
        """The numbers of the model calls that are being answered now."""
        return tuple(self._in_progress)

    @property
    def unanswered(self) -> Sequence[ModelRequest]:
        """The model calls that came after the end of the script; best none."""
        return self._reader.unanswered

    async def wait_request(self, number: int = 1) -> ModelRequest:
        """Wait until model call `number` has arrived, and return it.

        Cancelled: nothing has happened.
        """
        await self._changes.wait_until(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def wait_quiet(self) -> None:
        """Wait until no model call is being answered.

        Cancelled: nothing has happened.
        """
        await self._changes.wait_until(lambda: not self._in_progress)

    async def wait_disconnect(self, number: int = 1) -> None:
        """Wait until the CLI has given up model call `number`.

        A call whose answer is complete cannot be given up: then this waits for ever.
        Cancelled: nothing has happened.
        """
        await self._changes.wait_until(lambda: number in self.disconnected)

    def _take(self, raw: Mapping[str, Any]) -> tuple[ModelRequest, Reply]:
        request, reply = self._reader.read(raw)
        self._in_progress.append(request.number)
        self._changes.happened()
        return request, reply

    def _over(self, request: ModelRequest) -> None:
        """The call is over, answered or not."""
        self._in_progress.remove(request.number)
        self._changes.happened()

    def _give_up(self, request: ModelRequest) -> None:
        self.disconnected.append(request.number)
        self._changes.happened()
