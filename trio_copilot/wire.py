"""The lower layers, for a client of your own: frames, messages, and a peer.

Three steps, each usable without the next:

* `FrameDecoder` and `encode_frame`: bytes and frames. No I/O, no Trio.
* `decode_message` and `encode_message`: frames and JSON-RPC 2.0 messages. No I/O either.
* `open_peer`: a connection over any `trio.abc.Stream`, with calls, answers, notifications
  and cancellation. Knows nothing of Copilot: it talks to any server with such frames.

What a session, a turn or an event is, and what the CLI expects to hear when somebody
stops, is not here: that is what `trio_copilot.open_client` adds.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import trio

from ._blocks import as_block
from ._errors import CliExitedError, CopilotError, RpcError
from ._fixup import publish as _publish
from ._peer import Call as Call, Peer as Peer, open_peer as _open_peer
from ._wire.codes import METHOD_NOT_FOUND as METHOD_NOT_FOUND
from ._wire.framing import (
    MAX_FRAME_SIZE as MAX_FRAME_SIZE,
    MAX_HEADER_SIZE as MAX_HEADER_SIZE,
    FrameDecoder as FrameDecoder,
    encode_frame as encode_frame,
)
from ._wire.messages import (
    ErrorResponse as ErrorResponse,
    Message as Message,
    Notification as Notification,
    Request as Request,
    Response as Response,
    decode_message as decode_message,
    encode_message as encode_message,
)

__all__ = [
    "MAX_FRAME_SIZE",
    "MAX_HEADER_SIZE",
    "METHOD_NOT_FOUND",
    "Call",
    "ErrorResponse",
    "FrameDecoder",
    "Message",
    "Notification",
    "Peer",
    "Request",
    "Response",
    "decode_message",
    "encode_frame",
    "encode_message",
    "open_peer",
]


def _ignore(*_: object) -> None:
    """Take no notice."""


async def _refuse(method: str, _: Any) -> Any:
    await trio.lowlevel.checkpoint()
    raise RpcError(METHOD_NOT_FOUND, f"This client does not serve {method}")


async def _closed() -> CopilotError:
    await trio.lowlevel.checkpoint()
    return CliExitedError(None)


@as_block
async def open_peer(
    stream: trio.abc.Stream,
    *,
    on_notification: Callable[[str, Any], None] = _ignore,
    serve: Callable[[str, Any], Awaitable[Any]] = _refuse,
    on_end: Callable[[CopilotError], None] = _ignore,
    why_ended: Callable[[], Awaitable[CopilotError]] = _closed,
) -> AsyncGenerator[Peer, None]:
    """Speak JSON-RPC over a stream for as long as the block lasts.

    One task reads and one writes; whoever is cancelled, a frame goes out whole or not at
    all. The stream is not closed: it belongs to whoever opened it. Leaving the block, by
    whatever road, writes what was handed over, for a second at the most, and cancels the
    requests of the peer that are being served; a call that waits in another task raises
    `ClientClosedError`.

    Args:
      stream: where the peer is: a socket, or the two pipes of a process as a
        `trio.StapledStream`.
      on_notification: called with method and parameters of each notification, in order,
        by the task that reads: it must not block, so hand over what takes longer.
      serve: `await serve(method, params)` returns the result of a request of the peer,
        or raises `RpcError`; each runs in a task of its own. Any other exception is told
        to the peer and cancels the block. By default nothing is served.
      on_end: called once, with the reason, when the connection has ended.
      why_ended: makes the error that every waiting call raises when the stream ends, for
        whoever knows more of it than that; it must be bounded in time.

    Protocol: JSON-RPC 2.0 in frames with `Content-Length`; `$/cancelRequest` both ways.
    """
    async with _open_peer(
        stream,
        on_notification=on_notification,
        on_end=on_end,
        why_ended=why_ended,
        serve=serve,
    ) as peer:
        yield peer


_publish(globals())
