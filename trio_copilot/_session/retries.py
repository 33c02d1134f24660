"""Why a model call is made again, and how long the CLI waited before it.

The CLI says the reason in a word when the wait is over, and the rest where the call
failed: in `model.call_failure`. It says no wait; its own clock does.
"""

from __future__ import annotations

from .._json import as_object, as_text, decode_leniently
from .._protocol.envelope import SessionEvent
from .turn_events import Retry


def retry_of(
    event: SessionEvent, kind: str, dropped_text: str, failure: SessionEvent | None
) -> Retry:
    """Return what is to be told of a retry.

    Args:
      event: by which the CLI says that the call is made again, or the first piece of
          the new one.
      kind: the CLI's word for the reason.
      dropped_text: what the failed call had streamed.
      failure: by which the CLI said that the call had failed.
    """
    data = as_object(failure.payload) if failure is not None else {}
    status = data.get("statusCode")
    return Retry(
        kind=kind,
        dropped_text=dropped_text,
        status_code=status if isinstance(status, int) else None,
        message=_words(as_text(data.get("errorMessage") or data.get("message"))),
        waited=None if failure is None else _seconds_between(failure, event),
        source=event,
    )


def _words(message: str) -> str:
    """Return what the provider said: its answer is often JSON that has a `message`."""
    try:
        said = decode_leniently(message.encode("utf-8", "surrogatepass"))
    except ValueError:
        return message
    if isinstance(said, str):
        return said
    answer = as_object(said)
    return (
        as_text({**answer, **as_object(answer.get("error"))}.get("message")) or message
    )


def _seconds_between(before: SessionEvent, after: SessionEvent) -> float | None:
    begin, end = before.timestamp, after.timestamp
    return None if begin is None or end is None else (end - begin).total_seconds()
