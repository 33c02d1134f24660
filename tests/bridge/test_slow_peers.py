"""Peers that read slowly, or not at all: what waits is joined, and is bounded."""

from __future__ import annotations

from contextlib import suppress

import trio
import trio.testing
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from tests.bridge.peer import MemoryListener, open_scene
from trio_copilot.bridge import BridgeLimits, CloseCode
from trio_copilot.testing import Reply

WORDS = 5_000
LONG = Reply(["word "] * WORDS)
PATIENT = BridgeLimits(ping_interval=10_000)


def narrow() -> MemoryListener:
    """A connection without a buffer: each write waits until it is read."""
    return MemoryListener(trio.testing.lockstep_stream_pair)


async def test_unread_messages_are_joined_and_no_text_is_lost(
    autojump_clock: MockClock,
) -> None:
    async with open_scene([LONG], listener=narrow(), limits=PATIENT) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text="go")
            await peer.hear_until("delta")
            await trio.sleep(600)  # the model has said it all by now
            await peer.hear_until("end", reason="complete")

    assert peer.text() == "word " * WORDS
    assert 1 < peer.types().count("delta") < 1024


async def test_a_peer_that_does_not_read_can_still_stop_its_turn(
    autojump_clock: MockClock,
) -> None:
    script = Reply(["word "] * 1500, then="hang")
    async with open_scene([script], listener=narrow(), limits=PATIENT) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text="go")
            await peer.hear_until("delta")
            await trio.sleep(60)
            await peer.say("stop", turn="1")
            with trio.fail_after(1):
                await scene.cli.wait_disconnect()
            await peer.hear_until("end", reason="cancelled")

    assert peer.text() == "word " * peer.text().count("w")


async def test_a_peer_that_asks_without_reading_is_cut_off(
    autojump_clock: MockClock,
) -> None:
    limits = BridgeLimits(ping_interval=10_000, backlog=100)
    async with open_scene(listener=narrow(), limits=limits) as scene:
        async with scene.peer() as peer:
            said = 0

            async def ask_without_end() -> None:
                nonlocal said
                with suppress(ConnectionClosed):
                    while True:
                        await peer.say("stop", turn="nonsense")
                        said += 1

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask_without_end)
                await trio.sleep(1)
                assert await peer.closed() == CloseCode.POLICY
    assert limits.backlog < said < 2 * limits.backlog
