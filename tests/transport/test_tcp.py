"""A connection lasts as long as its block, or the error explains why it failed."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from trio_copilot._errors import ConnectError
from trio_copilot._transport import tcp as tcp_module
from trio_copilot._transport.connections import Tcp
from trio_copilot._transport.tcp import open_tcp


@pytest.fixture
async def echo(nursery):
    """Serve an echo; gives its port and the number of connections that are open."""
    served = Served()
    serve = partial(trio.serve_tcp, host="127.0.0.1")
    listeners = await nursery.start(serve, served.serve, 0)
    served.port = listeners[0].socket.getsockname()[1]
    return served


class Served:
    port = 0

    def __init__(self) -> None:
        self.ended = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        async for data in stream:
            await stream.send_all(data)
        self.ended.set()


async def test_bytes_go_both_ways_until_the_block_is_left(echo):
    with trio.fail_after(5):
        async with open_tcp(Tcp("127.0.0.1", echo.port)) as stream:
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
        await echo.ended.wait()
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


async def test_the_socket_is_closed_in_a_cancelled_block_too(echo):
    with trio.move_on_after(5) as scope:
        async with open_tcp(Tcp("127.0.0.1", echo.port)):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    with trio.fail_after(5):
        await echo.ended.wait()


async def test_an_exception_leaves_a_cancelled_block_as_itself(echo):
    async def make_a_mistake() -> None:
        async with open_tcp(Tcp("127.0.0.1", echo.port)):
            scope.cancel()
            raise ValueError("mine")

    with trio.fail_after(5) as scope, pytest.raises(ValueError, match="mine"):
        await make_a_mistake()


async def test_where_nobody_listens_is_said_with_what_to_do():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with trio.fail_after(5), pytest.raises(ConnectError) as caught:
        async with open_tcp(Tcp("127.0.0.1", port, token="sesame")):
            raise AssertionError
    assert f"No Copilot CLI at 127.0.0.1, port {port}: " in str(caught.value)
    assert f"`copilot --headless --port {port}`" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert "sesame" not in str(caught.value)


class FakeResolver(trio.abc.HostnameResolver):
    def __init__(self, answer) -> None:
        self.answer = answer

    async def getaddrinfo(self, *_args):
        await trio.lowlevel.checkpoint()
        return await self.answer()

    async def getnameinfo(self, *_args):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (trio.socket.gaierror(-2, "Name or service not known"), "not known"),
        (UnicodeError("label empty or too long"), "label empty"),
    ],
)
async def test_a_name_that_does_not_resolve_is_named(error, shown):
    async def fail():
        raise error

    trio.socket.set_custom_hostname_resolver(FakeResolver(fail))
    with pytest.raises(ConnectError, match=f"at nowhere.example, port 1: .*{shown}"):
        async with open_tcp(Tcp("nowhere.example", 1)):
            raise AssertionError


async def test_who_never_answers_is_waited_for_in_bounds(autojump_clock):
    trio.socket.set_custom_hostname_resolver(FakeResolver(trio.sleep_forever))
    with pytest.raises(ConnectError, match="no answer within 10 s"):
        async with open_tcp(Tcp("slow.example", 1)):
            raise AssertionError
    assert trio.current_time() == pytest.approx(tcp_module.CONNECT_TIMEOUT)


async def test_connecting_can_be_cancelled():
    trio.socket.set_custom_hostname_resolver(FakeResolver(trio.sleep_forever))
    with trio.move_on_after(0) as scope:
        async with open_tcp(Tcp("slow.example", 1)):
            raise AssertionError
    assert scope.cancelled_caught
