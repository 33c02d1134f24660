"""The bridge, cancelled at its checkpoints: nothing is left, and the CLI still works."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.bridge.peer import TOKEN, MemoryListener, connected
from trio_copilot import CliExitedError
from trio_copilot.bridge import open_bridge
from trio_copilot.testing import Call, Reply, Stage, cancel_everywhere

SCRIPT: list[Reply | str] = [
    Reply("Hm", calls=[Call("bash")]),
    Reply(["tick "] * 20, then="hang"),
    "Again",
]
POINTS = 60
"""Of more than 500 checkpoints; all of them were swept once."""


async def two_turns_of_which_one_is_stopped(stage: Stage) -> None:
    listener = MemoryListener()
    async with open_bridge(stage.client, listeners=[listener], token=TOKEN):
        async with connected(listener.connect()) as peer:
            await peer.hello()
            await peer.say("prompt", turn="1", text="go")
            await peer.hear_until("delta", text="tick ")
            await peer.say("stop", turn="1")
            await peer.hear_until("end")
            await peer.say("prompt", turn="2", text="go on")
            await peer.hear_until("end", reason="complete")


async def test_cancelled_at_any_checkpoint_the_contract_holds(
    autojump_clock: MockClock,
) -> None:
    report = await cancel_everywhere(
        two_turns_of_which_one_is_stopped, script=SCRIPT, given="client", points=POINTS
    )

    assert report.runs == POINTS
    assert report.times[-1] < 5


@pytest.mark.all
async def test_nothing_is_left_either_if_the_cli_dies_on_the_way_out(
    autojump_clock: MockClock,
) -> None:
    report = await cancel_everywhere(
        two_turns_of_which_one_is_stopped,
        script=SCRIPT,
        given="client",
        points=POINTS,
        then=Stage.kill_cli,
        survives=False,
        may_raise=(CliExitedError,),
    )

    assert report.runs == POINTS
