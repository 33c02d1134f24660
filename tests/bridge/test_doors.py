"""Which peers get in, and how the others are refused."""

from __future__ import annotations

import logging
from contextlib import suppress

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock
from trio_websocket import ConnectionRejected

from tests.bridge.peer import TOKEN, MemoryListener, Scene, connected, open_scene
from trio_copilot import open_client
from trio_copilot.bridge import BridgeLimits, CloseCode, open_bridge
from trio_copilot.testing import open_scripted_cli

PAGE = "http://127.0.0.1:8400"


async def rejected_with(scene: Scene, **handshake: object) -> int:
    """Return the HTTP status that a handshake is refused with."""
    with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as refused:
        async with scene.door(**handshake):
            pytest.fail("it was let in")
    error: BaseException = refused.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ConnectionRejected)
    return error.status_code


async def test_the_token_lets_in(autojump_clock: MockClock) -> None:
    async with open_scene() as scene, scene.door() as peer:
        assert (await peer.hello())["type"] == "ready"


@pytest.mark.parametrize("token", ["", "open", TOKEN + "!"])
async def test_a_wrong_token_does_not(token: str, autojump_clock: MockClock) -> None:
    async with open_scene() as scene, scene.door() as peer:
        await peer.say("hello", token=token)
        assert await peer.closed() == CloseCode.BAD_TOKEN
        assert peer.heard == []
        assert scene.cli.calls("session.create") == []


@pytest.mark.parametrize(
    "first",
    [
        '{"type": "prompt", "turn": "1", "text": "let me in"}',
        '{"type": "hello"}',
        "open sesame",
        b"\x00 not text",
    ],
)
async def test_the_first_message_is_hello(
    first: str | bytes, autojump_clock: MockClock
) -> None:
    async with open_scene() as scene, scene.door() as peer:
        await peer.ws.send_message(first)
        assert await peer.closed() == CloseCode.POLICY
        assert scene.cli.calls("session.create") == []


async def test_hello_is_waited_for_ten_seconds(autojump_clock: MockClock) -> None:
    async with open_scene() as scene, scene.door() as peer:
        began = trio.current_time()
        assert await peer.closed() == CloseCode.POLICY
        assert trio.current_time() - began == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\n\r\n"])
async def test_a_handshake_that_does_not_come_is_given_up(
    said: bytes, autojump_clock: MockClock
) -> None:
    async with open_scene() as scene:
        stream = scene.listener.connect()
        if said:
            await stream.send_all(said)
        with trio.fail_after(12):
            with suppress(trio.BrokenResourceError):
                while await stream.receive_some():
                    pass
        async with scene.peer():
            assert scene.bridge.connections == 1


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
@pytest.mark.parametrize("over", ["memory", "TCP"])
async def test_peers_that_are_gone_keep_nobody_out(over: str, said: bytes) -> None:
    """A port scan, a health check: connections that are closed at once."""
    limits = BridgeLimits(connections=4)
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        listener = MemoryListener()
        listeners = [listener] if over == "memory" else None
        async with open_bridge(
            client, listeners=listeners, token=TOKEN, limits=limits
        ) as bridge:

            async def knock() -> trio.abc.Stream:
                if bridge.port is None:
                    return listener.connect()
                return await trio.open_tcp_stream("127.0.0.1", bridge.port)

            for _ in range(4 * limits.connections):
                stream = await knock()
                await stream.send_all(said)
                await trio.aclose_forcefully(stream)
                await trio.testing.wait_all_tasks_blocked(0.01)
            with trio.fail_after(5):  # of the ten that a hello may take
                async with connected(await knock()) as peer:
                    assert (await peer.hello())["type"] == "ready"


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\xff\xfe" * 100,
        b"GET / HTTP/1.1\r\nHost: \xff\xff\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: .x\r\nConnection: \xff\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"GET /" + b"x" * 100_000,
    ],
)
async def test_whatever_a_stranger_sends_ends_its_own_connection_only(
    said: bytes, autojump_clock: MockClock
) -> None:
    async with open_scene(["Hi"]) as scene, scene.peer() as peer:
        stranger = scene.listener.connect()
        with suppress(trio.BrokenResourceError):
            await stranger.send_all(said)
        with trio.fail_after(20), suppress(trio.BrokenResourceError):
            while await stranger.receive_some():
                pass
        await peer.say("prompt", turn="1", text="go")
        await peer.hear_until("end", reason="complete")


@pytest.mark.parametrize(
    "torn",
    [
        b"\xff" * 200,  # a reserved opcode
        b"\x81\x82\x00\x00\x00\x00\xff\xff",  # text that is not UTF-8
        b"\x81\x05Hello",  # a client must mask
        b"\x88\x81\x00\x00\x00\x00x",  # half a close code
    ],
)
async def test_a_peer_that_breaks_the_websocket_ends_its_own_connection_only(
    torn: bytes, autojump_clock: MockClock
) -> None:
    async with open_scene(["Hi"]) as scene, scene.peer() as good:
        async with scene.peer() as peer:
            await peer.stream.send_all(torn)
            assert await peer.closed() in (1002, 1006, 1007)
        await good.say("prompt", turn="1", text="go")
        await good.hear_until("end", reason="complete")
        await scene.only(1)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8401", "HTTP://X"]
)
async def test_a_page_of_another_origin_stays_outside(
    origin: str, autojump_clock: MockClock
) -> None:
    headers = [(b"Origin", origin.encode())]
    async with open_scene(origins=[PAGE]) as scene:
        assert await rejected_with(scene, headers=headers) == 403


async def test_two_origins_are_refused(autojump_clock: MockClock) -> None:
    headers = [(b"Origin", PAGE.encode()), (b"Origin", b"http://evil.example")]
    async with open_scene(origins=[PAGE]) as scene:
        assert await rejected_with(scene, headers=headers) == 403


async def test_our_page_comes_in_with_the_token_only(autojump_clock: MockClock) -> None:
    headers = [(b"Origin", PAGE.encode())]
    async with open_scene(origins=[PAGE]) as scene:
        async with scene.peer(headers=headers):
            assert scene.bridge.connections == 1
        async with scene.door(headers=headers) as peer:
            await peer.say("hello", token="guess")
            assert await peer.closed() == CloseCode.BAD_TOKEN


async def test_origins_can_be_allowed_while_it_runs(autojump_clock: MockClock) -> None:
    headers = [(b"Origin", PAGE.encode())]
    async with open_scene() as scene:
        assert await rejected_with(scene, headers=headers) == 403
        scene.bridge.allow_origins(PAGE)
        async with scene.peer(headers=headers):
            assert scene.bridge.connections == 1


async def test_a_name_that_is_not_ours_is_refused(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        assert await rejected_with(scene, host="evil.example:8401") == 421
        async with scene.peer(host="127.0.0.1:8401"):
            assert scene.bridge.connections == 1


@pytest.mark.parametrize("path", ["/ws", "/?token=sesame", "/../x"])
async def test_there_is_one_path_and_it_takes_no_token(
    path: str, autojump_clock: MockClock
) -> None:
    async with open_scene() as scene:
        assert await rejected_with(scene, path=path) == 404


async def test_there_are_only_so_many_sessions(autojump_clock: MockClock) -> None:
    limits = BridgeLimits(connections=2)
    async with open_scene(limits=limits) as scene:
        async with scene.peer(), scene.peer() as second:
            async with scene.door() as third:
                await third.say("hello", token=TOKEN)
                assert await third.closed() == CloseCode.TRY_LATER
            await second.ws.aclose()
            await scene.only(1)
            async with scene.peer():
                assert scene.bridge.connections == 2


async def test_peers_that_only_connect_keep_nobody_out_for_long(
    autojump_clock: MockClock,
) -> None:
    limits = BridgeLimits(connections=2)
    async with open_scene(limits=limits) as scene:
        for _ in range(2):
            scene.listener.connect()
        await trio.testing.wait_all_tasks_blocked()
        dropped = scene.listener.connect()
        with trio.fail_after(1):
            assert await dropped.receive_some() == b""
        await trio.sleep(12)
        async with scene.peer():
            assert scene.bridge.connections == 1


async def test_a_message_that_is_too_big_is_the_last(autojump_clock: MockClock) -> None:
    limits = BridgeLimits(message_size=1000)
    async with open_scene(["Hi"], limits=limits) as scene, scene.peer() as peer:
        await peer.say("prompt", turn="1", text="x" * 900)
        await peer.hear_until("end", reason="complete")
        await peer.say("prompt", turn="2", text="x" * 1000)
        assert await peer.closed() == CloseCode.TOO_BIG


async def test_no_secret_and_no_prompt_is_in_the_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_scene(["The answer"]) as scene:
        async with scene.peer() as peer:
            await peer.say("prompt", turn="1", text="The question")
            await peer.hear_until("end")
        async with scene.door() as peer:
            await peer.say("hello", token="a guess")
            await peer.closed()

    logged = caplog.text
    assert "A connection begins" in logged
    assert "not the access token" in logged
    for secret in (TOKEN, "a guess", "The question", "The answer"):
        assert secret not in logged


async def test_wrong_arguments_are_refused_at_once(autojump_clock: MockClock) -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        for wrong, complaint in (
            ({"token": ""}, "let anybody in"),
            ({"session_id": "mine"}, "its own session"),
            ({"origins": ["evil"]}, "not an origin"),
        ):
            with pytest.raises(ValueError, match=complaint):
                async with open_bridge(client, listeners=[MemoryListener()], **wrong):
                    pytest.fail("it was served")
        with pytest.raises(TypeError, match="no option 'modle'"):
            async with open_bridge(client, listeners=[], modle="x"):  # type: ignore[call-arg]
                pytest.fail("it was served")


async def test_a_provider_without_a_model_is_refused_at_once(
    autojump_clock: MockClock,
) -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        named = {"COPILOT_PROVIDER_BASE_URL": "http://127.0.0.1/v1"}
        client._defaults = attrs.evolve(client._defaults, environment=named)
        with pytest.raises(ValueError, match="needs model"):
            async with open_bridge(client, listeners=[MemoryListener()]):
                pytest.fail("it was served")


async def test_without_listeners_it_listens_at_loopback() -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        async with open_bridge(client, token=TOKEN) as bridge:
            assert bridge.port is not None
            assert bridge.url == f"ws://127.0.0.1:{bridge.port}/"
            stream = await trio.open_tcp_stream("127.0.0.1", bridge.port)
            async with connected(stream, host=f"127.0.0.1:{bridge.port}") as peer:
                assert (await peer.hello())["type"] == "ready"
        with pytest.raises(OSError, match=r".*"):
            await trio.open_tcp_stream("127.0.0.1", bridge.port)


@pytest.mark.parametrize("limit", ["connections", "message_size", "ping_interval"])
def test_a_limit_is_positive(limit: str) -> None:
    with pytest.raises(ValueError, match=limit):
        BridgeLimits(**{limit: 0})


async def test_a_token_is_made_and_shown_to_nobody(autojump_clock: MockClock) -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        listeners = [MemoryListener()]
        async with open_bridge(client, listeners=listeners) as bridge:
            assert len(bridge.token) > 40
            assert bridge.token not in repr(bridge)
            assert bridge.url is None


async def test_a_peer_that_leaves_before_it_is_in_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        async with scene.door() as peer:
            await peer.ws.aclose()
        async with scene.door():
            pass
        assert scene.cli.calls("session.create") == []
