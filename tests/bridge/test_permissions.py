"""The agent asks, the peer decides; without a decision it is no."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.bridge.peer import Json, Peer, Scene, open_scene
from trio_copilot import allow_all
from trio_copilot.bridge import BridgeLimits
from trio_copilot.testing import Reply

BUSY = Reply("Hm", then="hang")
ANSWERED = "session.permissions.handlePendingPermissionRequest"
SHELL_REQUEST = {"kind": "shell", "fullCommandText": "rm -rf /", "toolCallId": "c1"}


@asynccontextmanager
async def open_permission(**options: Any) -> AsyncGenerator[tuple[Scene, Peer, Json]]:
    """A turn in which the agent asks whether it may do something."""
    async with open_scene(BUSY, **options) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="t", text="clean up")
        await peer.hear_until("start")
        yield scene, peer, await request_permission(scene, peer, "1")


async def request_permission(scene: Scene, peer: Peer, name: str) -> Json:
    request = {**SHELL_REQUEST, "toolCallId": f"c{name}"}
    data = {"requestId": name, "permissionRequest": request}
    scene.cli.emit(peer.heard[0]["session"], "permission.requested", data)
    return await peer.hear_until("permission")


async def decision(scene: Scene, count: int = 1) -> Json:
    with trio.fail_after(600):
        answer = await scene.cli.wait_for(ANSWERED, count)
    result: Json = answer["result"]
    return result


async def test_the_question_says_what_it_is_about(autojump_clock: MockClock) -> None:
    async with open_permission() as (_, _, question):
        assert question["turn"] == "t"
        assert (question["kind"], question["call"]) == ("shell", "c1")
        assert question["summary"] == "rm -rf /"
        assert question["details"]["fullCommandText"] == "rm -rf /"


async def test_allow_permits_it_once(autojump_clock: MockClock) -> None:
    async with open_permission() as (scene, peer, question):
        await peer.say("answer", request=question["request"], decision="allow")
        closed = await peer.hear_until("permission_closed")
        assert closed["request"] == question["request"]
        assert closed["outcome"] == "allowed"
        assert (await decision(scene))["kind"] == "approve-once"


async def test_deny_tells_the_model_why(autojump_clock: MockClock) -> None:
    async with open_permission() as (scene, peer, question):
        name = question["request"]
        await peer.say("answer", request=name, decision="deny", reason="too much")
        await peer.hear_until("permission_closed", outcome="denied")
        assert await decision(scene) == {"kind": "reject", "feedback": "too much"}


async def test_no_answer_in_time_is_no(autojump_clock: MockClock) -> None:
    limits = BridgeLimits(permission_timeout=30)
    async with open_permission(limits=limits) as (scene, peer, question):
        began = trio.current_time()
        await peer.hear_until("permission_closed", outcome="timeout")
        assert trio.current_time() - began == pytest.approx(30, abs=1)
        assert (await decision(scene))["kind"] == "reject"
        await peer.say("answer", request=question["request"], decision="allow")
        await peer.hear_until("error", code="unknown_request")


async def test_an_answer_counts_once(autojump_clock: MockClock) -> None:
    async with open_permission() as (scene, peer, question):
        name = question["request"]
        await peer.say("answer", request=name, decision="deny")
        await peer.say("answer", request=name, decision="allow")
        await peer.hear_until("error", code="unknown_request")
        assert (await decision(scene))["kind"] == "reject"


async def test_each_question_has_its_own_answer(autojump_clock: MockClock) -> None:
    async with open_permission() as (scene, peer, first):
        second = await request_permission(scene, peer, "2")
        assert first["request"] != second["request"]
        await peer.say("answer", request=second["request"], decision="allow")
        assert (await decision(scene))["kind"] == "approve-once"
        await peer.say("answer", request=first["request"], decision="deny")
        assert (await decision(scene, 2))["kind"] == "reject"


async def test_a_stop_closes_the_question_and_nothing_is_approved(
    autojump_clock: MockClock,
) -> None:
    async with open_permission() as (scene, peer, question):
        await peer.say("stop", turn="t")
        closed = await peer.hear_until("permission_closed")
        assert (closed["request"], closed["outcome"]) == (
            question["request"],
            "cancelled",
        )
        await peer.hear_until("end", reason="cancelled")
        kinds = {each["result"]["kind"] for each in scene.cli.calls(ANSWERED)}
        assert not any(kind.startswith("approve") for kind in kinds)


async def test_a_peer_that_is_gone_approves_nothing(autojump_clock: MockClock) -> None:
    async with open_permission() as (scene, peer, _):
        await trio.aclose_forcefully(peer.stream)
        with trio.fail_after(5):
            await scene.cli.wait_disconnect()
        kinds = {each["result"]["kind"] for each in scene.cli.calls(ANSWERED)}
        assert not any(kind.startswith("approve") for kind in kinds)


async def test_between_turns_a_question_belongs_to_none(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene, scene.peer() as peer:
        question = await request_permission(scene, peer, "1")
        assert "turn" not in question
        await peer.say("answer", request=question["request"], decision="allow")
        assert (await decision(scene))["kind"] == "approve-once"


async def test_a_handler_of_the_options_decides_instead(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(BUSY, on_permission_request=allow_all) as scene:
        async with scene.peer() as peer:
            data = {"requestId": "1", "permissionRequest": SHELL_REQUEST}
            session = peer.heard[0]["session"]
            scene.cli.emit(session, "permission.requested", data)
            assert (await decision(scene))["kind"] == "approve-once"
            assert "permission" not in peer.types()
