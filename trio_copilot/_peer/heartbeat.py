"""Notices a CLI that is there and does not answer.

A process that is stopped, or hangs, keeps its pipes open: nothing tells a waiter that its
answer will never come. So it is asked every so often, and given up when it is silent.
"""

from __future__ import annotations

import trio

from .._errors import CliUnresponsiveError
from .peer import Peer


async def beat(peer: Peer, interval: float) -> None:
    """Ping every `interval` seconds; end the connection when one is not answered in time.

    Returns when the connection has ended, whoever ended it.
    """
    while peer.end is None:
        await trio.sleep(interval)
        with trio.move_on_after(interval) as patience:
            await peer.submit_nowait("ping", {}).settled()
        if patience.cancelled_caught:
            peer.finish(CliUnresponsiveError(interval))
