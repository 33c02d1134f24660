"""Being logged out: how the CLI reports it, and what to do about it.

Without an account the CLI starts and opens sessions, and then fails the first prompt of a
session without a provider. It reports a failed "query" that lacks a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .._errors import RpcError
from .._json import as_object, as_text
from .turn_events import TurnError

LOGGED_OUT = "Nobody is logged in to Copilot, and no provider is set"
LOGIN_ADVICE = (
    "Log in with `trio-copilot login`, set COPILOT_GITHUB_TOKEN, or give the session a "
    "provider of your own."
)

_REPORTED_AS = "No GitHub OAuth token"


def turn_error(data: Mapping[str, Any]) -> TurnError:
    """Return the error that the payload of a `session.error` describes."""
    message, kind = as_text(data.get("message")), as_text(data.get("errorType"))
    if _REPORTED_AS in message:
        kind = "authentication"
        message = f"{LOGGED_OUT}. {LOGIN_ADVICE} (The CLI reports: {message})"
    status = data.get("statusCode")
    return TurnError(
        message or "The turn failed and the CLI did not say why",
        kind=kind or "unknown",
        status_code=status if isinstance(status, int) else None,
    )


async def is_logged_out(call: Callable[[str], Awaitable[Any]]) -> bool:
    """Return whether every prompt must fail because account and provider are missing.

    This calls no model. Protocol: `session.gitHubAuth.getStatus`, `session.model.list`.

    Args:
      call: `Session.call` of the session in question.
    """
    try:
        status = as_object(await call("session.gitHubAuth.getStatus"))
        if status.get("isAuthenticated") is not False:
            return False
        # With a provider the list is empty; without one the CLI refuses.
        await call("session.model.list")
    except RpcError as error:
        return "Not authenticated" in error.message
    return False
