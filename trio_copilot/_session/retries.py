"""Why the CLI retries a model call, and how long it waited before it did.

The event of the retry names the reason in a word; `model.call_failure` has the rest. The
wait is the difference of their timestamps.
"""

from __future__ import annotations

from .._json import as_object, as_text, decode_leniently
from .._protocol.envelope import SessionEvent
from .turn_events import Retry


def retry_of(
    event: SessionEvent, kind: str, dropped_text: str, failure: SessionEvent | None
) -> Retry:
    """Return the turn event for a retry.

    Args:
      event: the one that announces the retry, or the first piece of the new call.
      kind: the CLI's word for the reason.
      dropped_text: what the failed call had streamed.
      failure: the event of the failure, if there was one.
    """
    data = as_object(failure.payload) if failure is not None else {}
    status = data.get("statusCode")
    waited = None
    if failure is not None and failure.timestamp and event.timestamp:
        waited = (event.timestamp - failure.timestamp).total_seconds()
    return Retry(
        kind=kind,
        dropped_text=dropped_text,
        status_code=status if isinstance(status, int) else None,
        message=_words(as_text(data.get("errorMessage") or data.get("message"))),
        waited=waited,
        source=event,
    )


def _words(message: str) -> str:
    """Return the provider's own words: its answer is often JSON with a `message`."""
    try:
        decoded = decode_leniently(message.encode("utf-8", "surrogatepass"))
    except ValueError:
        return message
    if isinstance(decoded, str):
        return decoded
    answer = as_object(decoded)
    fields = {**answer, **as_object(answer.get("error"))}
    return as_text(fields.get("message")) or message
