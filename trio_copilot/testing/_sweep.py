"""Cancels a scenario at every checkpoint, and checks that the contract holds.

Strategy: a scenario runs to its end once, and its steps are counted. Then it runs again
and again, cancelled after the first step, the second, and so on. After each run the
evidence is examined: what the CLI saw, which tasks and file descriptors are left, how each
turn ended, and whether the session still works. Under `autojump_clock` the scripted CLI
does all that in simulated time, and step 17 is the same moment in every run.

`_evidence` defines what counts as evidence, `_steps` counts the steps.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, Literal

import attrs
import trio

from .._protocol.envelope import SessionEvent
from .._scopes import open_block
from ._evidence import Evidence
from ._script import ModelRequest, Reply, Script, ScriptReader
from ._stage import Stage, open_stage
from ._steps import Steps, counting, scheduled_by, tasks_below

__all__ = ["Scenario", "SweepError", "SweepReport", "cancel_everywhere"]

PATIENCE = 60.0
"""Seconds, simulated or real, after which a run counts as hanging."""

ANSWER_PATIENCE = 15.0
"""Seconds that what survived has for an answer."""

QUESTION = "Are you still there?"
ANSWER = "Still here."
DELTA = "assistant.message_delta"

Scenario = Callable[[Stage], Awaitable[object]]

SHOWN = 10
"""Failures that the text of a `SweepError` describes."""


@attrs.frozen
class SweepReport:
    """The result of a sweep."""

    steps: int
    """Steps of an undisturbed run."""
    runs: int
    """How often the scenario was disturbed."""
    times: tuple[float, ...] = attrs.field(repr=False)
    """Seconds from the cancellation until the scenario was left, sorted; simulated on the
    scripted CLI."""
    failures: tuple[str, ...] = attrs.field(repr=False, default=())
    """What did not hold, and where."""

    def percentile(self, percent: float) -> float:
        """Return the time that this percentage of the runs did not exceed."""
        if not self.times:
            return 0.0
        return self.times[
            min(len(self.times) - 1, int(len(self.times) * percent / 100))
        ]


class SweepError(AssertionError):
    """The contract did not hold everywhere.

    Attributes:
      report: everything that was found.
    """

    def __init__(self, report: SweepReport) -> None:
        self.report = report
        shown = "\n".join(f"  - {failure}" for failure in report.failures[:SHOWN])
        rest = len(report.failures) - SHOWN
        more = f"\n  and {rest} more" if rest > 0 else ""
        super().__init__(
            f"{len(report.failures)} of {report.runs} run(s) failed:\n{shown}{more}"
        )


async def cancel_everywhere(
    scenario: Scenario,
    *,
    script: Iterable[Reply | str] | Callable[[ModelRequest], Reply | str] = (),
    given: Literal["session", "client", "stage"] = "session",
    session_options: Mapping[str, Any] | None = None,
    then: Callable[[Stage], object] | None = None,
    survives: bool = True,
    may_raise: tuple[type[Exception], ...] = (),
    points: int | None = None,
    seed: int = 0,
    cli: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
    scripted: Mapping[str, Any] | None = None,
) -> SweepReport:
    """Run a scenario, cancelled at each of its checkpoints in turn, and check each run.

    After every run:

    * no task, request, subscription, file descriptor or process is left over;
    * each prompt that the CLI admitted was answered or aborted, by at most one abort;
    * every frame was whole, and each request of the CLI got at most one answer;
    * each turn ended as the CLI reports;
    * only the cancellation came out of the scenario;
    * what the scenario was given still works: the session answers the next prompt and
      shows nothing old, the client opens another session.

    Use it in a test with `autojump_clock`. `Cancelled` ends the sweep.

    Args:
      scenario: called with a `Stage` in every run.
      script: what the model answers; read from the start in every run, so no iterator.
      given: what is open when the scenario begins, and must outlive it: a session
        (`stage.session`), a client (`stage.client`), or neither.
      session_options: the options of the given session.
      then: a second disturbance, such as `Stage.kill_cli`: done at each step between
        the cancellation and the end of the scenario. All pairs are tried, or `points`.
      survives: whether what was given must still work.
      may_raise: exceptions that may come out of the scenario.
      points: the maximum number of runs; `seed` decides which. `None`: all.
      seed: decides the order in which Trio wakes tasks.
      cli: the executable of a real CLI; `None` is the scripted one.
      home: a home for the real CLI, an empty folder.
      scripted: further arguments of `open_scripted_cli`.

    Raises:
      SweepError: something did not hold; the message has the steps and their lines.
    """
    if isinstance(script, Iterator):
        raise TypeError(
            "Every run reads the script from its start: pass a list, not an iterator"
        )
    sweep = _Sweep(
        scenario=scenario,
        script=script,
        given=given,
        session_options=session_options or {},
        then=then,
        survives=survives,
        may_raise=may_raise,
        seed=seed,
        open_stage=partial(open_stage, cli=cli, home=home, scripted=scripted),
    )
    report = await sweep.run(points)
    if report.failures:
        raise SweepError(report)
    return report


@attrs.define(eq=False)
class _Run:
    """One run of the scenario."""

    moments: tuple[int, ...]
    """The steps after which it is disturbed: none, one or two."""
    evidence: Evidence = attrs.field(factory=Evidence, init=False)
    places: dict[int, str] = attrs.field(factory=dict[int, str], init=False)
    """`{step: the line where it was disturbed}`"""
    steps: int = attrs.field(default=0, init=False)
    """Steps that the scenario took."""
    cancelled_at: float | None = attrs.field(default=None, init=False)
    took: float | None = attrs.field(default=None, init=False)
    """Seconds from the cancellation to the end of the scenario."""

    @property
    def failures(self) -> list[str]:
        """What did not hold, and after which steps."""
        moments = " and ".join(
            f"step {moment} ({self.places.get(moment, 'not reached')})"
            for moment in self.moments
        )
        when = f"after {moments}" if moments else "undisturbed"
        return [f"{when}: {problem}" for problem in self.evidence.problems]


@attrs.frozen(kw_only=True)
class _Sweep:
    scenario: Scenario
    script: Any
    given: str
    session_options: Mapping[str, Any]
    then: Callable[[Stage], object] | None
    survives: bool
    may_raise: tuple[type[Exception], ...]
    seed: int
    open_stage: Callable[[Script], AbstractAsyncContextManager[Stage]]

    async def run(self, points: int | None) -> SweepReport:
        """Try all points, or a sample of them."""
        undisturbed = await self._once()
        failures, runs = undisturbed.failures, 0
        times: list[float] = []
        if not failures:
            for moments in await self._choose(undisturbed.steps, points):
                run = await self._once(*moments)
                runs += 1
                failures += run.failures
                if run.took is not None:
                    times.append(run.took)
        return SweepReport(
            steps=undisturbed.steps,
            runs=runs,
            times=tuple(sorted(times)),
            failures=tuple(failures),
        )

    async def _choose(self, steps: int, points: int | None) -> list[tuple[int, ...]]:
        """Return the moments of each run to come."""
        single: list[tuple[int, ...]] = [(step,) for step in range(1, steps + 1)]
        if self.then is None:
            return self._sample(single, points)
        pairs: list[tuple[int, ...]] = []
        for (first,) in self._sample(single, points):
            # The length of the way out depends on where it begins.
            last = (await self._once(first)).steps
            pairs += [(first, second) for second in range(first + 1, last + 1)]
        return self._sample(pairs, points)

    def _sample(
        self, moments: list[tuple[int, ...]], points: int | None
    ) -> list[tuple[int, ...]]:
        if points is None or points >= len(moments):
            return moments
        return sorted(random.Random(self.seed).sample(moments, points))  # noqa: S311  # no secret

    async def _once(self, *moments: int) -> _Run:
        run = _Run(moments)
        evidence = run.evidence
        with evidence.collected(), scheduled_by(self.seed):
            with trio.move_on_after(PATIENCE) as patience:
                async with self.open_stage(self._script_with_answer()) as stage:
                    async with open_block() as nursery:
                        nursery.start_soon(self._play, stage, run)
                    if stage.cli is not None:
                        died = self.then is Stage.kill_cli
                        await evidence.examine_cli(stage.cli, died=died)
            evidence.expect(not patience.cancelled_caught, "it hangs")
        return run

    async def _play(self, stage: Stage, run: _Run) -> None:
        """Open what is given, and note what comes out of it."""
        try:
            with stage.scope:
                await self._open_and_perform(stage, run)
        except self.may_raise:
            run.evidence.expect(not self.survives, "what was given did not survive")
        except Exception as error:  # noqa: BLE001  # a finding, not a fault of ours
            run.evidence.problems.append(f"{error!r} came out of a block")
        left = tasks_below(trio.lowlevel.current_task())
        run.evidence.compare_tasks(set(), left)

    async def _open_and_perform(self, stage: Stage, run: _Run) -> None:
        async with AsyncExitStack() as stack:
            if self.given != "stage":
                await stack.enter_async_context(stage.open_client())
            if self.given == "session":
                session = stage.open_session(**self.session_options)
                await stack.enter_async_context(session)
            await self._perform(stage, run)
            if self.survives:
                with trio.move_on_after(ANSWER_PATIENCE) as patience:
                    await self._use_again(stage, run.evidence)
                silent = patience.cancelled_caught
                run.evidence.expect(not silent, "it no longer answers")

    async def _perform(self, stage: Stage, run: _Run) -> None:
        """Disturb the scenario, and examine what it leaves open."""
        task, evidence = trio.lowlevel.current_task(), run.evidence
        before = tasks_below(task)
        await self._disturb(stage, run)
        # First of all: each await from here on lets a task that is left over end.
        evidence.compare_tasks(before, tasks_below(task))
        await evidence.examine_model(stage)
        if self.given != "stage":
            sessions = int(self.given == "session")
            evidence.examine_client(stage.client, sessions=sessions)

    async def _disturb(self, stage: Stage, run: _Run) -> None:
        scope = trio.CancelScope()

        def cancel() -> None:
            run.cancelled_at = trio.current_time()
            scope.cancel()

        acts: list[Callable[[], object]] = [cancel]
        if self.then is not None:
            acts.append(partial(self.then, stage))
        # An undisturbed run has no moments, and one that measures the way out has one.
        steps = Steps(dict(zip(run.moments, acts, strict=False)))
        try:
            with counting(steps), scope:
                await self.scenario(stage)
        except self.may_raise:
            pass
        except Exception as error:  # noqa: BLE001  # a finding, not a fault of ours
            run.evidence.problems.append(f"{error!r} came out of the scenario")
        finally:
            run.steps, run.places = steps.count, steps.places
            if run.cancelled_at is not None:
                run.took = trio.current_time() - run.cancelled_at

    async def _use_again(self, stage: Stage, evidence: Evidence) -> None:
        async with AsyncExitStack() as stack:
            if self.given == "client":
                await stack.enter_async_context(stage.open_session())
            elif self.given == "stage":
                return
            session = stage.session
            deltas = await stack.enter_async_context(session.subscribe(DELTA))
            end = await session.ask(QUESTION)
            evidence.expect(end.text == ANSWER, f"the next turn answers {end.text!r}")
            received = ""
            while deltas.statistics().current_buffer_used:
                event = await deltas.receive()
                assert isinstance(event, SessionEvent)
                received += event.raw["data"]["deltaContent"]
            evidence.expect(received == ANSWER, f"a subscriber receives {received!r}")

    def _script_with_answer(self) -> Callable[[ModelRequest], Reply | str]:
        reader = ScriptReader(self.script)

        def reply(request: ModelRequest) -> Reply | str:
            if QUESTION in request.prompt:
                return ANSWER
            return reader.read(request.raw)[1]

        return reply
