"""A stream of a test for another process: served on a port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio


@asynccontextmanager
async def serve_stream(stream: trio.abc.Stream) -> AsyncGenerator[int]:
    """Connect the one program that comes to this port with a stream, until either ends."""
    connected = False

    async def serve(program: trio.SocketStream) -> None:
        nonlocal connected
        assert not connected, "a second program has come"
        connected = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pump, stream, program, nursery.cancel_scope)
            nursery.start_soon(_pump, program, stream, nursery.cancel_scope)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        )
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def _pump(
    source: trio.abc.ReceiveStream, sink: trio.abc.SendStream, both: trio.CancelScope
) -> None:
    with suppress(trio.BrokenResourceError):  # either side may go when it likes
        async for chunk in source:
            await sink.send_all(chunk)
    both.cancel()
