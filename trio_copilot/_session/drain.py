"""Stops the work of one prompt at the CLI and waits for its end: the *drain* of a turn.

Strategy: four steps, each of which waits for the CLI. The prompt has arrived; the abort
has arrived; the main agent is idle; the session is idle, if nothing in the background
keeps it busy. A drain that is interrupted can be run again: it continues where it was.
The bound (`GRACE`) and the shield are the caller's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs
import trio

from .._peer import Call
from .running import RunningRequests
from .transcript import Transcript

GRACE = 5.0
"""Seconds that a drain may take before the session counts as broken. The CLI needs 0.04;
a hook that does not answer or an MCP server that is starting can hold an abort up."""

SETTLE = 0.25
"""Seconds to wait for `session.idle` once the main agent is idle after an abort: it
follows within milliseconds, or not at all while background work holds the session."""


class Submit(Protocol):
    """Issues a request about the session, as `SessionState.submit` does."""

    def __call__(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_result: Callable[[Any], None] | None = None,
    ) -> Awaitable[Call]:
        """Return the call once it has been issued."""
        ...


@attrs.define(eq=False)
class Drain:
    """The drain of one turn, whether or not it is ever needed."""

    _submit: Submit
    _running: RunningRequests
    _transcript: Transcript
    _ended: trio.Event
    """Set when the turn has its end: then there is nothing to wait for."""
    _started: float | None = attrs.field(default=None, init=False)
    _abort: Call | None = attrs.field(default=None, init=False)
    _abort_answered: bool = attrs.field(default=False, init=False)
    _quiet: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when the abort is answered and the main agent idle, or the turn has ended."""

    @property
    def started(self) -> bool:
        """Whether the work had to be stopped."""
        return self._started is not None

    @property
    def time(self) -> float:
        """Seconds since it started; 0 if it never did."""
        return 0.0 if self._started is None else trio.current_time() - self._started

    def check(self) -> None:
        """Note whether the CLI has obeyed. Called whenever something has arrived."""
        if self._ended.is_set() or (
            self._abort_answered and self._transcript.main_idle
        ):
            self._quiet.set()

    async def run(self, prompt: Call) -> None:
        """Stop the work, and return when nothing more of it will come.

        Args:
          prompt: the call that sent the prompt.
        """
        if self._started is None:
            self._started = trio.current_time()
        # An abort that overtakes the prompt is lost: wait until the prompt has arrived.
        await prompt.settled()
        if prompt.failed or self._ended.is_set():
            return
        if self._abort is None:
            self._abort = await self._submit(
                "session.abort", {}, on_result=self._aborted
            )
        # Not before the abort: with its tools answered, the agent would ask the model
        # once more.
        self._running.refuse()
        await self._abort.settled()
        if not self._abort.failed:
            await self._quiet.wait()
            with trio.move_on_after(SETTLE):
                await self._ended.wait()

    def _aborted(self, result: Any) -> None:
        self._abort_answered = True
        self.check()
