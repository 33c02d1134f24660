"""The block that owns a turn: its nursery, its cancel scope, its deadlines.

The handlers of the turn run in the nursery. Cancelling the scope ends the turn and the
block normally; `timeout=` and `idle_timeout=` do no more than that.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import trio

from .._blocks import as_block
from .._checks import seconds
from .._json import as_text
from .._scopes import entering, open_block
from .handlers import Handlers
from .turn import Turn
from .turn_events import CancelCause

if TYPE_CHECKING:
    from .session import Session


@as_block
async def open_turn(
    session: Session,
    params: dict[str, Any],
    *,
    timeout: float | None,
    idle_timeout: float | None,
) -> AsyncGenerator[Turn, None]:
    """Own one prompt for the length of the block; see `Session.turn`."""
    deadline = trio.current_time() + seconds("timeout", timeout)
    scope = trio.CancelScope(deadline=deadline)
    turn = Turn(session, scope, as_text(params.get("prompt")))
    limit = seconds("idle_timeout", idle_timeout)
    session._begin_turn(turn)
    try:
        async with open_block() as nursery:
            turn._handlers = Handlers(nursery)
            if limit < math.inf:
                nursery.start_soon(_watch_silence, turn, limit)
            try:
                await turn._send(params)
                with entering(turn.cancel_scope):
                    yield turn
            finally:
                await turn._finish()  # noqa: ASYNC102  # shields its steps itself
    finally:
        session._end_turn(turn)
        turn._left.set()
    if turn._failure is not None:
        raise turn._failure.renewed()


async def _watch_silence(turn: Turn, limit: float) -> None:
    """Cancel the turn when nothing was heard for `limit` seconds.

    The clock stands still while the CLI waits for us.
    """
    while not turn._ended.is_set():
        if turn._handlers.pending:
            await turn._handlers.wait_quiet()
            turn._last_heard = trio.current_time()
        deadline = turn._last_heard + limit
        if trio.current_time() >= deadline:
            turn._cancel(CancelCause.IDLE_TIMEOUT)
            return
        with trio.move_on_at(deadline):
            await turn._ended.wait()
