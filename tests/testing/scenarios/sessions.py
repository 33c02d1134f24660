"""How a session begins, ends and comes back."""

from __future__ import annotations

from tests.testing.scenarios.registry import (
    HANGS,
    Talk,
    refused,
    scenario,
)
from trio_copilot.testing import Reply


@scenario("one", HANGS, "after")
async def a_session_is_left_and_resumed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    assert await talk.client.call("session.detach") == {"success": True}
    assert talk.client.data("abort") == []
    assert talk.client.data("session.idle") == [{"mode": "interactive"}]
    assert await talk.client.call("session.detach") == {"success": True}
    assert await talk.client.call("session.destroy") == {"success": False}
    await refused(talk, "session.send", "Session not found for sessionId: ")
    await refused(talk, "session.abort", "Session not found for sessionId: ")
    await refused(talk, "session.getMessages", "Session not found: ")

    await talk.client.call("session.resume", **talk.options)
    history = await talk.client.call("session.getMessages")
    await talk.client.turn()

    assert history["events"][-1]["type"] == "session.resume"
    assert "assistant.message_delta" not in {e["type"] for e in history["events"]}
    assert talk.client.data("assistant.message")[-1]["content"] == "after"


@scenario("one", HANGS)
async def a_session_is_destroyed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")

    assert await talk.client.call("session.destroy") == {"success": True}


@scenario("one", HANGS)
async def a_session_is_deleted(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    await talk.client.event("assistant.message_delta")
    assert await talk.client.call("session.delete") == {"success": True}
    again = await talk.client.call("session.delete")

    assert again["error"].startswith("Session file not found for ")
    await refused(talk, "session.resume", "Failed to load session events: Session not")


@scenario("one", Reply("one two", delay=1))
async def a_session_that_is_open_is_created_and_resumed(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.prompt()
    await talk.client.event("assistant.message_delta")
    created = await talk.client.call("session.create", streaming=True)
    resumed = await talk.client.call("session.resume", **talk.options)
    await talk.client.event("session.idle")

    assert created["startTime"] == resumed["startTime"]
