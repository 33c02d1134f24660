"""The exceptions that are also Trio's own: see the diagram in `_errors`.

They are above the sans-IO core, which may not know Trio.
"""

from __future__ import annotations

import trio

from ._errors import CopilotError


class ClientClosedError(CopilotError, trio.ClosedResourceError):
    """The client was used after its `open_client` block."""

    def __init__(self, message: str = "The client's block has been left") -> None:
        super().__init__(message)


class SessionClosedError(CopilotError, trio.ClosedResourceError):
    """The session was closed: its block was left, or another client ended it."""

    def __init__(self, message: str = "The session has been closed") -> None:
        super().__init__(message)


class SessionBrokenError(CopilotError, trio.BrokenResourceError):
    """The CLI ignored an abort for too long: the state of the session is unknown.

    Leaving the session's block still releases it.
    """


class SessionBusyError(CopilotError, trio.BusyResourceError):
    """A second turn, or a second task iterating the same turn.

    To talk to a session during a turn use `Turn.steer` or `Session.send`.
    """
