"""The agent asks for a permission, and the peer decides: allow or deny.

Strategy: every request ends exactly once, and the peer is notified how. No decision in time
means no. If the turn is stopped or the peer is gone, `ask` is cancelled, and the session
denies the request for us.

This module does not know what carries the messages.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs
import trio

from trio_copilot import Allow, Decision, Deny, PermissionRequest

from ._messages import (
    DecidePermission,
    Permission,
    PermissionClosed,
    PermissionOutcome,
)
from ._outbox import Sink

TIMED_OUT = Deny("Nobody answered the request for permission in time.")


@attrs.define(eq=False)
class _OpenRequest:
    decided: trio.Event = attrs.field(factory=trio.Event)
    decision: Decision = TIMED_OUT
    outcome: PermissionOutcome = "cancelled"


@attrs.define(eq=False)
class Permissions:
    """The open requests for permission of one session."""

    _sink: Sink
    _timeout: float
    """Seconds until a request is denied."""
    turn: str | None = attrs.field(default=None, init=False)
    """The peer's id of the open turn."""
    # {id in the messages: request}
    _open: dict[str, _OpenRequest] = attrs.field(
        factory=dict[str, _OpenRequest], init=False
    )
    _numbers: Iterator[int] = attrs.field(
        factory=lambda: itertools.count(1), init=False
    )

    async def ask(self, request: PermissionRequest) -> Decision:
        """Ask the peer: a `PermissionHandler`.

        `Cancelled`: the peer is notified that the request is closed.
        """
        request_id = f"p{next(self._numbers)}"
        opened = self._open[request_id] = _OpenRequest()
        message = Permission(
            request=request_id,
            turn=self.turn,
            kind=request.kind,
            summary=request.subject,
            details=request.details,
            call=request.call_id,
            agent=request.agent_id,
        )
        self._sink.put(message)
        try:
            with trio.move_on_after(self._timeout) as patience:
                await opened.decided.wait()
            if patience.cancelled_caught:
                opened.outcome = "timeout"
        finally:
            del self._open[request_id]
            closed = PermissionClosed(request=request_id, outcome=opened.outcome)
            self._sink.put(closed)
        return opened.decision

    def decide(self, message: DecidePermission) -> bool:
        """Take the peer's decision; false if no such request is open."""
        opened = self._open.get(message.request)
        # A decided request stays in `_open` until the task in `ask` runs again.
        if opened is None or opened.decided.is_set():
            return False
        if message.decision == "allow":
            opened.decision, opened.outcome = Allow(), "allowed"
        else:
            opened.decision, opened.outcome = Deny(message.reason), "denied"
        opened.decided.set()
        return True
