"""Continues OpenTelemetry's trace inside the CLI, and back in our tools.

Only for programs that trace: one that has not imported OpenTelemetry pays a dictionary
lookup. The CLI accepts the W3C headers `traceparent` and `tracestate` with a prompt, and
passes them to the tools that it calls; an option of `open_client` decides where it exports
its own spans.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

HEADERS = ("traceparent", "tracestate")


def trace_headers() -> dict[str, str]:
    """Return the headers of the current span; none without tracing."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry import propagate

    headers: dict[str, str] = {}
    propagate.inject(headers)
    return {name: headers[name] for name in HEADERS if name in headers}


@contextmanager
def continued_trace(data: Mapping[str, Any]) -> Generator[None, None, None]:
    """Make the span in the CLI's headers the current one, within the block."""
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
