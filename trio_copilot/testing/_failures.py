"""How the CLI reacts when a model call fails: a table, measured on CLI 1.0.102.

The waits of the real CLI are jittered; here they are the same every time.
"""

from __future__ import annotations

import attrs

from ._script import Reply

_API_WAITS: tuple[float, ...] = (1.5, 0.8, 1.9, 4.7, 7.2)
_RATE_LIMIT_WAITS: tuple[float, ...] = (8.0, 8.0, 11.0, 14.0, 18.0)
_STREAM_WAITS: tuple[float, ...] = (1.0,) * 5
_AUTHENTICATION_WAITS: tuple[float, ...] = (1.5, 2.0)

_RETRY_NOTICES = {
    "api_error": "Request failed due to a transient API error. Retrying...",
    "transient_auth_error": "Request failed due to a transient API error. Retrying...",
    "streaming_error": "Response was interrupted due to a server error. Retrying...",
}


@attrs.frozen
class Failure:
    """How one model call failed, and how often and when it is tried again.

    Attributes:
      kind: the `errorType` if the CLI gives up.
      reason: the `reason` of a retry.
      waits: seconds before each retry.
      message: the message of the model's server, or of the transport.
      status: the HTTP status, if there was one.
    """

    kind: str
    reason: str
    waits: tuple[float, ...]
    message: str
    status: int | None = None

    @property
    def notice(self) -> str | None:
        """The message to the user about a retry, if there is one."""
        return _RETRY_NOTICES.get(self.reason)

    def verdict(self, waited: list[float]) -> str:
        """Return the message of the `session.error` after the last retry."""
        if self.kind == "authentication":
            return f"Authentication failed with provider (HTTP {self.status})."
        if not waited:
            return self.message
        return (
            "Failed to get response from the AI model; retried "
            f"{len(waited)} times (total retry wait time: {sum(waited):.2f} seconds) "
            f"Last error: {self.message}"
        )


def failure_of(reply: Reply) -> Failure | None:
    """Return how a model call with that reply fails, or `None` if it does not."""
    if reply.then == "drop" and reply.status == 200:
        lost = "Failed native model HTTP request: error decoding response body"
        return Failure("query", "streaming_error", _STREAM_WAITS, lost)
    status = reply.status
    message = f"{status} {reply.content or f'scripted error {status}'}"
    if status == 200:
        return None
    if status == 429:
        after = reply.retry_after
        waits = _RATE_LIMIT_WAITS if after is None else (after,) * 5
        return Failure("rate_limit", "rate_limit", waits, message, status)
    if status in (401, 403):
        waits = _AUTHENTICATION_WAITS if status == 401 else ()
        reason = "transient_auth_error"
        return Failure("authentication", reason, waits, message, status)
    waits = _API_WAITS if status >= 500 else ()
    return Failure("query", "api_error", waits, message, status)
