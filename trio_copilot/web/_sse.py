"""The events of a turn as a stream of server-sent events.

Strategy: an ASGI application by hand. Noticing a listener that leaves in silence takes a
second task; if that cancelled the first inside an async generator, as Starlette's response
takes one, the generator would be left unfinished.

This module does not know which request it answers.
"""

from __future__ import annotations

import attrs
import trio
from starlette.types import Receive, Scope, Send

from .._scopes import open_block
from ..bridge._messages import encode
from ._limits import TurnLimits
from ._turn_log import Place
from ._turns import LoggedTurn

HEARTBEAT = b": still there\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect more first
]


@attrs.define(eq=False)
class EventStream:
    """A response that is a stream of events: an ASGI application."""

    _turn: LoggedTurn
    _place: Place
    """Where the stream begins, and then how far it has come."""
    _limits: TurnLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ended = False
        with self._turn.listened():
            async with open_block() as nursery:
                nursery.start_soon(cancel_when_gone, receive, nursery.cancel_scope)
                await self._write_events(send)
                ended = True
                nursery.cancel_scope.cancel()
        if ended:
            # Outside the nursery: a server reports a disconnect while this is sent.
            await send({"type": "http.response.body", "body": b""})

    async def _write_events(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _write(send, f"retry: {self._limits.retry * 1000:.0f}\n\n".encode())
        log = self._turn.log
        while True:
            step = log.after(self._place)
            if step is not None:
                self._place, message = step
                event = f"id: {self._place}\ndata: {encode(message)}\n\n"
                await _write(send, event.encode())
            elif log.ended.is_set():
                return
            else:
                with trio.move_on_after(self._limits.heartbeat) as silence:
                    await log.more()
                if silence.cancelled_caught:
                    await _write(send, HEARTBEAT)


async def _write(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    """Wait until the peer of a request hangs up, then cancel the scope."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
