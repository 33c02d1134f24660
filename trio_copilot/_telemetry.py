"""OpenTelemetry's trace goes on inside the CLI and comes back to our tools.

Only for a program that traces: whoever has not imported OpenTelemetry pays a dictionary
lookup. The CLI takes the W3C headers `traceparent` and `tracestate` with a prompt, and
hands them to the tools that it calls; where it exports its own spans is an option of
`open_client`.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

HEADERS = ("traceparent", "tracestate")


def trace_headers() -> dict[str, str]:
    """Return the headers of the current span; none if nobody traces."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry import propagate

    headers: dict[str, str] = {}
    propagate.inject(headers)
    return {name: headers[name] for name in HEADERS if name in headers}


@contextmanager
def continued_trace(data: Mapping[str, Any]) -> Generator[None, None, None]:
    """Make the span that the CLI names the current one, within the block."""
    headers = {name: data[name] for name in HEADERS if isinstance(data.get(name), str)}
    if not headers or "opentelemetry.trace" not in sys.modules:
        yield
        return
    from opentelemetry import context, propagate

    token = context.attach(propagate.extract(headers))
    try:
        yield
    finally:
        context.detach(token)
