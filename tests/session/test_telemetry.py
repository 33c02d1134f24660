"""A trace goes into the CLI with the prompt and comes back with the tool call."""

from __future__ import annotations

import subprocess
import sys

import trio
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from trio_copilot import open_client, tool
from trio_copilot._telemetry import continued_trace
from trio_copilot.testing import open_scripted_cli

TRACE_ID, SPAN_ID = 0xABCDEF, 0x123456
SPAN = NonRecordingSpan(
    SpanContext(TRACE_ID, SPAN_ID, is_remote=False, trace_flags=TraceFlags(1))
)
HEADER = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"


async def test_a_prompt_carries_the_current_span(autojump_clock) -> None:
    with trio.fail_after(60):
        async with (
            open_scripted_cli(["one", "two"]) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            with trace.use_span(SPAN):
                await session.ask("traced")
            await session.ask("not traced")

    traced, untraced = cli.calls("session.send")
    assert traced["traceparent"] == HEADER
    assert "traceparent" not in untraced


async def test_a_tool_runs_under_the_span_that_the_cli_names(autojump_clock) -> None:
    seen: list[SpanContext] = []

    @tool
    async def look() -> None:
        """Look at the span."""
        seen.append(trace.get_current_span().get_span_context())

    with trio.fail_after(60):
        async with (
            open_scripted_cli([]) as cli,
            open_client(cli.stream) as client,
            client.open_session(tools=[look]) as session,
        ):
            request = {"requestId": "r", "toolCallId": "c", "toolName": "look"}
            cli.emit(
                session.id,
                "external_tool.requested",
                {**request, "traceparent": HEADER, "arguments": {}},
            )
            await cli.wait_for("session.tools.handlePendingToolCall")

    assert [(s.trace_id, s.span_id) for s in seen] == [(TRACE_ID, SPAN_ID)]


def test_garbage_for_a_header_is_no_trace() -> None:
    with continued_trace({"traceparent": 7}):
        assert not trace.get_current_span().get_span_context().is_valid


def test_who_does_not_trace_does_not_import_opentelemetry() -> None:
    code = (
        "import sys, trio_copilot._telemetry as t; assert t.trace_headers() == {}\n"
        "with t.continued_trace({'traceparent': 'x'}): pass\n"
        "assert not any(m.startswith('opentelemetry') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
