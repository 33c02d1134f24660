"""Which requests are open, on either side of one connection.

Strategy: a state machine without clocks, tasks or bytes. Each side counts its own ids,
so equal ids of ours and the peer's are unrelated.

What an answer to one of our ids means:

| the id                                 | `settle` returns | the peer                  |
|----------------------------------------|------------------|---------------------------|
| is open                                | its waiter       | answers in time           |
| was abandoned, or open at `close`      | `Stray.LATE`     | did not know, or too late |
| was answered before                    | `Stray.DOUBLE`   | answers twice             |
| was never issued, is a string, is null | `Stray.UNKNOWN`  | is confused               |

For the peer's requests, `answered` returns True exactly once for each `accept`; on False
nothing may be sent.

Memory is bounded by the open requests, plus `MAX_ABANDONED` ids.

This module does not know what a waiter is.
"""

from __future__ import annotations

import enum
from typing import Generic, TypeVar

from .._errors import ProtocolError

W = TypeVar("W")

MAX_ABANDONED = 1024
"""Abandoned ids that are remembered one by one, until their late answers arrive.

Some requests are never answered once cancelled. Beyond this number the oldest are
forgotten, and a second answer to an id that old counts as late.
"""


class Stray(enum.Enum):
    """Why nobody waits for an answer."""

    LATE = "late"
    DOUBLE = "double"
    UNKNOWN = "unknown"


class Ledger(Generic[W]):
    """The open requests of one connection; `W` waits for an answer."""

    def __init__(self) -> None:
        self._waiters: dict[int, W] = {}  # our open requests, {id: waiter}
        self._issued = 0  # the newest id
        self._answered = 0  # the newest id that the peer has answered
        self._abandoned: dict[int, None] = {}  # an ordered set of ids, oldest first
        self._forgotten = 0  # the newest id that was dropped from the abandoned
        self._accepted: set[int | str] = set()  # ids of the peer's open requests
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        ours, theirs = len(self._waiters), len(self._accepted)
        return f"<Ledger {state}, {ours} of ours and {theirs} of theirs unanswered>"

    @property
    def open_calls(self) -> int:
        """How many of our requests are unanswered."""
        return len(self._waiters)

    def issue(self, waiter: W) -> int:
        """Open one of our requests and return its id: 1, 2, 3...

        Raises:
          RuntimeError: the ledger is closed: a caller's mistake.
        """
        if self._closed:
            raise RuntimeError("This ledger is closed: nobody would wake the waiter")
        self._issued += 1
        self._waiters[self._issued] = waiter
        return self._issued

    def settle(self, id: int | str | None) -> W | Stray:  # noqa: A002 - JSON-RPC's word
        """Close one of our requests, which was answered; return its waiter."""
        if not isinstance(id, int) or not 0 < id <= self._issued:
            return Stray.UNKNOWN
        self._answered = max(self._answered, id)
        if id in self._waiters:
            return self._waiters.pop(id)
        if id in self._abandoned:
            del self._abandoned[id]
            return Stray.LATE
        return Stray.LATE if id <= self._forgotten else Stray.DOUBLE

    def is_open(self, id: int) -> bool:  # noqa: A002 - JSON-RPC's word
        """Whether one of our requests is unanswered and still has its waiter."""
        return id in self._waiters

    def unread(self) -> list[int]:
        """Return our open requests that the peer may not have read yet.

        It has read everything up to the newest request that it has answered.
        """
        return [each for each in self._waiters if each > self._answered]

    def abandon(self, id: int) -> bool:  # noqa: A002 - JSON-RPC's word
        """Stop waiting for one of our requests; False if it is not open anymore."""
        if id not in self._waiters:
            return False
        del self._waiters[id]
        self._abandoned[id] = None
        if len(self._abandoned) > MAX_ABANDONED:
            oldest = next(iter(self._abandoned))
            del self._abandoned[oldest]
            self._forgotten = max(self._forgotten, oldest)
        return True

    def close(self) -> list[W]:
        """Close all our requests and return their waiters."""
        self._closed = True
        self._forgotten = self._issued
        self._abandoned.clear()
        waiters = list(self._waiters.values())
        self._waiters.clear()
        return waiters

    def accept(self, id: int | str) -> None:  # noqa: A002 - JSON-RPC's word
        """Open a request of the peer.

        Raises:
          ProtocolError: it already has an open request with that id.
        """
        if id in self._accepted:
            raise ProtocolError(f"A second request came with the open id {id!r:.100}")
        self._accepted.add(id)

    def answered(self, id: int | str) -> bool:  # noqa: A002 - JSON-RPC's word
        """Close a request of the peer; False if it is not open: do not answer it."""
        if id not in self._accepted:
            return False
        self._accepted.remove(id)
        return True
