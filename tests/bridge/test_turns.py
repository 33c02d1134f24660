"""Turns over the bridge, on the scripted CLI in simulated time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.bridge.peer import ENDLESS, open_scene
from trio_copilot.testing import Call, Reply


async def test_a_turn_is_told_from_start_to_end(autojump_clock: MockClock) -> None:
    async with open_scene(["Hello, wörld", "Again"], model="m") as scene:
        async with scene.peer() as peer:
            assert peer.heard[0]["model"] == "m"
            for name, text in (("1", "Hello, wörld"), ("2", "Again")):
                await peer.say("prompt", turn=name, text=f"Say {name}")
                end = await peer.hear_until("end")
                assert (end["turn"], end["reason"]) == (name, "complete")
                assert end["usage"]["calls"] == 1
                assert text in peer.text()
    print(peer.heard)

async def test_stop(autojump_clock: MockClock) -> None:
    async with open_scene([ENDLESS, "Again"], model="m") as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text=f"Say")
            await peer.hear_until("delta")
            await peer.say("stop", turn="1")
            end = await peer.hear_until("end")
            assert (end["reason"], end["cause"]) == ("cancelled", "abort")
            await peer.say("prompt", turn="2", text="go")
            end = await peer.hear_until("end", reason="complete")
