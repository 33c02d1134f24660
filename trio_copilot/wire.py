"""The lower layers, for your own client: frames, messages, and a peer.

Three steps, each usable without the next:

* `FrameDecoder` and `encode_frame`: bytes and frames. No I/O, no Trio.
* `decode_message` and `encode_message`: frames and JSON-RPC 2.0 messages. No I/O either.
* `open_peer`: a connection over any `trio.abc.Stream`, with calls, answers, notifications
  and cancellation. It knows nothing of Copilot: any server with such frames will do.

Sessions, turns and events, and what the CLI must receive when somebody stops, are what
`trio_copilot.open_client` adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._peer import Call as Call, Peer as Peer, open_peer as open_peer
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
else:
    from ._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__)
