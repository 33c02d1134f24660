"""What a session has, what arriving events do to it, and how it is opened and released.

Strategy: the connection's reader calls `receive` with each event of the session, so
everything on that path is synchronous. An event goes to the open turn, then to the
subscribers, and last to the one method that `_EFFECTS` has for its wire type. Users hold a
`Session`, which delegates to this object; `_peer` numbers the calls and frames them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import attrs
import trio

from .._errors import CopilotError
from .._json import as_object, as_text
from .._paths import PathRule
from .._peer import Call, Peer
from .._protocol.envelope import Head, SessionEvent, event_of
from .._resource_errors import SessionBrokenError, SessionBusyError, SessionClosedError
from .._scopes import impatient
from .._telemetry import trace_headers
from .coalesce import SESSION_EVENTS
from .dedupe import Deduplicator
from .drain import GRACE
from .fanout import FanOut
from .missing import about_session
from .options import SessionOptions
from .requests import ENDINGS, RequestRouter
from .running import RunningRequests
from .statistics import Tally
from .usage import Usage

logger = logging.getLogger("trio_copilot.session")

RELEASE_TIMEOUT = 2.0
"""Seconds that leaving a session waits for the CLI to let go of it; it needs 0.04."""

BROKEN_RELEASE_TIMEOUT = 0.2
"""The same for a broken session, which has used up its grace."""


# A protocol, because `turn_state` has the class and imports this module.
class OpenTurn(Protocol):
    """What a session knows about its open turn."""

    @property
    def running(self) -> RunningRequests:
        """The requests that the turn's handlers answer."""
        ...

    @property
    def left(self) -> trio.Event:
        """Set when the turn's block has been left."""
        ...

    def receive(self, event: SessionEvent) -> None:
        """Take an event of the session."""

    def lose(self, error: CopilotError) -> None:
        """End: no further event will come."""

    def close(self) -> None:
        """Cancel the turn: another task leaves the session's block."""

    async def abort(self) -> None:
        """Cancel the turn, and wait until its block has been left."""


@attrs.define(eq=False)
class SessionState:
    """The state of one session, from before it is opened until it is released."""

    peer: Peer
    kill_cli: Callable[[], None]
    options: SessionOptions
    paths: PathRule
    tally: Tally
    running: RunningRequests
    """The requests that come between turns."""
    id: str = ""
    """Empty until the CLI names a session in the cloud."""
    facts: Mapping[str, Any] = attrs.field(factory=dict[str, Any], init=False)
    """What the CLI answered when it opened the session."""
    idle: bool = attrs.field(default=True, init=False)
    usage: Usage = attrs.field(factory=Usage, init=False)
    turn: OpenTurn | None = attrs.field(default=None, init=False)
    end: CopilotError | None = attrs.field(default=None, init=False)
    """Why no call is possible any more."""
    fanout: FanOut[SessionEvent] = attrs.field(init=False)
    router: RequestRouter = attrs.field(init=False)
    _fresh: Deduplicator = attrs.field(factory=Deduplicator, init=False)
    _opening: Call | None = attrs.field(default=None, init=False)
    _abandoned: bool = attrs.field(default=False, init=False)
    """Nobody waits for `_opening` any more: release the session when the answer comes."""

    def __attrs_post_init__(self) -> None:
        self.fanout = FanOut(SESSION_EVENTS)
        self.router = RequestRouter(self.options, self.submit_nowait)

    # -- calls

    def check_open(self) -> None:
        """Raise the session's end, if it has one."""
        if self.end is not None:
            raise self.end.renewed()

    async def submit(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_result: Callable[[Any], None] | None = None,
    ) -> Call:
        """As `Peer.submit`, with the session's id."""
        params = {"sessionId": self.id, **params}
        return await self.peer.submit(method, params, on_result=on_result)

    def submit_nowait(self, method: str, params: Mapping[str, Any]) -> Call:
        """As `Peer.submit_nowait`, with the session's id."""
        return self.peer.submit_nowait(method, {"sessionId": self.id, **params})

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """As `Peer.request`, with the session's id, while the session is open."""
        self.check_open()
        with about_session(self.id):
            return await self.peer.request(method, {"sessionId": self.id, **params})

    async def send(
        self,
        params: Mapping[str, Any],
        on_admitted: Callable[[str], None] = lambda message_id: None,
    ) -> Call:
        """Submit a prompt; the result of the call is what `message_id_of` reads.

        Args:
          params: those of `session.send`.
          on_admitted: called by the reader with the id of the prompt.
        """

        def admitted(result: Any) -> None:
            self.idle = False
            on_admitted(message_id_of(result))

        return await self.submit("session.send", params, on_result=admitted)

    # -- called by the reader of the connection: synchronous

    def receive(
        self, head: Head, body: bytes, event: SessionEvent | None = None
    ) -> None:
        """Take an event. The `SessionEvent` is only made if something here needs it.

        Args:
          head: the fields that routing needs.
          body: the frame that the event came in.
          event: the event, if its frame had an unusual form and was decoded already.
        """
        if self.end is not None:
            return
        if not self._fresh.is_new(head):
            self.tally.repeated_events += 1
            return
        wire_type, turn = head.type, self.turn
        self.tally.events[wire_type] += 1
        effect = self._EFFECTS.get(wire_type)
        if turn is None and effect is None and not self.fanout.buffers[wire_type]:
            return  # like most events of a session without a turn or subscribers
        if event is None:
            event = event_of(head, body)
        if turn is not None:
            turn.receive(event)
        self.fanout.publish(wire_type, event)
        if effect is not None:
            # Last: `session.shutdown` ends the turn and the subscriptions, which must
            # get the event before that.
            effect(self, event)

    async def answer(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer a JSON-RPC request of the CLI, in a task of the connection."""
        return await self.router.answer(method, params, self._current)

    def lose(self, error: CopilotError) -> None:
        """End all that waits for events: the connection or the session is gone."""
        if self.end is None:
            self.end = error
        if self.turn is not None:
            self.turn.lose(error)
        self.running.close()
        self.fanout.close(None if isinstance(error, SessionClosedError) else error)

    # -- what single events do

    def _turn_started(self, event: SessionEvent) -> None:
        if event.agent_id is None:  # maybe for a prompt of another client
            self.idle = False

    def _became_idle(self, event: SessionEvent) -> None:
        if event.agent_id is None:
            self.idle = True
            self._fresh.next_turn()

    def _capabilities_changed(self, event: SessionEvent) -> None:
        # The event holds only what has changed, in its groups as well.
        known = dict(as_object(self.facts.get("capabilities")))
        for name, change in as_object(event.payload).items():
            group = isinstance(change, Mapping)
            known[name] = {**as_object(known.get(name)), **change} if group else change
        self.facts = {**self.facts, "capabilities": known}

    def _model_called(self, event: SessionEvent) -> None:
        self.usage = self.usage.plus(as_object(event.payload))

    def _compacted(self, event: SessionEvent) -> None:
        self.usage = self.usage.plus_compaction(as_object(event.payload))

    def _shut_down(self, event: SessionEvent) -> None:
        if event.agent_id is None:
            self.lose(SessionClosedError("The CLI has let go of this session"))

    def _request_begun(self, event: SessionEvent) -> None:
        self.router.begin(event, self.id, self._current)

    def _request_ended(self, event: SessionEvent) -> None:
        # The request may have begun before this turn: then the session runs it.
        self.router.end(event, {self._current, self.running})

    # What an event does to the session itself, with or without a turn, by wire type.
    _EFFECTS: ClassVar[dict[str, Callable[[SessionState, SessionEvent], None]]] = {
        **dict.fromkeys(RequestRouter.BEGINNINGS, _request_begun),
        **dict.fromkeys(ENDINGS, _request_ended),
        "assistant.turn_start": _turn_started,
        "assistant.usage": _model_called,
        "capabilities.changed": _capabilities_changed,
        "session.compaction_complete": _compacted,
        "session.idle": _became_idle,
        "session.shutdown": _shut_down,
    }

    @property
    def _current(self) -> RunningRequests:
        """Where a new request runs: in the open turn, unless that takes none any more."""
        turn = self.turn
        return self.running if turn is None or turn.running.closed else turn.running

    @property
    def open_requests(self) -> tuple[str, ...]:
        """The labels of all requests that wait for an answer."""
        of_turn = self.turn.running.pending if self.turn is not None else ()
        return (*self.running.pending, *of_turn)

    # -- turns

    def begin_turn(self, turn: OpenTurn) -> None:
        """Send all events to this turn, too.

        Raises:
          SessionBusyError: another turn is open.
        """
        self.check_open()
        if self.turn is not None:
            raise SessionBusyError(
                "A turn of this session is open: leave its block first, or use "
                "turn.steer() or session.send() to talk during a turn"
            )
        self.turn = turn

    def end_turn(self, turn: OpenTurn) -> None:
        """Let the next turn begin: the block of this one has been left."""
        self.turn = None
        turn.left.set()

    def mark_broken(self, message: str) -> None:
        """Make every further call fail: a turn could not be stopped."""
        logger.error("Session %s is broken: %s", self.id, message)
        if self.end is None:
            self.end = SessionBrokenError(message)
        self.fanout.close(self.end)  # `receive` drops all further events

    # -- the life of the session

    async def open(self, method: str, sessions: dict[str, SessionState]) -> None:
        """Open the session at the CLI.

        It joins `sessions` before the request is written. If the CLI chooses the id, the
        reader adds it as soon as it has the answer: the first events come right behind.
        """

        def opened(facts: Any) -> None:
            self.facts = as_object(facts)
            is_registered = bool(self.id)
            if not is_registered:
                self.id = as_text(self.facts.get("sessionId"))
            if self._abandoned:
                self.submit_nowait("session.detach", {})
            elif not is_registered:
                sessions[self.id] = self

        if self.id:
            sessions[self.id] = self
        params = {**self.options.to_wire(self.id or None), **trace_headers()}
        self._opening = await self.peer.submit(method, params, on_result=opened)
        with about_session(self.id if method == "session.resume" else None):
            await self._opening.result()

    @trio.lowlevel.enable_ki_protection  # the client runs it in tasks, too
    async def close(self, patience: float = GRACE) -> None:
        """Stop the turn that another task has open, then release. Idempotent.

        Args:
          patience: seconds to wait for that turn to end.
        """
        farewell = self.peer.farewell
        with impatient(self.kill_cli):
            if self.turn is not None:
                left = self.turn.left  # by then `self.turn` is `None`
                self.turn.close()
                with farewell.last_words(patience):
                    await left.wait()
            self.end = self.end or SessionClosedError()
            # Before the release: the CLI waits for these answers.
            self.running.leave()
            self.fanout.close()
            broken = isinstance(self.end, SessionBrokenError)
            limit = BROKEN_RELEASE_TIMEOUT if broken else RELEASE_TIMEOUT
            try:
                with farewell.last_words(limit):
                    await self._release()  # the CLI calls the hook `session_end` now
            finally:
                self.running.close()

    async def _release(self) -> None:
        opening, self._opening = self._opening, None
        if opening is None:
            return  # the request was never sent, or the session has been released
        # A detach that overtakes the create would leave the session behind.
        if not opening.is_settled:
            try:
                await opening.settled()
            except trio.Cancelled:
                self._abandoned = True
                raise
        if opening.failed:
            return
        # CLIs up to 1.0.60 have `session.destroy` alone, which deletes nothing either.
        for method in ("session.detach", "session.destroy"):
            release = self.submit_nowait(method, {})
            await release.settled()
            if not release.is_unknown:
                return


def message_id_of(result: Any) -> str:
    """Return the id that the CLI gave to a prompt, from the result of `session.send`."""
    return as_text(as_object(result).get("messageId"))
