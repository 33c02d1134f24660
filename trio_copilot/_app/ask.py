"""`trio-copilot ask`: one prompt, the answer on stdout as it comes.

Strategy: one turn in one session of one client; leaving these blocks, in whatever way,
stops the work. Only the answer goes to stdout; tool calls, denials and retries are
reported on stderr.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import attrs
import click
import trio

from trio_copilot import (
    CancelCause,
    Correction,
    Decision,
    Notice,
    PermissionRequest,
    Retry,
    SessionOptions,
    TextDelta,
    ToolCall,
    ToolResult,
    TurnEnd,
    TurnEndReason,
    TurnEvent,
    allow_all,
    deny_all,
    open_client,
)

from .connecting import (
    connection_from,
    connection_options,
    model_option,
    provider_from,
    provider_option,
    system_option,
)
from .runner import FAILED, trio_command
from .terminal import AnswerWriter, fail, say

TEXT_CUT = 3
OUT_OF_TIME = 124

LAST_LINE_TIMEOUT = 1.0
"""Seconds for the newline at the end, in case nobody is reading stdout."""

_SECONDS = click.FloatRange(min=0, min_open=True)


@trio_command("ask")
@click.argument("prompt")
@model_option
@system_option
@click.option(
    "--timeout", type=_SECONDS, metavar="SECONDS", help="Stop after this time in all."
)
@click.option(
    "--idle-timeout",
    type=_SECONDS,
    metavar="SECONDS",
    help="Stop after this time without an event.",
)
@click.option(
    "--allow-all",
    "allows_all",
    is_flag=True,
    help="Let the agent do whatever it wants: run commands, write files, open URLs. "
    "Without this, everything that needs a permission is denied.",
)
@provider_option
@connection_options
async def ask(
    prompt: str,
    model: str | None,
    system: str | None,
    timeout: float | None,
    idle_timeout: float | None,
    allows_all: bool,
    provider_url: str | None,
    cli: Path | None,
    url: str | None,
) -> int:
    """Ask PROMPT and print the answer as it comes; `-` reads the prompt from stdin.

    Exit status: 0 the answer is complete, 1 it failed, 3 it was cut at the model's token
    limit, 124 out of time, 130 Ctrl-C. A second Ctrl-C does not wait for the CLI.
    """
    if prompt == "-":
        if sys.stdin is None:  # as after `<&-`
            raise click.UsageError("stdin is closed: there is no prompt to read")
        prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not prompt.strip():
        raise click.UsageError("The prompt is empty: there is nothing to ask")
    display = Display()
    options = SessionOptions(
        model=model,
        system_message=system,
        provider=provider_from(provider_url, model),
        on_permission_request=allow_all if allows_all else display.deny,
        client_name="trio-copilot",
    )
    end: TurnEnd | None = None
    with trio.move_on_after(math.inf if timeout is None else timeout):
        async with open_client(connection_from(cli, url)) as client:
            async with client.open_session(options) as session:
                async with session.turn(prompt, idle_timeout=idle_timeout) as turn:
                    async for event in turn:
                        await display.show(event)
                # Here, for the deadline may pass while the blocks are left.
                end = turn.end
    # Outside of the deadline, which may have passed in the middle of a line.
    with trio.move_on_after(LAST_LINE_TIMEOUT):
        await display.answer.end_line()
    if end is None:
        fail(f"stopped after {timeout:g} s (--timeout)")
        return OUT_OF_TIME
    return _status(end)


def _status(end: TurnEnd) -> int:
    """Report how a turn ended, unless it is complete, and return the exit status.

    Raises:
      TurnError: it failed.
    """
    end.raise_for_error()
    if end.reason is TurnEndReason.COMPLETE:
        return 0
    if end.reason is TurnEndReason.MAX_TOKENS:
        fail("the answer was cut at the model's token limit")
        return TEXT_CUT
    if end.cause is CancelCause.IDLE_TIMEOUT:
        pending = f"; {', '.join(end.pending)} was pending" if end.pending else ""
        fail(
            f"stopped after {end.silence:.1f} s of silence (--idle-timeout); the last "
            f"event was {end.last_event or 'none'}{pending}"
        )
        return OUT_OF_TIME
    fail("the answer was stopped at the CLI")
    return FAILED


@attrs.define
class Display:
    """Shows the events of a turn."""

    answer: AnswerWriter = attrs.field(factory=AnswerWriter)
    _begins_line: bool = False
    """Whether the next text begins a line."""

    async def show(self, event: TurnEvent) -> None:
        """Show an event that is meant to be shown."""
        match event:
            case TextDelta(text=text, separator=separator, agent_id=None):
                if self._begins_line or separator:
                    await self.answer.end_line()
                self._begins_line = False
                await self.answer.write("\n" * bool(separator) + text)
            case Correction(text=text, agent_id=None):
                await self._say("[corrected] the text above came out of order; it is:")
                await self.answer.end_line()
                await self.answer.write(text)
            case ToolCall(name=name, arguments=arguments):
                text = (
                    arguments if isinstance(arguments, str) else json.dumps(arguments)
                )
                await self._say(f"[{name}] {text}")
            case ToolResult(success=False, text=text):
                await self._say(f"[failed] {text}")
            case Retry():
                self._begins_line = True
                await self._say(f"[retry] {_describe(event)}")
            case Notice(kind="model_retry"):
                await trio.lowlevel.checkpoint()  # Retry has said it
            case Notice(kind=kind, text=text):
                await self._say(f"[{kind}] {text}")
            case _:
                await trio.lowlevel.checkpoint()

    async def deny(self, request: PermissionRequest) -> Decision:
        """Deny what the agent asks for, and report it."""
        await self._say(
            f"[denied] {request.kind}: {request.subject} (--allow-all would permit it)"
        )
        return await deny_all(request)

    async def _say(self, text: str) -> None:
        await self.answer.make_way()
        say(text)


def _describe(retry: Retry) -> str:
    status = retry.status_code and f"HTTP {retry.status_code}"
    why = ", ".join(str(each) for each in (retry.kind, status, retry.message) if each)
    after = "" if retry.waited is None else f" after {retry.waited:.1f} s"
    dropped = len(retry.dropped_text)
    void = f"; the last {dropped} characters are void" * bool(dropped)
    return f"again{after}{void}; the model's call failed: {why}"
