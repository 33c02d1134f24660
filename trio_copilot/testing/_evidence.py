"""What a run leaves behind, and what in it breaks the contract.

The witnesses are the CLI (the frames it received, the fate of its prompts), the model,
Trio (the tasks that live), the system (descriptors, processes) and the log of the turns;
the client's own account counts last.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import trio

from .._client.client import Client
from .._session.requests import ANSWER_PERMISSION, ANSWER_TOOL
from .._session.turn_events import TurnEnd, TurnEndReason
from ._scripted_cli import ScriptedCli
from ._stage import Stage
from ._steps import place_of

MODEL_PATIENCE = 1.0
"""Seconds after an abort until the connection to the model must be closed."""

ALL = logging.getLogger("trio_copilot")
TURNS = logging.getLogger("trio_copilot.turn")


@attrs.define(eq=False)
class Evidence:
    """What is known of one run."""

    problems: list[str] = attrs.field(factory=list[str], init=False)
    ends: list[TurnEnd] = attrs.field(factory=list[TurnEnd], init=False)
    """How the turns ended."""

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a problem unless the claim holds."""
        if not holds:
            self.problems.append(otherwise)

    @contextmanager
    def collected(self) -> Generator[None, None, None]:
        """Watch the system and the log around a run."""
        collector = _Ends(self.ends)
        level, propagate, before = TURNS.level, ALL.propagate, _system_resources()
        ALL.addHandler(collector)
        ALL.propagate = False  # thousands of turns would flood the test's log
        TURNS.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            TURNS.setLevel(level)
            ALL.propagate = propagate
            ALL.removeHandler(collector)
        for kind, number in _system_resources().items():
            extra = number - before[kind]  # below 0 if something older was closed
            self.expect(extra <= 0, f"{extra} {kind} left")

    def compare_tasks(
        self, before: set[trio.lowlevel.Task], now: set[trio.lowlevel.Task]
    ) -> None:
        """Check that every task of the scenario has ended."""
        for task in now - before:
            self.problems.append(f"a task is left: {place_of(task)}")

    def examine_client(self, client: Client, *, sessions: int) -> None:
        """Check that the client has nothing open except what it was given with."""
        now = client.statistics()
        self.expect(now.open_sessions == sessions, f"{now.open_sessions} sessions open")
        self.expect(now.open_turns == 0, "a turn is open")
        self.expect(not now.open_requests, f"not answered: {now.open_requests}")
        self.expect(now.pending_calls == 0, f"{now.pending_calls} calls wait")
        self.expect(
            not now.subscriptions, f"{len(now.subscriptions)} subscriptions left"
        )

    async def examine_model(self, stage: Stage) -> None:
        """Check that no model call is in progress."""
        with trio.move_on_after(MODEL_PATIENCE) as patience:
            await stage.model.wait_quiet()
        self.expect(not patience.cancelled_caught, "the model is still being asked")

    async def examine_cli(self, cli: ScriptedCli, *, died: bool) -> None:
        """Check for whole frames, one answer a request, and at most one abort a turn.

        Args:
          cli: the CLI, once its client has gone.
          died: whether it was killed: then no prompt has to be answered or aborted.
        """
        await cli.wait_gone()
        self.expect(not cli.torn, "a frame was torn")
        for method in (ANSWER_TOOL, ANSWER_PERMISSION):
            answers = Counter(params["requestId"] for params in cli.calls(method))
            for request_id, count in answers.items():
                self.expect(count == 1, f"{request_id} was answered {count} times")
        cancelled = sum(end.reason is TurnEndReason.CANCELLED for end in self.ends)
        aborts = len(cli.calls("session.abort"))
        self.expect(aborts <= cancelled, f"{aborts} aborts for {cancelled} turns")
        if not died:
            # `Session.send` sends a mode, a turn does not.
            owned = sum("mode" not in p for p in cli.calls("session.send"))
            self._compare_fates(cli.fates, owned)

    def _compare_fates(self, fates: Mapping[str, str], owned: int) -> None:
        ends = {end.message_id: end for end in self.ends if end.message_id}
        for message_id, fate in fates.items():
            end = ends.get(message_id)
            self.expect(fate != "open", f"the CLI still works on {message_id}")
            self.expect(fate != "let go", f"{message_id} was never aborted")
            if fate == "aborted" and end is not None:
                cancelled = end.reason is TurnEndReason.CANCELLED
                self.expect(cancelled, f"{message_id} was aborted, but {end!r}")
        known = len(ends.keys() & fates.keys())
        self.expect(known == owned, f"{known} turns have ended of {owned} prompts")


class _Ends(logging.Handler):
    """Collects the ends of turns from the log."""

    def __init__(self, ends: list[TurnEnd]) -> None:
        super().__init__(logging.DEBUG)
        self._ends = ends

    def emit(self, record: logging.LogRecord) -> None:
        end = getattr(record, "turn_end", None)
        if isinstance(end, TurnEnd):
            self._ends.append(end)


def _system_resources() -> dict[str, int]:
    """Count descriptors and child processes; empty where the system has no /proc."""
    process = Path("/proc/self")
    if not (process / "fd").is_dir():
        return {}
    children = 0
    for thread in (process / "task").iterdir():
        with suppress(FileNotFoundError):  # it has just ended
            children += len((thread / "children").read_text().split())
    descriptors = len(os.listdir(process / "fd"))
    return {"file descriptor(s)": descriptors, "process(es)": children}
