"""The block that owns a session: created before it, released after it.

Two nurseries: the outer for handlers of requests, which live until the session is
released, the inner for `on` handlers, which see the last events and then end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import trio

from .._blocks import as_block
from .._errors import CliUnresponsiveError
from .._json import as_object, as_text
from .._paths import PathRule
from .._peer import Peer
from .._resource_errors import SessionBrokenError, SessionClosedError
from .._scopes import impatient, open_block
from .._telemetry import trace_headers
from .missing import about_session
from .options import SessionOptions
from .requests import Desk
from .session import Session
from .statistics import Tally
from .turn import GRACE

RELEASE_TIMEOUT = 2.0
"""Seconds that leaving a session waits for the CLI to let go of it; it needs 0.04."""

BROKEN_RELEASE_TIMEOUT = 0.2
"""The same for a broken session, which has had all of its grace already."""

HANDLER_TIMEOUT = 5.0
"""Seconds that leaving a session waits for `on` handlers to see the last events."""


@as_block
async def open_session(
    peer: Peer,
    kill_cli: Callable[[], None],
    options: SessionOptions,
    session_id: str | None,
    paths: PathRule,
    *,
    method: str,
    timeout: float,
    sessions: dict[str, Session],
    tally: Tally,
) -> AsyncGenerator[Session, None]:
    """Create or resume a session and own it for the length of the block.

    It is registered in `sessions` before the request is written, or, if the answer
    brings its id, by the reader: its first events come in the same burst as the answer.
    """
    desk = Desk(peer, kill_cli, session_id or "", options, paths, tally)
    async with open_block() as nursery:
        session = Session(desk, nursery)

        def opened(facts: Any) -> None:
            session._facts = as_object(facts)
            if session_id is None:
                desk.session_id = as_text(session._facts.get("sessionId"))
            if session._abandoned:
                peer.submit_nowait("session.detach", {"sessionId": session.id})
            elif session_id is None:
                sessions[session.id] = session

        if session_id is not None:
            sessions[session_id] = session
        try:
            async with open_block() as observers:
                session._observers = observers
                params = {
                    **options.to_wire(session_id),
                    **trace_headers(),
                }
                with trio.move_on_after(timeout) as patience:
                    session._opening = await peer.submit(
                        method, params, on_result=opened
                    )
                    with about_session(
                        session_id if method == "session.resume" else None
                    ):
                        await session._opening.result()
                if patience.cancelled_caught:
                    raise CliUnresponsiveError(timeout)
                yield session
                session._fanout.close()
                observers.cancel_scope.deadline = trio.current_time() + HANDLER_TIMEOUT
        finally:
            await close_session(session)  # noqa: ASYNC102  # shields its steps itself
            sessions.pop(session.id, None)


@trio.lowlevel.enable_ki_protection  # it runs in tasks of its own, too
async def close_session(session: Session, patience: float = GRACE) -> None:
    """Stop the turn that another task has open, then release the session. Idempotent.

    Args:
      session: the session.
      patience: seconds to wait for that turn to end.
    """
    farewell = session._desk.peer.farewell
    with impatient(session._desk.kill_cli):
        turn = session._turn
        if turn is not None:
            turn._close()
            with farewell.last_words(patience):
                await turn._left.wait()
        session._end = session._end or SessionClosedError()
        session._handlers.leave()
        session._fanout.close()
        try:
            broken = isinstance(session._end, SessionBrokenError)
            with farewell.last_words(
                BROKEN_RELEASE_TIMEOUT if broken else RELEASE_TIMEOUT
            ):
                await _release(session)  # which calls the hook `session_end`
        finally:
            session._handlers.close()


async def _release(session: Session) -> None:
    opening, session._opening = session._opening, None
    if opening is None:
        return  # the CLI never heard of it, or has been told
    # A detach that overtakes the create would leave the session behind.
    if not opening.is_settled:
        try:
            await opening.settled()
        except trio.Cancelled:
            session._abandoned = True
            raise
    if not opening.failed:
        params = {"sessionId": session.id}
        for method in ("session.detach", "session.destroy"):
            # CLIs up to 1.0.60 have the second alone, which deletes nothing either.
            release = session._desk.peer.submit_nowait(method, params)
            await release.settled()
            if not release.is_unknown:
                return
