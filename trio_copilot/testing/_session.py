"""One session of the scripted CLI: what it remembers, its queue, and its abort.

The work itself is done by a task of the turn engine, which runs while there is some.
Everything here is synchronous and is called by the methods of the CLI.

The times are those of the real CLI in order of magnitude; what matters is their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import trio

from . import _events as events
from ._events import EventLog
from ._hooks import Hooks
from ._host import Host, Json
from ._openai import MODEL
from ._prompts import Activity, Prompt, read_prompt
from ._questions import Elicitations, UserInputs
from ._tool_calls import ToolCall, facts_of
from ._turn_engine import work

ADMISSION = 0.004
"""Seconds from a prompt's arrival to its admission and the answer to `session.send`."""

ABORTING = 0.008
"""Seconds from an abort's arrival, and its effect, to its answer."""

CALMING = 0.003
"""Seconds from the answer to an abort until the session is idle."""

STEP = 0.002
"""Seconds from an answer of the client's to what follows from it."""


@attrs.define(eq=False)
class ScriptedSession:
    """A session of the scripted CLI."""

    host: Host
    id: str
    options: Json
    nursery: trio.Nursery
    log: EventLog
    messages: list[Json] = attrs.field(factory=list[Json])
    """The conversation, as the model gets it."""
    approved: set[str] = attrs.field(factory=set[str])
    """The tools that were approved for the whole session."""
    permissions: dict[str, ToolCall] = attrs.field(factory=dict[str, ToolCall])
    """{request id: the call that waits for it}"""
    calls: dict[str, ToolCall] = attrs.field(factory=dict[str, ToolCall])
    """{request id: the call that waits for its result}"""
    running: list[ToolCall] = attrs.field(factory=list[ToolCall])
    """The calls of the current model answer."""
    steering: deque[Prompt] = attrs.field(factory=deque[Prompt])
    """Prompts sent with mode `immediate` that no model call has taken up yet."""
    queue: deque[Prompt] = attrs.field(factory=deque[Prompt])
    title: str = ""
    """What the user asked first."""
    origin: str = ""
    """The message that the current answers originate from."""
    turn_id: str | None = None
    """The model call that is going on, from `turn_start` to `turn_end`."""
    activity: Activity | None = None
    """What an abort would interrupt."""
    streamed: int = 0
    """How many bytes were streamed for the current prompt."""
    _arriving: int = 0
    """Prompts that have arrived and are not admitted yet."""
    _working: trio.CancelScope | None = None
    _aborts: list[Callable[[Any], None]] = attrs.field(
        factory=list[Callable[[Any], None]]
    )
    """The answers that are owed to aborts."""
    _abort_waits: bool = False
    """An abort was said to have begun, and a hook holds it up."""
    _calming: bool = False
    """An abort was answered, and the session is not idle yet."""
    _open: list[str] = attrs.field(factory=list[str])
    """The prompts that were admitted and are neither answered nor dropped."""
    closed: bool = False
    """The session was let go: what is still under way comes to nothing."""
    hooks: Hooks = attrs.field(init=False)
    user_inputs: UserInputs = attrs.field(init=False)
    elicitations: Elicitations = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hooks = Hooks(self)
        self.user_inputs = UserInputs(self)
        self.elicitations = Elicitations(self)
        self.messages.append({"role": "system", "content": "You are scripted."})

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.options.get("model") or MODEL

    @property
    def streaming(self) -> bool:
        """Whether deltas are sent."""
        return self.options.get("streaming") is True

    @property
    def directory(self) -> str:
        """Where its tools work."""
        return str(self.options.get("workingDirectory", "/"))

    @property
    def tools(self) -> dict[str, Json]:
        """{name: declaration} of the client's tools."""
        return {tool["name"]: tool for tool in self.options.get("tools") or ()}

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> Json:
        """Send a new event."""
        return self.log.emit(kind, data)

    def begin(
        self,
        kind: str,
        *,
        when_interrupted: Callable[[], None] = lambda: None,
        **details: Any,
    ) -> None:
        """Say what an abort would interrupt from now on."""
        self.activity = Activity(kind, details, when_interrupted)

    def later(self, do: Callable[[], None]) -> None:
        """Do what follows from an answer of the client's."""
        self.host.agenda.add(STEP, do)

    # -- prompts

    def send(self, params: Json, answer: Callable[[Any], None]) -> None:
        """Take a prompt, admit it a moment later, and answer with its message id."""
        self._arriving += 1
        self.host.agenda.add(ADMISSION, lambda: self._admit(params, answer))

    def _admit(self, params: Json, answer: Callable[[Any], None]) -> None:
        self._arriving -= 1
        prompt = self._prompt(params)
        if self.closed:
            answer({"messageId": prompt.message_id})
            return
        busy = self._working is not None or bool(self._aborts) or self._calming
        immediate = params.get("mode") == "immediate" and busy
        (self.steering if immediate else self.queue).append(prompt)
        self._open.append(prompt.message_id)
        self.host.fates[prompt.message_id] = "open"
        self.emit("pending_messages.modified")
        answer({"messageId": prompt.message_id})
        if not busy:
            self._start("idle")

    def _prompt(self, params: Json) -> Prompt:
        message_id = self.host.new_id("message")
        steers = params.get("mode") == "immediate" and self._working is not None
        return read_prompt(params, message_id, self.origin if steers else message_id)

    def take_prompt(self) -> Prompt | None:
        """Return the next prompt to answer, if there is one."""
        for waiting in (self.steering, self.queue):
            if waiting:
                return waiting.popleft()
        return None

    def go_on(self, text: str) -> None:
        """Have the agent go on with a prompt that no user sent, before any other."""
        message_id = self.host.new_id("message")
        self.queue.appendleft(Prompt(message_id, self.origin, text, {}))

    def _start(self, delivery: str) -> None:
        self._working = trio.CancelScope()
        self.nursery.start_soon(work, self, self._working, delivery)

    # -- the end of the work

    def rest(self, **how: Any) -> None:
        """Say that the session is idle."""
        self._working = None
        self._seal("answered")
        self.emit("assistant.idle", how)
        if not self.host.behaviour.background_work:
            self.emit("session.idle", {**how, "mode": "interactive"})

    def _seal(self, fate: str) -> None:
        """Say what became of the prompts that were open."""
        self.host.fates.update(dict.fromkeys(self._open, fate))
        self._open.clear()

    def _drop_queue(self, fate: str) -> None:
        self._seal(fate)
        self.queue.clear()
        self.steering.clear()

    def _stop_work(self) -> None:
        if self._working is not None:
            self._working.cancel()
        self._working = None
        self.activity = self.turn_id = None
        for call in self.running:
            call.done = True  # whatever is still to come of it
        self.running.clear()
        self.permissions.clear()
        self.calls.clear()

    def abort(self, answer: Callable[[Any], None]) -> None:
        """Abort what is going on, and answer when that is done."""
        if self._aborts:
            self._aborts.append(answer)
        elif self._working is not None:
            self._aborts.append(answer)
            self.emit("abort", {"reason": "user_initiated"})
            self.emit("pending_messages.modified")
            self._drop_queue("aborted")
            self._abort_waits = self.hooks.pending
            if not self._abort_waits:
                self._interrupt()
        elif self.host.behaviour.background_work:
            self.emit("abort", {"reason": "user_initiated"})
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
            await trio.lowlevel.checkpoint()

    def _interrupt(self) -> None:
        interrupted = [call for call in self.running if not call.done]
        for call in interrupted:
            call.cancel()
        if self.activity is not None:
            what = self.activity.details
            if interrupted:
                what = facts_of(interrupted)
            turn = {"turn": int(self.turn_id or 0), "elapsedMs": 0}
            about = {"activity": self.activity.kind, **turn, **what}
            self.emit("agent.interrupted", about)
            self.activity.when_interrupted()
        self.messages += [call.message for call in self.running]
        if self.turn_id is not None:
            self.emit("assistant.turn_end", {"turnId": self.turn_id})
        self._stop_work()
        self._abort_waits = False
        self.host.agenda.add(ABORTING, self._confirm_aborts)

    def give_up(self) -> None:
        """Drop the queue because the user refused to have a tool called."""
        self._drop_queue("aborted")
        self.emit("abort", {"reason": "user_initiated"})
        info = {"infoType": "cancellation", "message": "Operation cancelled by user"}
        self.emit("session.info", info)

    def _confirm_aborts(self) -> None:
        for answer in self._aborts:
            answer({"success": True})
        self._aborts.clear()
        self._calming = True
        self.host.agenda.add(CALMING, self._calm_down)

    def _calm_down(self) -> None:
        """Become idle after an abort, unless there is a new prompt already."""
        self._calming = False
        if self.queue or self.steering:
            self._start("queued")
        elif not self._arriving and not self.closed:
            self.emit("session.background_tasks_changed")
            self.rest(aborted=True)

    # -- the end of the session

    def close(self) -> None:
        """Let go of everything, without a word."""
        self._drop_queue("let go")
        self._stop_work()
        self.user_inputs.close()
        self.elicitations.close()
        self.closed = True
        if self._abort_waits:
            self._abort_waits = False
            self._confirm_aborts()

    def say_shutdown(self) -> None:
        """Say that the session was let go: nothing else tells."""
        self.emit("session.shutdown", events.session_shutdown(self.log, self.model))
