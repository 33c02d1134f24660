"""What the agent asks, and the peer answers: allow or deny.

Strategy: every question ends exactly once, and the peer hears how. Nobody who answers in
time means no; a question whose turn is stopped, or whose peer is gone, is cancelled by
its scope and answered for us by the session, with no.

This module does not know what carries the question.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import attrs
import trio

from trio_copilot import Allow, Decision, Deny, PermissionRequest

from ._messages import Answer, Permission, PermissionClosed
from ._outbox import Sink

TIMED_OUT = Deny("Nobody answered the question for permission in time.")

Outcome = Literal["allowed", "denied", "timeout", "cancelled"]


@attrs.define(eq=False)
class _Question:
    answered: trio.Event = attrs.field(factory=trio.Event)
    decision: Decision = TIMED_OUT
    outcome: Outcome = "cancelled"


@attrs.define(eq=False)
class Permissions:
    """The open questions of one session."""

    _outbox: Sink
    _timeout: float
    turn: str | None = attrs.field(default=None, init=False)
    """The turn that is open, by the peer's id."""
    _open: dict[str, _Question] = attrs.field(factory=dict[str, _Question], init=False)
    _numbers: Iterator[int] = attrs.field(
        factory=lambda: itertools.count(1), init=False
    )

    async def ask(self, request: PermissionRequest) -> Decision:
        """Ask the peer: a `PermissionHandler`.

        `Cancelled`: the peer is told that nobody waits for its answer.
        """
        name = f"p{next(self._numbers)}"
        question = self._open[name] = _Question()
        self._outbox.put(_asked(name, self.turn, request))
        try:
            with trio.move_on_after(self._timeout) as patience:
                await question.answered.wait()
            if patience.cancelled_caught:
                question.outcome = "timeout"
        finally:
            del self._open[name]
            self._outbox.put(PermissionClosed(request=name, outcome=question.outcome))
        return question.decision

    def answer(self, answer: Answer) -> bool:
        """Take the peer's answer; false if nothing like that is open."""
        question = self._open.get(answer.request)
        if question is None or question.answered.is_set():
            return False
        if answer.decision == "allow":
            question.decision, question.outcome = Allow(), "allowed"
        else:
            question.decision, question.outcome = Deny(answer.reason), "denied"
        question.answered.set()
        return True


def _asked(name: str, turn: str | None, request: PermissionRequest) -> Permission:
    return Permission(
        request=name,
        turn=turn,
        kind=request.kind,
        summary=request.subject,
        details=request.details,
        call=request.call_id,
        agent=request.agent_id,
    )
