"""Plays the steps of the demo on a stage, measures them and checks their promises."""

from __future__ import annotations

import inspect
import json
import math
import os
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import trio

from trio_copilot import CancelCause, Client, Session, TurnEnd, TurnEndReason

from . import demo_steps as steps
from .page import Page
from .stage import Stage, open_stage

STOP_TIMEOUT = 5.0
"""Seconds for the model to see that its connection was closed; it takes milliseconds."""


async def perform(page: Page, cli: Path | None) -> None:
    """Play all steps; `page.has_problem` says whether a promise was broken.

    Args:
      page: where to show what happens.
      cli: the CLI to start; `None` is a scripted one.
    """
    begun = trio.current_time()
    async with open_stage(cli, steps.answer) as stage:
        _introduce(page, stage, cli, trio.current_time() - begun)
        await _play(page, stage)
    _look_back(page, stage.client)


def _introduce(page: Page, stage: Stage, path: Path | None, took: float) -> None:
    client = stage.client
    page.title(f"Copilot CLI {client.cli_version}, started in {took:.2f} s")
    page.fact(str(path) if path else "a scripted stand-in for the CLI: no process")
    page.fact(f"its model is a script: {stage.model!r}")


@attrs.frozen
class Run:
    """How a step went; times in seconds since its beginning."""

    end: TurnEnd
    pieces: list[tuple[float, str]]
    """When each piece of text came, and the piece."""
    took: float

    @property
    def first(self) -> float:
        """When the first piece came; infinite if there was none."""
        return self.pieces[0][0] if self.pieces else math.inf

    @property
    def rate(self) -> float:
        """Pieces per second, after the first."""
        span = self.pieces[-1][0] - self.first if self.pieces else 0.0
        return (len(self.pieces) - 1) / span if span else 0.0


Step = Callable[[Session, steps.Show], Awaitable[TurnEnd]]
Check = Callable[[Page, Run, Stage], Awaitable[None]]


async def _play(page: Page, stage: Stage) -> None:
    tools = [steps.temperature]
    async with stage.client.open_session(tools=tools, **stage.options) as session:
        page.fact(f"session {session.id}")
        for number, (step, check) in enumerate(STEPS, 1):
            page.title(f"{number}. {inspect.getdoc(step)}")
            page.code(code_of(step))
            run = await _run(page, step, session)
            await check(page, run, stage)


async def _run(page: Page, step: Step, session: Session) -> Run:
    begun = trio.current_time()
    pieces: list[tuple[float, str]] = []

    def show(text: str) -> None:
        pieces.append((trio.current_time() - begun, text))
        page.piece(text)

    page.line("")
    end = await step(session, show)
    took = trio.current_time() - begun
    page.line("\n")
    return Run(end, pieces, took)


def code_of(step: Step) -> str:
    """Return the body of a step, and before it the tool that it is about."""
    lines = inspect.getsource(step).splitlines()[2:-1]  # no head, docstring and return
    code = textwrap.dedent("\n".join(lines))
    if step is steps.use_tool:
        assert steps.temperature.handler is not None
        return f"{inspect.getsource(steps.temperature.handler)}\n{code}"
    return code


# -- what each step promises


async def _check_stream(page: Page, run: Run, stage: Stage) -> None:
    usage = run.end.usage
    page.fact(
        f"first word after {run.first:.2f} s, then {run.rate:.0f} per second; "
        f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
    )
    page.check(run.end.reason is TurnEndReason.COMPLETE, "the turn is complete")
    page.check(
        len(run.pieces) > 1 and run.end.text == steps.HELLO,
        f"the text came in {len(run.pieces)} pieces and is whole",
    )
    await trio.lowlevel.checkpoint()


async def _check_tool(page: Page, run: Run, stage: Stage) -> None:
    calls = run.end.tool_calls
    for call in calls:
        page.fact(f"the model called {call.name}({json.dumps(call.arguments)})")
    page.check(
        [call.arguments for call in calls] == [{"city": "Oslo"}]
        and "17 degrees in Oslo" in run.end.text,
        "your function was called, and the model used what it returned",
    )
    await trio.lowlevel.checkpoint()


async def _check_deadline(page: Page, run: Run, stage: Stage) -> None:
    end, stop = run.end, run.took - steps.DEADLINE
    page.fact(f"turn.end: reason {end.reason}, cause {end.cause}")
    page.check(
        end.cause is CancelCause.DEADLINE
        and "".join(steps.COUNTING).startswith(end.text),
        f"the deadline ended the turn, and what had arrived is kept: {end.text[-9:]!r}",
    )
    page.check(stop < STOP_TIMEOUT, f"the CLI had stopped {stop * 1000:.0f} ms later")
    with trio.move_on_after(STOP_TIMEOUT) as patience:
        await stage.model.wait_disconnect(len(stage.model.requests))
    page.check(
        not patience.cancelled_caught, "the model has seen its connection closed"
    )


async def _check_next(page: Page, run: Run, stage: Stage) -> None:
    page.check(
        run.end.reason is TurnEndReason.COMPLETE and run.end.text == steps.STILL_HERE,
        "the session answers, with nothing left of the turn that was stopped",
    )
    await trio.lowlevel.checkpoint()


STEPS: tuple[tuple[Step, Check], ...] = (
    (steps.stream, _check_stream),
    (steps.use_tool, _check_tool),
    (steps.run_out_of_time, _check_deadline),
    (steps.go_on, _check_next),
)


def _look_back(page: Page, client: Client) -> None:
    page.title("All blocks are left")
    if client.pid is not None:
        page.check(not _exists(client.pid), f"process {client.pid} is gone")
    page.check(not page.has_problem, "everything was as promised")


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # pragma: no cover - no harmless way to ask there
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
