"""The prompts of a scripted session: their queue, the work on them, and its abort.

Everything here is synchronous; the work itself is done by a task of `_turn_engine`, which
runs while there is something to do.

An abort takes effect at once, unless the session waits for a hook: then the work continues
to the next `heed_abort`. Either way it is answered a moment later, and after another
moment the session is idle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import trio

from ._host import Json
from ._session_state import ScriptedSessionState
from ._tool_calls import SessionTools, facts_of

ADMISSION = 0.004
"""Seconds from a prompt's arrival to its admission and the answer to `session.send`."""

ABORTING = 0.008
"""Seconds from an abort's arrival, and its effect, to its answer."""

CALMING = 0.003
"""Seconds from the answer to an abort until the session is idle."""


@attrs.frozen
class QueuedPrompt:
    """A message of the user that waits for its turn.

    Attributes:
      message_id: its id.
      origin: the message that the answers to it originate from.
      text: what the user wrote.
      extra: other members of its `user.message`.
    """

    message_id: str
    origin: str
    text: str
    extra: Json = attrs.field(factory=dict[str, Any])


class PromptQueue:
    """What a session has to do.

    Attributes:
      steering: the prompts sent with mode `immediate` that no model call has taken up.
    """

    def __init__(
        self,
        session: ScriptedSessionState,
        tools: SessionTools,
        start_work: Callable[[trio.CancelScope, str], None],
    ) -> None:
        self.steering: deque[QueuedPrompt] = deque()
        self._queue: deque[QueuedPrompt] = deque()
        self._session = session
        self._tools = tools
        self._start_work = start_work
        self._arriving = 0  # prompts that have arrived and are not admitted yet
        self._open: list[str] = []  # those admitted and neither answered nor dropped
        self._working: trio.CancelScope | None = None
        self._aborts: list[Callable[[Any], None]] = []  # the answers that are owed
        self._abort_waits = False  # for a hook to be answered
        self._calming = False  # an abort was answered, the session is not idle yet

    # -- prompts

    def send(self, params: Json, answer: Callable[[Any], None]) -> None:
        """Take a prompt, admit it a moment later, and answer with its message id."""
        self._arriving += 1
        self._session.host.agenda.add(ADMISSION, lambda: self._admit(params, answer))

    def _admit(self, params: Json, answer: Callable[[Any], None]) -> None:
        self._arriving -= 1
        host = self._session.host
        message_id = host.new_id("message")
        if self._session.closed:
            answer({"messageId": message_id})
            return
        working, immediate = (
            self._working is not None,
            params.get("mode") == "immediate",
        )
        busy = working or bool(self._aborts) or self._calming
        text, attachments = params.get("prompt"), params.get("attachments")
        prompt = QueuedPrompt(
            message_id=message_id,
            origin=self._session.origin if immediate and working else message_id,
            text=text if isinstance(text, str) else "",
            extra={"attachments": attachments} if attachments else {},
        )
        (self.steering if immediate and busy else self._queue).append(prompt)
        self._open.append(message_id)
        host.fates[message_id] = "open"
        self._session.emit("pending_messages.modified")
        answer({"messageId": message_id})
        if not busy:
            self._start("idle")

    def take(self) -> QueuedPrompt | None:
        """Return the next prompt to answer, if there is one."""
        # Steering that came too late for any model call is a prompt like any other.
        for waiting in (self.steering, self._queue):
            if waiting:
                return waiting.popleft()
        return None

    def go_on(self, text: str) -> None:
        """Continue with a prompt that no user sent, before any other."""
        message_id = self._session.host.new_id("message")
        self._queue.appendleft(QueuedPrompt(message_id, self._session.origin, text))

    def _start(self, delivery: str) -> None:
        self._working = trio.CancelScope()
        self._start_work(self._working, delivery)

    # -- the end of the work

    def rest(self, **how: Any) -> None:
        """Send the event that the session is idle."""
        self._working = None
        self._seal("answered")
        self._session.emit("assistant.idle", how)
        if not self._session.host.behaviour.background_work:
            self._session.emit("session.idle", {**how, "mode": "interactive"})

    def give_up(self) -> None:
        """Drop all prompts because the user refused a tool call."""
        self._drop("aborted")
        self._session.emit("abort", {"reason": "user_initiated"})
        info = {"infoType": "cancellation", "message": "Operation cancelled by user"}
        self._session.emit("session.info", info)

    def close(self) -> None:
        """Let go of everything, without an event."""
        self._drop("let go")
        self._stop_work()
        self._session.closed = True
        if self._abort_waits:
            self._abort_waits = False
            self._confirm_aborts()

    def _seal(self, fate: str) -> None:
        """Record what became of the prompts that were open."""
        self._session.host.fates.update(dict.fromkeys(self._open, fate))
        self._open.clear()

    def _drop(self, fate: str) -> None:
        self._seal(fate)
        self._queue.clear()
        self.steering.clear()

    def _stop_work(self) -> None:
        if self._working is not None:
            self._working.cancel()
        self._working = None
        self._session.activity = self._session.turn_id = None
        self._tools.clear()

    # -- an abort

    def abort(self, answer: Callable[[Any], None]) -> None:
        """Abort the work, and answer once that is done."""
        if self._aborts:
            self._aborts.append(answer)
        elif self._working is not None:
            self._aborts.append(answer)
            self._session.emit("abort", {"reason": "user_initiated"})
            self._session.emit("pending_messages.modified")
            self._drop("aborted")
            self._abort_waits = self._session.in_hook
            if not self._abort_waits:
                self._interrupt()
        elif self._session.host.behaviour.background_work:
            self._session.emit("abort", {"reason": "user_initiated"})
            self.rest(aborted=True)
            answer({"success": True})
        else:
            answer({"success": True})

    async def heed_abort(self) -> None:
        """Be interrupted here if an abort had to wait for a hook.

        Cancelled: that is how the work is left.
        """
        if self._abort_waits:
            self._interrupt()
            await trio.lowlevel.checkpoint()  # our own scope has just been cancelled

    def _interrupt(self) -> None:
        session, interrupted = self._session, self._tools.interrupt()
        if (activity := session.activity) is not None:
            details = facts_of(interrupted) if interrupted else activity.details
            turn = {"turn": int(session.turn_id or 0), "elapsedMs": 0}
            event = {"activity": activity.kind, **turn, **details}
            session.emit("agent.interrupted", event)
            activity.when_interrupted()
        # A model rejects a conversation in which a tool call has no result.
        session.messages += [call.message for call in self._tools.running]
        if session.turn_id is not None:
            session.emit("assistant.turn_end", {"turnId": session.turn_id})
        self._stop_work()
        self._abort_waits = False
        session.host.agenda.add(ABORTING, self._confirm_aborts)

    def _confirm_aborts(self) -> None:
        for answer in self._aborts:
            answer({"success": True})
        self._aborts.clear()
        self._calming = True
        self._session.host.agenda.add(CALMING, self._calm_down)

    def _calm_down(self) -> None:
        """Become idle after an abort, unless there is a new prompt already."""
        self._calming = False
        if self._queue or self.steering:
            self._start("queued")
        elif not self._arriving and not self._session.closed:
            # A prompt that arrives before this swallows it, as on the real CLI.
            self._session.emit("session.background_tasks_changed")
            self.rest(aborted=True)
