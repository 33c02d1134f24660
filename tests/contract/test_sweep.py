"""Cancel anywhere, at any checkpoint, and the contract holds.

Here at a sample of the checkpoints of each scene, other ones whenever a scene changes;
`python benchmarks/sweep.py` takes all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.abc import Clock

from tests.contract.sweeps import SCENES, calling
from trio_copilot import CliExitedError, tool
from trio_copilot._peer import Call, farewell as farewell_module
from trio_copilot._peer.writer import Writer
from trio_copilot._session.drain import Drain
from trio_copilot._session.fanout import FanOut
from trio_copilot._session.running import RunningRequests
from trio_copilot._session.state import OpenTurn, SessionState
from trio_copilot._wire.ledger import Ledger
from trio_copilot.testing import Reply, Stage, SweepError, cancel_everywhere

POINTS = 40
"""Checkpoints of each scene on the scripted CLI, of 30 to 800."""


def sampled(names: Sequence[str], every: int) -> list[Any]:
    """Scenes of which only some are played unless all are asked for."""
    return [
        name if number % every == 0 else pytest.param(name, marks=pytest.mark.all)
        for number, name in enumerate(names)
    ]


@pytest.mark.repetitive
@pytest.mark.parametrize("name", sampled([*SCENES], 5))
async def test_cancelled_at_any_checkpoint_the_contract_holds(
    name: str, autojump_clock: Clock
) -> None:
    scene = SCENES[name]

    report = await cancel_everywhere(scene.play, points=POINTS, **scene.arguments())

    assert report.failures == ()
    assert report.runs == min(POINTS, report.steps)
    assert len(report.times) == report.runs


@pytest.mark.repetitive
async def test_cancelled_at_every_checkpoint_the_contract_holds(
    autojump_clock: Clock,
) -> None:
    scene = SCENES["two tools running"]

    report = await cancel_everywhere(scene.play, **scene.arguments())

    assert report.runs == report.steps > 100


SAMPLED = [
    "plain stream",
    "abort by a sibling",
    "two tools running",
    "permission pending",
    "a session closed under a turn",
    "a client from start to end",
]


@pytest.mark.cli
@pytest.mark.parametrize("name", sampled(SAMPLED, 6))
async def test_on_the_real_cli_it_holds_wherever_we_look(
    name: str, cli_path: Path, cli_home: Path
) -> None:
    scene = SCENES[name]

    report = await cancel_everywhere(
        scene.play, **scene.arguments(), points=6, cli=cli_path, home=cli_home
    )

    assert report.runs == 6


# -- two disturbances

PAIRS = 60
"""Of the thousands of pairs of moments that a scene has."""


@pytest.mark.repetitive
@pytest.mark.parametrize(
    "name", sampled(["plain stream", "two tools running", "steering"], 3)
)
async def test_cancelled_again_on_the_way_out_everything_is_left_in_order(
    name: str, autojump_clock: Clock
) -> None:
    """The second cancellation is of everything: session, client and all."""
    scene = SCENES[name]

    report = await cancel_everywhere(
        scene.play, **scene.arguments(), then=Stage.cancel, survives=False, points=PAIRS
    )

    assert report.runs == PAIRS


@pytest.mark.repetitive
@pytest.mark.parametrize("name", sampled(["plain stream", "permission pending"], 2))
async def test_the_cli_may_die_on_the_way_out(name: str, autojump_clock: Clock) -> None:
    scene = SCENES[name]

    report = await cancel_everywhere(
        scene.play,
        **scene.arguments(),
        then=Stage.kill_cli,
        survives=False,
        may_raise=(CliExitedError,),
        points=PAIRS,
    )

    assert report.runs == PAIRS


@pytest.mark.repetitive
@pytest.mark.parametrize("name", sampled(["plain stream", "two tools running"], 2))
async def test_another_client_may_abort_on_the_way_out(
    name: str, autojump_clock: Clock
) -> None:
    scene = SCENES[name]

    report = await cancel_everywhere(
        scene.play, **scene.arguments(), then=Stage.abort_remotely, points=PAIRS
    )

    assert report.runs == PAIRS


@pytest.mark.repetitive
async def test_a_handler_may_fail_on_the_way_out(autojump_clock: Clock) -> None:
    """Its exception comes out as itself: `Cancelled` beside it does not count."""
    fail = trio.Event()

    @tool(errors="raise")
    async def delicate() -> None:
        """Fail when cancelled, whatever else happens."""
        with trio.CancelScope(shield=True), trio.move_on_after(0.05):
            await fail.wait()
            raise LookupError("the handler")

    async def play(stage: Stage) -> None:
        nonlocal fail
        fail = trio.Event()
        await SCENES["plain stream"].play(stage)

    report = await cancel_everywhere(
        play,
        script=calling("delicate"),
        session_options={"tools": [delicate]},
        then=lambda _: fail.set(),
        may_raise=(LookupError,),
        points=PAIRS,
    )

    assert report.runs == PAIRS


# -- the sweep finds what is broken


async def failures(name: str, **changes: Any) -> str:
    """What a sweep of that scene finds."""
    scene = SCENES[name]
    arguments = {**scene.arguments(), **changes}
    with pytest.raises(SweepError) as caught:
        await cancel_everywhere(scene.play, **arguments)
    return "\n".join(caught.value.report.failures)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Any], None]:
    """Break the library on purpose."""
    return monkeypatch.setattr


Plant = Callable[[Any, str, Any], None]


@pytest.mark.repetitive
async def test_it_finds_an_abort_that_is_not_shielded(
    autojump_clock: Clock, plant: Plant
) -> None:
    @contextmanager
    def no_shield(seconds: float) -> Generator[trio.CancelScope, None, None]:
        with trio.move_on_after(seconds) as scope:
            yield scope

    plant(farewell_module, "last_words", no_shield)

    assert "a subscriber receives" in await failures("plain stream")


@pytest.mark.repetitive
async def test_it_finds_a_turn_that_is_never_aborted(
    autojump_clock: Clock, plant: Plant
) -> None:
    async def no_drain(drain: Drain, prompt: Call) -> None:
        await trio.lowlevel.checkpoint()

    plant(Drain, "run", no_drain)

    assert "a subscriber receives" in await failures("plain stream")


@pytest.mark.all
@pytest.mark.repetitive
async def test_it_finds_an_abort_that_overtakes_its_prompt(
    autojump_clock: Clock, plant: Plant
) -> None:
    async def at_once(call: Call) -> None:
        await trio.lowlevel.checkpoint()

    plant(Call, "settled", at_once)

    long = [Reply("word " * 400, delay=0.02)]
    assert "SessionBrokenError" in await failures("deadline", script=long)


@pytest.mark.repetitive
async def test_it_finds_an_abort_that_is_sent_twice(
    autojump_clock: Clock, plant: Plant
) -> None:
    run = Drain.run

    async def twice(drain: Drain, prompt: Call) -> None:
        await drain._submit("session.abort", {})
        await run(drain, prompt)

    plant(Drain, "run", twice)

    assert "aborts for" in await failures("plain stream")


async def test_it_finds_a_waiter_that_is_not_removed(
    autojump_clock: Clock, plant: Plant
) -> None:
    plant(Ledger, "abandon", lambda ledger, request_id: False)

    assert "calls wait" in await failures("calls")


async def test_it_finds_a_subscription_that_is_not_removed(
    autojump_clock: Clock, plant: Plant
) -> None:
    plant(FanOut, "remove", lambda fan_out, subscription: None)

    assert "subscriptions left" in await failures("three subscribers")


@pytest.mark.all
async def test_it_finds_a_handler_that_is_not_awaited(
    autojump_clock: Clock, plant: Plant
) -> None:
    sessions: list[SessionState] = []
    begin_turn = SessionState.begin_turn

    def remember(session: SessionState, turn: OpenTurn) -> None:
        sessions.append(session)
        begin_turn(session, turn)

    def detached(running: RunningRequests, request: Any, work: Any) -> None:
        running._open[request.request_id] = request
        run = running._run
        nursery = sessions[-1].running._nursery
        nursery.start_soon(run, request, work, name="detached")

    plant(SessionState, "begin_turn", remember)
    plant(RunningRequests, "begin", detached)

    assert "a task is left: detached" in await failures("tool that cleans up")


async def test_it_finds_a_handler_that_is_not_cancelled(
    autojump_clock: Clock, plant: Plant
) -> None:
    plant(RunningRequests, "cancel", lambda running: None)
    plant(RunningRequests, "complete", lambda running, request_id: None)

    assert "it hangs" in await failures("tool that never returns")


@pytest.mark.all
async def test_it_finds_a_frame_that_is_written_without_the_writer(
    autojump_clock: Clock, plant: Plant
) -> None:
    async def write(writer: Writer, make_frame: Callable[[], bytes]) -> None:
        await writer._stream.send_all(make_frame())

    plant(Writer, "put", write)

    found = await failures("a prompt of 250 KB")

    assert "a frame was torn" in found


async def test_it_finds_an_answer_that_is_given_twice(
    autojump_clock: Clock, plant: Plant
) -> None:
    plant(RunningRequests, "_settle", lambda running, request: True)

    assert "times" in await failures("tool running")


async def test_it_says_where_it_was(autojump_clock: Clock, plant: Plant) -> None:
    async def no_drain(drain: Drain, prompt: Call) -> None:
        await trio.lowlevel.checkpoint()

    plant(Drain, "run", no_drain)

    found = await failures("plain stream")

    assert "after step " in found
    assert "> sweeps.py:" in found
    assert ": async for _ in turn: > " in found


async def test_a_scenario_that_fails_undisturbed_is_not_swept(
    autojump_clock: Clock,
) -> None:
    async def fail(stage: Any) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("of its own")

    with pytest.raises(SweepError, match="undisturbed: LookupError") as caught:
        await cancel_everywhere(fail)
    assert caught.value.report.runs == 0


async def test_a_script_that_can_be_read_once_is_refused(autojump_clock: Clock) -> None:
    with pytest.raises(TypeError, match="pass a list, not an iterator"):
        await cancel_everywhere(SCENES["plain stream"].play, script=iter(["once"]))


async def test_a_sweep_repeats_itself(autojump_clock: Clock) -> None:
    scene = SCENES["two tools running"]
    first = await cancel_everywhere(scene.play, points=10, **scene.arguments())
    again = await cancel_everywhere(scene.play, points=10, **scene.arguments())

    assert (first.steps, first.runs) == (again.steps, again.runs)
    assert first.percentile(100) < math.inf
