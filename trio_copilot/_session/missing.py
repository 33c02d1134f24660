"""Recognises that the CLI has no session with some id, which it reports without a code."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from .._errors import RpcError, SessionNotFoundError

_NOT_FOUND = re.compile(
    r"\bSession (file )?not found\b"
    # No session has such an id, so none can be resumed.
    r"|\bRejected session\.resume request with invalid sessionId\b"
)


@contextmanager
def about_session(session_id: object) -> Generator[None, None, None]:
    """Raise `SessionNotFoundError` for an answer in the block that this one is missing.

    Args:
      session_id: the id in the call; a message without it is about something else.
    """
    try:
        yield
    except RpcError as error:
        missing = _NOT_FOUND.search(error.message)
        if missing and isinstance(session_id, str) and session_id in error.message:
            raise SessionNotFoundError(
                error.code,
                error.message,
                error.data,
                method=error.method,
                session_id=session_id,
            ) from None
        raise
