"""Recognises by its text the CLI's error for a session that does not exist.

The CLI has no error code for that.
"""

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
    """Raise `SessionNotFoundError` if a call in the block fails because of this session.

    Args:
      session_id: the id in the call; an error that does not name it has another cause.
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
