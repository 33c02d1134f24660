"""The page's files, and the HTTP server around them, on the scripted CLI."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.bridge.peer import ENDLESS, Scene, open_scene
from tests.web.asgi import BEARER, open_web
from trio_copilot.testing import Reply
from trio_copilot.web import TurnLimits, _server, serve_http
from trio_copilot.web._page import FOLDER

PATIENCE = 30.0
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*"))


async def test_the_page_is_served_with_what_a_browser_must_know(
    autojump_clock: MockClock,
) -> None:
    async with open_web() as web:
        page = await web.request("GET", "/")
        assert page.status == 200
        assert page.body == (FOLDER / "index.html").read_bytes()
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize("name", FILES)
async def test_every_file_of_it_has_its_type(
    name: str, autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        answer = await web.request("GET", f"/{name}")
        assert (answer.status, answer.body) == (200, (FOLDER / name).read_bytes())
        kinds = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
        kinds |= {"svg": "image/svg+xml", "txt": "text/plain"}
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind == kinds[name.rpartition(".")[2]]


@pytest.mark.parametrize("name", ["x", "../_page.py", "%2e%2e/_page.py", "vendor"])
async def test_nothing_else_is_served(name: str, autojump_clock: MockClock) -> None:
    async with open_web() as web:
        assert (await web.request("GET", f"/{name}")).status == 404


def test_the_page_brings_all_that_it_loads() -> None:
    """No other server is asked for anything."""
    for name in FILES:
        if not name.startswith("vendor/"):
            text = (FOLDER / name).read_text("utf-8")
            assert re.findall(r"\w+://(?!www\.w3\.org/2000/svg)", text) == [], name


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:8400", "ws://127.0.0.1:8401/"),
        ("localhost:8400", "ws://localhost:8401/"),
        ("[::1]:8400", "ws://[::1]:8401/"),
        ("192.168.1.7", "ws://192.168.1.7:8401/"),
    ],
)
async def test_the_socket_is_where_the_page_is(
    host: str, url: str, autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        web.scene.bridge.port = 8401
        config = await web.request("GET", "/config.json", host=host)
        assert config.json == {"websocket": url}
        policy = (await web.request("GET", "/", host=host)).headers
        assert f"connect-src 'self' {url};" in policy["content-security-policy"]


@pytest.mark.parametrize("host", ["[::1%;script-src *]", "[::1]; x", "::1", ""])
async def test_only_a_well_formed_host_reaches_a_header(
    host: str, autojump_clock: MockClock
) -> None:
    async with open_web() as web:
        web.scene.bridge.port = 8401
        for path in ("/", "/config.json"):
            answer = await web.request("GET", path, host=host)
            assert answer.status == 421
            assert "content-security-policy" not in answer.headers


# -- the server


@asynccontextmanager
async def serving(script: Any, **options: Any) -> AsyncGenerator[tuple[Scene, int]]:
    """Serve at a port as long as the block lasts."""
    with trio.fail_after(PATIENCE):
        async with open_scene(script) as scene, trio.open_nursery() as nursery:
            serve = partial(serve_http, scene.bridge, **options)
            port: int = await nursery.start(serve)
            yield scene, port
            nursery.cancel_scope.cancel()


async def ask(
    port: int, method: str, path: str, body: bytes = b""
) -> trio.SocketStream:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(request(port, method, path, body))
    return stream


def request(port: int, method: str, path: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"Authorization: {BEARER}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def status(port: int, body: bytes) -> int:
    """Begin a turn and return the status of the answer."""
    async with await ask(port, "POST", "/turns", body) as stream:
        return int((await read_until(stream, b"\r\n")).split()[1])


async def read_until(stream: trio.SocketStream, text: bytes) -> bytes:
    said = b""
    while text not in said:
        chunk = await stream.receive_some()
        assert chunk, said
        said += bytes(chunk)
    return said


async def start_turn(port: int) -> str:
    async with await ask(port, "POST", "/turns", b'{"prompt": "Go"}') as stream:
        said = await read_until(stream, b"}")
    assert said.startswith(b"HTTP/1.1 201")
    return f"/turns/{json.loads(said.rpartition(bytes([10]))[2])['id']}/events"


async def test_listeners_hear_the_end_when_the_server_ends() -> None:
    async def hear_the_end(listener: trio.SocketStream) -> None:
        async with listener:
            said = await read_until(listener, b"0\r\n\r\n")  # the end of the answer
        assert b'"reason":"cancelled"' in said

    async with trio.open_nursery() as outside:
        async with serving([ENDLESS]) as (_, port):
            listener = await ask(port, "GET", await start_turn(port))
            await read_until(listener, b'"delta"')
            outside.start_soon(hear_the_end, listener)
            begun = trio.current_time()
        assert trio.current_time() - begun < _server.GRACEFUL
        with pytest.raises(OSError, match="connect"):
            await ask(port, "GET", "/")


async def test_an_answered_connection_can_be_used_again_and_is_closed_at_the_end() -> (
    None
):
    async with trio.open_nursery() as outside:
        async with serving(["Hello"]) as (_, port):
            stream = await ask(port, "GET", await start_turn(port))
            await read_until(stream, b"0\r\n\r\n")
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await read_until(stream, b"</html>")
            begun = trio.current_time()
        assert trio.current_time() - begun < _server.GRACEFUL
        outside.cancel_scope.deadline = trio.current_time() + PATIENCE
        async with stream:
            assert await stream.receive_some() == b""


async def test_a_listener_that_hangs_up_is_gone() -> None:
    limits = TurnLimits(grace=0.3)
    async with serving([ENDLESS], limits=limits) as (scene, port):
        listener = await ask(port, "GET", await start_turn(port))
        await read_until(listener, b'"delta"')
        await listener.aclose()
        await scene.cli.wait_disconnect(1)


async def test_a_peer_that_hangs_up_before_it_knows_its_turn_gives_up_the_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No client could stop that turn, or listen to it."""
    whole = b'{"prompt": "Go"}'
    limits = TurnLimits(running=2)
    async with serving([ENDLESS] * 3, limits=limits) as (_, port):
        for _ in range(limits.running):
            await (await ask(port, "POST", "/turns", whole)).aclose()
            head, _, _ = request(port, "POST", "/turns", whole).partition(b"prompt")
            half = await trio.open_tcp_stream("127.0.0.1", port)
            await half.send_all(head)
            await half.aclose()
        with trio.fail_after(5):  # of the ten that the listener of a turn may take
            while await status(port, whole) != 201:
                await trio.sleep(0.01)
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux gives such a peer up"
)
async def test_a_peer_that_does_not_read_does_not_keep_the_server_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_server, "UNREAD", 0.5)
    much = Reply(["x" * 100_000] * 400, then="hang")
    async with trio.open_nursery() as outside:
        async with serving([much], limits=TurnLimits(size=2**27)) as (_, port):
            path = await start_turn(port)
            deaf = await ask(port, "GET", path)
            outside.start_soon(hang_up, deaf)
            async with await ask(port, "GET", path) as other:
                with trio.move_on_after(1):  # all of it: too much for the sockets
                    while await other.receive_some(2**20):
                        pass
            begun = trio.current_time()
        assert trio.current_time() - begun < PATIENCE / 2
        outside.cancel_scope.cancel()


async def hang_up(stream: trio.SocketStream) -> None:
    """Let a server end that waits for this peer."""
    async with stream:
        await trio.sleep(PATIENCE)


async def test_trio_does_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No asyncio, no thread: what would start one fails."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("neither asyncio nor threads")

    monkeypatch.setattr("asyncio.new_event_loop", fail)
    monkeypatch.setattr("threading.Thread.start", fail)
    monkeypatch.setattr("trio.to_thread.run_sync", fail)
    async with serving(["Hello"]) as (_, port):
        for path in ("/", "/page.js", "/config.json", "/unknown", "/turns/x/events"):
            async with await ask(port, "GET", path) as stream:
                await read_until(stream, b"\r\n\r\n")
        async with await ask(port, "GET", await start_turn(port)) as listener:
            await read_until(listener, b'"reason":"complete"')


async def test_ctrl_c_is_not_lost_in_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hypercorn takes one that hits its accept loop for a wish to end, and returns."""

    async def interrupted(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(_server, "serve", interrupted)
    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        async with serving([]):
            await trio.sleep_forever()
