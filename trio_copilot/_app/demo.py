"""`trio-copilot demo`: the library at work, without an account or a network.

Strategy: a real CLI is kept offline against a scripted model on loopback; where there is
none and npm cannot install one, a scripted CLI takes its place. The body of each step is
shown as it stands here, run, measured, and checked against what the step promises.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click
import trio

from trio_copilot import (
    CancelCause,
    CliNotFoundError,
    Session,
    TextDelta,
    TurnEnd,
    TurnEndReason,
    find_cli,
    tool,
)
from trio_copilot._transport.find_cli import PINNED_VERSION

from .connecting import cli_option
from .npm import InstallError, install
from .runner import trio_command
from .terminal import progress

if TYPE_CHECKING:
    from trio_copilot.testing import ModelRequest, Reply, ScriptedCli, ScriptedModel

    from .report import Report

DEMO_TIMEOUT = 60.0
"""Seconds for all steps; they need 8."""

STOP_TIMEOUT = 5.0
"""Seconds until the connection to the model is closed; it takes milliseconds."""

DEADLINE = 1.5
"""Seconds that the third step gives to an answer that would take minutes."""


@trio_command("demo")
@cli_option
@click.option(
    "--scripted",
    is_flag=True,
    help="Use the scripted CLI even if there is a real one.",
)
async def demo(cli: Path | None, scripted: bool) -> int:
    """Show in a few seconds what this package does.

    You need no account: the model is a script on this machine. If there is no Copilot
    CLI, npm installs one. Exit status: 0 everything was as promised, 1 it was not.
    """
    if scripted and cli is not None:
        raise click.UsageError("--scripted uses no CLI and --cli names one: use one")

    from .report import Report  # which loads rich

    report = Report()
    path = None if scripted else await _choose_cli(report, cli)
    with trio.move_on_after(DEMO_TIMEOUT) as patience:
        await perform(report, path)
    if patience.cancelled_caught:
        report.problem(f"not done within {DEMO_TIMEOUT:g} s")
    return 1 if report.has_problem else 0


async def _choose_cli(report: Report, given: Path | None) -> Path | None:
    """Return the CLI to use, installed if need be; `None` is the scripted one."""
    try:
        return find_cli(given)
    except CliNotFoundError:
        if given is not None:
            raise
    try:
        with progress(f"Installing Copilot CLI {PINNED_VERSION} with npm") as show_line:
            return await install(PINNED_VERSION, show_line)
    except InstallError as error:
        report.finding(
            f"no Copilot CLI, and none can be installed: {error.message}",
            "the scripted CLI takes its place",
        )
        return None


# -- the steps: each body is shown without its last line, the return

Show = Callable[[str], None]


async def stream(session: Session, show: Show) -> TurnEnd:
    """An answer, word by word."""
    async with session.turn("Say hello") as turn:
        async for event in turn:
            if isinstance(event, TextDelta):
                show(event.text)
    return turn.end


@tool
async def temperature(city: str) -> str:
    """Measure the temperature in a city."""
    return f"17 degrees in {city}"


async def use_tool(session: Session, show: Show) -> TurnEnd:
    """The model calls your function."""
    end = await session.ask("How warm is it in Oslo?", on_text_delta=show)
    return end  # noqa: RET504  # a line that is not shown


async def run_out_of_time(session: Session, show: Show) -> TurnEnd:
    """A deadline in mid-stream."""
    async with session.turn("Count for ever", timeout=DEADLINE) as turn:  # 1.5 s
        async for text in turn.text_deltas:
            show(text)
    return turn.end


async def ask_again(session: Session, show: Show) -> TurnEnd:
    """The next turn of the same session."""
    end = await session.ask("Are you still there?", on_text_delta=show)
    return end  # noqa: RET504  # a line that is not shown


def code_of(step: Step) -> str:
    """Return the body of a step, and before it the tool that it is about."""
    lines = inspect.getsource(step).splitlines()[2:-1]  # no head, docstring and return
    code = textwrap.dedent("\n".join(lines))
    if step is use_tool:
        assert temperature.handler is not None
        return f"{inspect.getsource(temperature.handler)}\n{code}"
    return code


# -- what the model says

HELLO = (
    "Hello! I am a scripted model. Each word that you read arrives as an event, and your "
    "loop prints it on the spot. Nothing leaves your machine."
)
COUNTING = [f"{number} " for number in range(1, 10_001)]
STILL_HERE = "Yes, still here. The turn before me was stopped, not the session."


def answer(request: ModelRequest) -> Reply:
    """Return what the model says: the script."""
    from trio_copilot.testing import Call, Reply

    last = request.messages[-1]
    if last.get("role") == "tool":
        return Reply(f"I asked your program. It says: {last['content']}.", delay=0.03)
    prompt = request.prompt
    if "How warm" in prompt:
        return Reply(calls=[Call("temperature", {"city": "Oslo"})])
    if "Count for ever" in prompt:
        return Reply(COUNTING, delay=0.05)
    if "still there" in prompt:
        return Reply(STILL_HERE, delay=0.03)
    return Reply(HELLO, delay=0.03)


# -- what each step promises


@attrs.frozen
class Run:
    """How a step went; times in seconds since its beginning."""

    end: TurnEnd
    pieces: list[tuple[float, str]]
    """When each piece of text came, and the piece."""
    took: float
    model: ScriptedModel | ScriptedCli


def check_stream(report: Report, run: Run) -> None:
    """The whole text has arrived, in pieces."""
    times, usage = [time for time, _ in run.pieces], run.end.usage
    if len(times) > 1:
        rate = (len(times) - 1) / max(times[-1] - times[0], 0.001)
        report.fact(
            f"first word after {times[0]:.2f} s, then {rate:.0f} per second; "
            f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
        )
    report.check(run.end.reason is TurnEndReason.COMPLETE, "the turn is complete")
    report.check(
        len(times) > 1 and run.end.text == HELLO,
        f"the text came in {len(times)} pieces and is whole",
    )


def check_tool(report: Report, run: Run) -> None:
    """The function was called, and the model read its result."""
    calls = run.end.tool_calls
    for call in calls:
        report.fact(f"the model called {call.name}({json.dumps(call.arguments)})")
    report.check(
        [call.arguments for call in calls] == [{"city": "Oslo"}]
        and "17 degrees in Oslo" in run.end.text,
        "your function was called, and the model used what it returned",
    )


def check_deadline(report: Report, run: Run) -> None:
    """The turn, the CLI and the model were stopped."""
    end, stop = run.end, run.took - DEADLINE
    report.fact(f"turn.end: reason {end.reason}, cause {end.cause}")
    report.check(
        end.cause is CancelCause.DEADLINE and "".join(COUNTING).startswith(end.text),
        f"the deadline ended the turn, and what had arrived is kept: {end.text[-9:]!r}",
    )
    report.check(stop < STOP_TIMEOUT, f"the CLI had stopped {stop * 1000:.0f} ms later")
    hung_up = run.model.disconnected[-1:] == [len(run.model.requests)]
    report.check(hung_up, "the model has seen its connection closed")


def check_next(report: Report, run: Run) -> None:
    """The session still works."""
    report.check(
        run.end.reason is TurnEndReason.COMPLETE and run.end.text == STILL_HERE,
        "the session answers, with nothing left of the turn that was stopped",
    )


Step = Callable[[Session, Show], Awaitable[TurnEnd]]
Check = Callable[["Report", Run], None]

STEPS: tuple[tuple[Step, Check], ...] = (
    (stream, check_stream),
    (use_tool, check_tool),
    (run_out_of_time, check_deadline),
    (ask_again, check_next),
)


async def perform(report: Report, cli: Path | None) -> None:
    """Run all steps; `report.has_problem` says whether a promise was broken.

    Args:
      report: where to show what happens.
      cli: the CLI to start; `None` is a scripted one.
    """
    from trio_copilot.testing import open_stage

    begun = trio.current_time()
    with tempfile.TemporaryDirectory(prefix="trio-copilot-demo-") as home:
        async with (
            open_stage(answer, cli=cli, home=home) as stage,
            stage.open_client() as client,
        ):
            took = trio.current_time() - begun
            report.title(f"Copilot CLI {client.cli_version}, started in {took:.2f} s")
            report.fact(
                str(cli) if cli else "a scripted stand-in for the CLI: no process"
            )
            report.fact(f"its model is a script: {stage.model!r}")
            async with stage.open_session(tools=[temperature]) as session:
                report.fact(f"session {session.id}")
                for number, (step, check) in enumerate(STEPS, 1):
                    report.title(f"{number}. {inspect.getdoc(step)}")
                    report.code(code_of(step))
                    check(report, await _run(report, step, session, stage.model))
    report.title("All blocks are left")
    if client.pid is not None:
        report.check(not _exists(client.pid), f"process {client.pid} is gone")
    report.check(not report.has_problem, "everything was as promised")


async def _run(
    report: Report, step: Step, session: Session, model: ScriptedModel | ScriptedCli
) -> Run:
    begun = trio.current_time()
    pieces: list[tuple[float, str]] = []

    def show(text: str) -> None:
        pieces.append((trio.current_time() - begun, text))
        report.piece(text)

    report.line("")
    end = await step(session, show)
    took = trio.current_time() - begun
    report.line("\n")
    with trio.move_on_after(STOP_TIMEOUT):
        await model.wait_quiet()
    return Run(end, pieces, took, model)


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # pragma: no cover - no harmless way to ask there
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
