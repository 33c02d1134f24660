"""Notices a CLI that is there but does not answer.

A process that is stopped, or hangs, keeps its pipes open: no waiter would ever learn that
its answer will not come. So we ping the CLI at intervals, and give it up when it is silent.
"""

from __future__ import annotations

import trio

from .._errors import CliUnresponsiveError
from .peer import Peer


async def beat(peer: Peer, interval: float) -> None:
    """Ping every `interval` seconds; end the connection if an answer takes as long.

    Returns when the connection has ended, for whatever reason.
    """
    while peer.end is None:
        await trio.sleep(interval)
        with trio.move_on_after(interval) as patience:
            await peer.submit_nowait("ping", {}).settled()
        if patience.cancelled_caught:
            peer.finish(CliUnresponsiveError(interval))
