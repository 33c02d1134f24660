"""A program that talks to a bridge, over memory or TCP, as a browser would."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import attrs
import pytest
import trio
import trio.testing
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
)

from trio_copilot import Client, open_client
from trio_copilot.bridge import Bridge, open_bridge
from trio_copilot.testing import Reply, Script, ScriptedCli, open_scripted_cli

TOKEN = "open sesame"
PATIENCE = 600.0
"""Seconds, simulated in most tests, until a peer gives up waiting."""

ENDLESS = Reply(["tick "] * 100_000, delay=0.02)

Json = dict[str, Any]
Pipe = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]


@attrs.define(eq=False)
class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """Accepts connections over memory, so that time can be simulated."""

    pipe: Pipe = trio.testing.memory_stream_pair
    _send: Any = attrs.field(init=False)
    _receive: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](100)

    def connect(self) -> trio.abc.Stream:
        ours, theirs = self.pipe()
        self._send.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        return await self._receive.receive()

    async def aclose(self) -> None:
        self._receive.close()
        await trio.lowlevel.checkpoint()


@attrs.define(eq=False)
class Peer:
    """One end of a WebSocket."""

    ws: WebSocketConnection
    stream: trio.abc.Stream
    heard: list[Json] = attrs.field(factory=list)

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message of that type."""
        await self.ws.send_message(json.dumps({"type": kind, **fields}))

    async def hear(self) -> Json:
        """Return the next message."""
        with trio.fail_after(PATIENCE):
            message: Json = json.loads(await self.ws.get_message())
        self.heard.append(message)
        return message

    async def hear_until(self, type_: str, **fields: Any) -> Json:
        """Read up to a message of that type, with these fields."""
        while True:
            message = await self.hear()
            if message["type"] == type_ and fields.items() <= message.items():
                return message

    async def hello(self, token: str = TOKEN) -> Json:
        await self.say("hello", token=token)
        return await self.hear()

    async def closed(self) -> int:
        """Wait until the socket is closed and return the code."""
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await self.hear()
        assert closed.value.reason is not None
        return closed.value.reason.code

    def types(self) -> list[str]:
        return [message["type"] for message in self.heard]

    def text(self) -> str:
        return "".join(m["text"] for m in self.heard if m["type"] == "delta")


@asynccontextmanager
async def connected(
    stream: trio.abc.Stream,
    *,
    host: str = "localhost",
    path: str = "/",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> AsyncGenerator[Peer]:
    """Do the handshake on a stream; hang up without a word when the block is left."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE):
            ws = await wrap_client_stream(
                nursery,
                cast("trio.SocketStream", stream),  # any stream will do
                host,
                path,
                extra_headers=headers,
            )
        async with stream:
            yield Peer(ws, stream)
        nursery.cancel_scope.cancel()


async def stay(
    listener: MemoryListener,
    codes: list[int],
    *,
    prompt: str = "",
    task_status: trio.TaskStatus[Peer],
) -> None:
    """Come in, say a prompt, and listen until the socket is closed; note the code.

    For peers in a nursery outside of the bridge's block.
    """
    async with connected(listener.connect()) as peer:
        await peer.hello()
        if prompt:
            await peer.say("prompt", turn="1", text=prompt)
            await peer.hear_until("delta")
        task_status.started(peer)
        codes.append(await peer.closed())


@attrs.define(eq=False)
class Scene:
    """A bridge on a scripted CLI, over memory."""

    cli: ScriptedCli
    client: Client
    bridge: Bridge
    listener: MemoryListener

    def door(self, **handshake: Any) -> AbstractAsyncContextManager[Peer]:
        """Do the handshake and say nothing yet."""
        return connected(self.listener.connect(), **handshake)

    @asynccontextmanager
    async def peer(self, **handshake: Any) -> AsyncGenerator[Peer]:
        """Come in."""
        async with self.door(**handshake) as peer:
            assert (await peer.hello())["type"] == "ready"
            yield peer

    async def only(self, connections: int) -> None:
        """Wait until there are only so many."""
        with trio.fail_after(30):
            await self.bridge.wait_connections(connections)


@asynccontextmanager
async def open_scene(
    script: Script | Reply = (),
    *,
    listener: MemoryListener | None = None,
    scope: trio.CancelScope | None = None,
    scripted: Json | None = None,
    **options: Any,
) -> AsyncGenerator[Scene]:
    """Serve a bridge over memory for as long as the block lasts.

    Args:
      script, scripted: of the CLI.
      listener: where peers come in.
      scope: goes around the client and the bridge; the CLI outlives it.
      options: of the bridge.
    """
    listener = listener or MemoryListener()
    async with open_scripted_cli(script, **(scripted or {})) as cli:
        with scope or trio.CancelScope():
            async with open_client(cli.stream) as client:
                async with open_bridge(
                    client, listeners=[listener], token=TOKEN, **options
                ) as bridge:
                    yield Scene(cli, client, bridge, listener)
