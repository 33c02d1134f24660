"""Every way in which a connection ends, and that the work ends with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from tests.bridge.peer import ENDLESS, MemoryListener, Peer, open_scene, stay
from trio_copilot import CliExitedError, PermissionRequest, RpcError
from trio_copilot.bridge import BridgeLimits, CloseCode
from trio_copilot.testing import Reply

Leave = Callable[[Peer], Awaitable[object]]


async def close(peer: Peer) -> None:
    await peer.ws.aclose()


async def hang_up(peer: Peer) -> None:
    await trio.aclose_forcefully(peer.stream)


async def break_the_websocket(peer: Peer) -> None:
    await peer.stream.send_all(b"\xff" * 100)


@pytest.mark.parametrize("leave", [close, hang_up, break_the_websocket])
async def test_a_peer_that_is_gone_stops_its_turn_and_its_session(
    leave: Leave, autojump_clock: MockClock
) -> None:
    async with open_scene([ENDLESS]) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("delta")
        await leave(peer)
        with trio.fail_after(1):
            await scene.cli.wait_disconnect()
            await scene.cli.wait_for("session.detach")
        assert len(scene.cli.calls("session.abort")) == 1
        assert set(scene.cli.fates.values()) == {"aborted"}
        await scene.only(0)


@pytest.mark.parametrize("leave", [close, hang_up])
async def test_a_peer_may_leave_while_its_session_is_opened(
    leave: Leave, autojump_clock: MockClock
) -> None:
    slow = {"answer_after": {"session.create": 5}}
    async with open_scene(scripted=slow) as scene, scene.door() as peer:
        await peer.say("hello", token="open sesame")
        with trio.fail_after(1):
            await scene.cli.wait_for("session.create")
        await leave(peer)
        await scene.only(0)


async def test_a_peer_that_closes_is_answered(autojump_clock: MockClock) -> None:
    async with open_scene() as scene, scene.peer() as peer:
        with trio.fail_after(1):
            await peer.ws.aclose(1000, "bye")
        await scene.only(0)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_leaving_the_block_stops_the_turns_and_tells_the_peers(
    cancelled: bool, autojump_clock: MockClock
) -> None:
    """By its end, or by a cancellation of everything around it."""
    codes: list[int] = []
    listener = MemoryListener()
    async with trio.open_nursery() as outside:
        scope = trio.CancelScope()
        async with open_scene([ENDLESS], listener=listener, scope=scope) as scene:
            busy = await outside.start(partial(stay, listener, codes, prompt="go on"))
            idle = await outside.start(stay, listener, codes)
            left = trio.current_time()
            if cancelled:
                scope.cancel()
                await trio.sleep_forever()
        assert trio.current_time() - left < 2

    assert codes == [CloseCode.GOING_AWAY] * 2
    assert (busy.heard[-1]["type"], busy.heard[-1]["cause"]) == ("end", "outer")
    assert idle.types() == ["ready"]
    assert set(scene.cli.fates.values()) == {"aborted"}
    assert len(scene.cli.calls("session.detach")) == 2


async def test_the_death_of_the_cli_closes_the_sockets_and_ends_the_bridge(
    autojump_clock: MockClock,
) -> None:
    codes: list[int] = []
    listener = MemoryListener()
    async with trio.open_nursery() as outside:
        with pytest.raises(CliExitedError), trio.fail_after(60):
            async with open_scene([ENDLESS], listener=listener) as scene:
                busy = await outside.start(
                    partial(stay, listener, codes, prompt="go on")
                )
                idle = await outside.start(stay, listener, codes)
                scene.cli.kill()
                await trio.sleep_forever()

    assert codes == [CloseCode.INTERNAL] * 2
    end = next(m for m in busy.heard if m["type"] == "end")
    assert (end["reason"], idle.heard[-1]["code"]) == ("error", "lost")


async def test_a_session_that_cannot_be_opened_is_reported(
    autojump_clock: MockClock,
) -> None:
    def refuse(params: object) -> object:
        raise RpcError(-32603, "no more sessions")

    refusing = {"answers": {"session.create": refuse}}
    async with open_scene(scripted=refusing) as scene, scene.door() as peer:
        refusal = await peer.hello()
        assert (refusal["type"], refusal["code"]) == ("error", "no_session")
        assert "no more sessions" in refusal["message"]
        assert await peer.closed() == CloseCode.INTERNAL


async def test_a_session_that_the_cli_lets_go_of_ends_its_connection_only(
    autojump_clock: MockClock,
) -> None:
    async with open_scene(["Hi"]) as scene, scene.peer() as good:
        async with scene.peer() as peer:
            scene.cli.emit(peer.heard[0]["session"], "session.shutdown", {})
            assert await peer.closed() == CloseCode.INTERNAL
        await good.say("prompt", turn="1", text="go")
        await good.hear_until("end", reason="complete")


async def test_an_abort_that_is_not_obeyed_ends_the_connection_of_that_session(
    autojump_clock: MockClock,
) -> None:
    deaf = {"ignore": {"session.abort"}}
    async with open_scene([Reply("Hm", then="hang")], scripted=deaf) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text="go")
            await peer.hear_until("delta")
            await peer.say("stop", turn="1")
            await peer.hear_until("end", reason="cancelled", cause="abort")
            with trio.fail_after(1):
                assert await peer.closed() == CloseCode.INTERNAL
            assert peer.heard[-1]["code"] == "lost"
            assert "did not obey an abort" in peer.heard[-1]["message"]
        async with scene.peer():
            assert scene.bridge.connections == 1


async def test_what_a_handler_of_the_embedder_raises_comes_out_as_itself(
    autojump_clock: MockClock,
) -> None:
    async def fail(request: PermissionRequest) -> None:
        raise LookupError(request.kind)

    codes: list[int] = []
    listener = MemoryListener()
    async with trio.open_nursery() as outside:
        with pytest.raises(LookupError, match="shell"):
            async with open_scene(listener=listener, on_permission_request=fail) as (
                scene
            ):
                peer = await outside.start(stay, listener, codes)
                request = {"requestId": "1", "permissionRequest": {"kind": "shell"}}
                session = peer.heard[0]["session"]
                scene.cli.emit(session, "permission.requested", request)
                await trio.sleep(60)

    assert codes == [CloseCode.INTERNAL]


async def test_a_peer_that_answers_no_ping_is_given_up(
    autojump_clock: MockClock,
) -> None:
    limits = BridgeLimits(ping_interval=20, ping_timeout=10)
    script = [Reply(["word "] * 100, then="hang")]
    async with open_scene(script, limits=limits) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("delta")
        began = trio.current_time()
        with trio.fail_after(40):
            # Its messages are not taken, so that trio-websocket hears no ping.
            await scene.cli.wait_disconnect()
        assert trio.current_time() - began == pytest.approx(30, abs=1)
        await scene.only(0)


async def test_a_peer_that_answers_pings_may_say_nothing_for_hours(
    autojump_clock: MockClock,
) -> None:
    limits = BridgeLimits(ping_interval=600, ping_timeout=10)
    async with open_scene(["Hi"], limits=limits) as scene, scene.peer() as peer:
        await trio.sleep(2 * 3600)
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("end", reason="complete")
