"""What a CLI sends can be subscribed to by name."""

from __future__ import annotations

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import Lagged, SessionEvent, allow_all, tool
from trio_copilot._protocol.index import EVENTS
from trio_copilot._protocol.wire_types import KNOWN
from trio_copilot.testing import Call, Reply


@tool
async def look() -> str:
    """Look out of the window."""
    return "It rains."


async def test_every_type_that_a_conversation_brings_is_known(
    world: World, clock: Clock
) -> None:
    script = [
        Reply(("Let ", "me "), reasoning="Hm", calls=[Call("look")]),
        Reply(calls=[Call("bash", {"command": "true", "description": "Do nothing"})]),
        "So.",
        Reply("no", status=400),
    ]
    seen: set[str] = set()

    def note(event: SessionEvent) -> None:
        seen.add(event.type)

    with trio.fail_after(world.patience):
        async with world.run(
            script, tools=[look], on_permission_request=allow_all
        ) as rig:
            rig.session.on(note)
            await rig.session.ask("?")
            async with rig.session.turn("?") as turn:
                await turn.wait()

    assert {"assistant.message_delta", "session.error", "session.idle"} < seen
    assert seen - KNOWN == set()


@pytest.mark.cli
async def test_what_is_in_no_schema_comes_all_the_same(real: World) -> None:
    with trio.fail_after(real.patience):
        async with real.run(["Hello"]) as rig:
            async with rig.session.subscribe("model.message") as messages:
                await rig.session.ask("?")
                message = await messages.receive()

    assert not isinstance(message, Lagged)
    assert message.raw["data"]["kind"] == "message"
    assert "model.message" not in EVENTS
