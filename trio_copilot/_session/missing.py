"""That the CLI has no session of some id: it says so in words, not by a code."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from .._errors import RpcError, SessionNotFoundError

_NOT_FOUND = re.compile(
    r"\bSession (file )?not found\b"
    # No session has an id like that, so it is none that can be resumed.
    r"|\bRejected session\.resume request with invalid sessionId\b"
)


@contextmanager
def about_session(session_id: object) -> Generator[None, None, None]:
    """Raise `SessionNotFoundError` if the CLI answers in the block that it has not this one.

    Args:
      session_id: the id in the call; a message that lacks it is about something else.
    """
    try:
        yield
    except RpcError as error:
        told = _NOT_FOUND.search(error.message)
        if told and isinstance(session_id, str) and session_id in error.message:
            raise SessionNotFoundError(
                error.code,
                error.message,
                error.data,
                method=error.method,
                session_id=session_id,
            ) from None
        raise
