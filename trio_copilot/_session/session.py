"""A conversation: it owns its handlers, its subscriptions, and one turn at a time.

The reader of the connection calls `Session._receive` with every event; everything that
happens there is synchronous. Nothing in this module knows about framing or ids of calls.
The block that owns a session is in `open_session`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import trio

from .._blocks import called
from .._checks import wrong_type
from .._errors import CopilotError, RpcError
from .._json import as_array, as_object, as_text
from .._peer import Call
from .._protocol.envelope import Head, SessionEvent, event_of
from .._protocol.roots import session_rpc
from .._resource_errors import SessionBrokenError, SessionBusyError, SessionClosedError
from .._telemetry import trace_headers
from .._tools.declare import Tool
from .._tools.run import by_name
from .attachments import Attachment, attachment_to_wire, check_params
from .buffer import Lagged, Overflow
from .coalesce import SESSION_EVENTS
from .dedupe import Deduplicator
from .fanout import DEFAULT_CAPACITY, FanOut, Subscription, check_types
from .handlers import Handlers
from .missing import about_session
from .open_turn import open_turn
from .requests import REQUESTS, Desk
from .turn import Turn
from .turn_events import TextDelta, ToolCall, TurnEnd, TurnEndReason
from .usage import Usage

if TYPE_CHECKING:
    from .._protocol.generated.rpc.roots import SessionRpc

logger = logging.getLogger("trio_copilot.session")

Mode = Literal["enqueue", "immediate"]

_HEEDED = REQUESTS | {
    "assistant.turn_start",
    "assistant.usage",
    "capabilities.changed",
    "session.compaction_complete",
    "session.idle",
    "session.shutdown",
}
"""Wire types of events that a session acts upon, with or without a turn."""


@attrs.define(eq=False)
class Session:
    """One conversation with the agent; made by `Client.open_session`."""

    _desk: Desk = attrs.field(repr=False)
    _nursery: trio.Nursery = attrs.field(repr=False)
    """For the handlers of requests that come between turns."""
    _observers: trio.Nursery = attrs.field(init=False, repr=False)
    """For the handlers of `on`."""
    _opening: Call | None = attrs.field(default=None, init=False, repr=False)
    _abandoned: bool = attrs.field(default=False, init=False, repr=False)
    """Nobody waits any more for its being opened: if it is, it is to be released."""
    _facts: Mapping[str, Any] = attrs.field(
        factory=dict[str, Any], init=False, repr=False
    )
    _changing_tools: trio.Lock = attrs.field(factory=trio.Lock, init=False, repr=False)
    _handlers: Handlers = attrs.field(init=False, repr=False)
    _fanout: FanOut[SessionEvent] = attrs.field(init=False, repr=False)
    _fresh: Deduplicator = attrs.field(factory=Deduplicator, init=False, repr=False)
    _turn: Turn | None = attrs.field(default=None, init=False)
    _idle: bool = attrs.field(default=True, init=False)
    _usage: Usage = attrs.field(factory=Usage, init=False, repr=False)
    _end: CopilotError | None = attrs.field(default=None, init=False)
    """Why no call is possible any more."""

    def __attrs_post_init__(self) -> None:
        self._handlers = Handlers(self._nursery)
        self._fanout = FanOut(SESSION_EVENTS)

    def __repr__(self) -> str:
        if self._end is not None:
            state = type(self._end).__name__
        else:
            state = "idle" if self._idle else "busy"
        return f"<Session {self.id}: {state}>"

    @property
    def id(self) -> str:
        """The session's id, for resuming it."""
        return self._desk.session_id

    @property
    def is_idle(self) -> bool:
        """Whether the agent has nothing to do, background work included."""
        return self._idle

    @property
    def usage(self) -> Usage:
        """What all model calls of this session used since it was opened here.

        Beside those of its turns these are the calls that answered prompts of others,
        and those that summed up the conversation.
        """
        return self._usage

    @property
    def workspace_path(self) -> Path | None:
        """Where the CLI keeps the files of this session, if it does."""
        path = as_text(self._facts.get("workspacePath"))
        return Path(path) if path else None

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the CLI says that this session can do now.

        It changes with the clients of the session: one that comes may bring forms.
        """
        return as_object(self._facts.get("capabilities"))

    # -- turns

    def turn(
        self,
        prompt: str,
        *,
        attachments: Sequence[Attachment] = (),
        timeout: float | None = None,
        idle_timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Turn]:
        """Own one prompt: `async with session.turn("...") as turn: async for event in turn`.

        Nothing of the turn is missed: it listens before the prompt is written. Leaving
        the block early, by `break`, `return`, an exception or cancellation, stops the
        work at the CLI and waits until it has stopped, for 5 seconds at the most; what
        made you leave goes on unchanged, and the next turn can start on the next line.
        If the CLI does not stop in time the session is broken.

        Args:
          prompt: what to ask. U+FFFD takes the place of half a UTF-16 pair, which the
            CLI cannot read.
          attachments: `FileAttachment` and others, or mappings as on the wire; their
            paths start where this process is.
          timeout: seconds after which the turn is cancelled; the block ends normally,
            with cause `deadline`. `None` is for ever.
          idle_timeout: seconds without any event of this turn after which it is
            cancelled, likewise, with cause `idle_timeout`. The clock stands still
            while a handler of yours or a permission is being answered.

        Raises:
          ValueError: an attachment is nothing that the CLI takes and can load again.
          SessionBusyError: a turn of this session is open.
          SessionClosedError, SessionBrokenError: the session cannot be used any more.
          RpcError: the CLI refused the prompt.
          CliExitedError, ProtocolError: the connection was lost.

        Protocol: `session.send`, `session.abort`.
        """
        block = open_turn(
            self,
            self._prompt(prompt, attachments),
            timeout=timeout,
            idle_timeout=idle_timeout,
        )
        return called("session.turn", block)

    async def ask(
        self,
        prompt: str,
        *,
        attachments: Sequence[Attachment] = (),
        timeout: float | None = None,
        idle_timeout: float | None = None,
        on_text_delta: Callable[[str], object] | None = None,
        on_tool_call: Callable[[ToolCall], object] | None = None,
        on_turn_end: Callable[[TurnEnd], object] | None = None,
    ) -> TurnEnd:
        """Run one turn to its end and return how it ended, the text included.

        `Cancelled` stops the work at the CLI, as leaving a turn does. The callbacks may
        be sync or async; they run in this task, and an exception in one stops the turn
        and goes on from here.

        Args:
          prompt, attachments, timeout, idle_timeout: as for `turn`.
          on_text_delta: called with each piece of the main agent's text.
          on_tool_call: called with each tool call.
          on_turn_end: called with the end, whatever its reason.

        Raises:
          TurnError: the turn ended with reason `error`; on the other three this
            returns.
          SessionBusyError: and the others that `turn` raises.
        """
        async with self.turn(
            prompt,
            attachments=attachments,
            timeout=timeout,
            idle_timeout=idle_timeout,
        ) as turn:
            async for event in turn:
                if isinstance(event, TextDelta):
                    if event.agent_id is None:
                        await _call(on_text_delta, event.separator + event.text)
                elif isinstance(event, ToolCall):
                    await _call(on_tool_call, event)
        end = turn.end
        await _call(on_turn_end, end)
        if end.reason is TurnEndReason.ERROR:
            end.raise_for_error()
        return end

    async def send(
        self,
        prompt: str,
        *,
        mode: Mode = "enqueue",
        attachments: Sequence[Attachment] = (),
    ) -> str:
        """Send a prompt and return its message id; the answer comes to subscribers.

        `Cancelled` leaves it unknown whether the CLI got the prompt; if it did, it works
        on it. Use `turn` to own the work.

        Args:
          prompt, attachments: as for `turn`.
          mode: `enqueue` waits for what is going on, `immediate` goes into it.

        Raises:
          ValueError: an attachment is nothing that the CLI takes and can load again.
          RpcError: the CLI refused the prompt.

        Protocol: `session.send`.
        """
        if mode not in ("enqueue", "immediate"):
            raise ValueError("mode must be 'enqueue' or 'immediate'")
        params = {**self._prompt(prompt, attachments), "mode": mode}
        self._check()
        call = await self._submit("session.send", params)
        return as_text(as_object(await call.result()).get("messageId"))

    async def abort(self) -> None:
        """Stop what the agent is doing, queued prompts included.

        An open turn ends with cause `abort`, and this returns once it has. Without one
        the CLI is told all the same. Protocol: `session.abort`.
        """
        self._check()
        if self._turn is not None:
            await self._turn.abort()
        else:
            await self._request("session.abort", {})

    async def set_tools(self, tools: Iterable[Tool]) -> None:
        """Replace the tools of this session, also in the middle of a turn.

        The model has them from its next call on. A call that is running goes on and is
        answered, although its tool may be gone. `Cancelled` leaves it unknown which of
        the tools the model has; calls of both, the old and the new, are answered.

        Args:
          tools: all tools that the session has from now on, as in `open_session`;
            permissions are asked as they were there.

        Raises:
          TypeError, ToolDefinitionError: something is no tool, or two have one name.
          RpcError: the CLI refused; the session has the tools that it had.

        Protocol: `session.tools.set`.
        """
        new = by_name(tuple(tools))
        wire = self._desk.options.tools_to_wire(new.values())
        async with self._changing_tools:
            old = dict(self._desk.tools)
            # A call of either may come before the answer does.
            self._desk.declare({**old, **new})
            try:
                await self._request("session.tools.set", {"tools": wire})
            except RpcError:
                self._desk.declare(old)
                raise
            self._desk.declare(new)

    # -- events

    def subscribe(
        self,
        *types: str,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow | str = Overflow.COALESCE,
        allow_unknown: bool = False,
    ) -> AbstractAsyncContextManager[Subscription[SessionEvent]]:
        """Receive the session's events: `async with session.subscribe(...) as events`.

        Events are delivered from the moment the block is entered, in the order in which
        the CLI sends them; what it sends again is dropped. In a burst of many thousand
        deltas some come out of order, and a very late repeat can pass: the text is in
        `assistant.message`. A subscriber that reads slowly delays nobody.

        Args:
          types: wire types, such as `assistant.message_delta`; none is all of them.
          capacity: how many events may wait.
          overflow: what happens beyond that: `coalesce`, `drop_oldest` or `error`.
          allow_unknown: take wire types that no CLI is known to send: a newer one may.

        Raises:
          ValueError: there is no such overflow rule, no such wire type, or the capacity
            is none.
        """
        self._check()
        _check_types(types, allow_unknown=allow_unknown)
        block = self._fanout.subscribe(types, capacity=capacity, overflow=overflow)
        return called("session.subscribe", block)

    def on(
        self,
        handler: Callable[[SessionEvent], object],
        *types: str,
        allow_unknown: bool = False,
    ) -> Callable[[], None]:
        """Call a function with each event, in a task of the session.

        An exception in it cancels the session's block and comes out of it. Leaving the
        block normally lets handlers see what has arrived, for some seconds.

        Args:
          handler: sync or async; called with one event at a time, in order.
          types, allow_unknown: as for `subscribe`.

        Returns:
          a function that ends it; harmless when called again.

        Raises:
          ValueError: there is no such wire type.
        """
        self._check()
        _check_types(types, allow_unknown=allow_unknown)
        subscription = self._fanout.add(types)
        scope = trio.CancelScope()
        name = f"handler {getattr(handler, '__name__', type(handler).__name__)}"
        self._observers.start_soon(self._serve, subscription, handler, scope, name=name)
        return scope.cancel

    async def history(self) -> list[SessionEvent]:
        """Return what the CLI remembers of this session: no deltas, nothing ephemeral.

        Protocol: `session.getMessages`.
        """
        result = await self._request("session.getMessages", {})
        events = as_array(as_object(result).get("events"))
        return [SessionEvent(as_object(raw)) for raw in events]

    # -- everything else

    @property
    def rpc(self) -> SessionRpc:
        """Every method of the CLI that is about one session, typed.

        `await session.rpc.plan.read()` calls `session.plan.read`, with the id of this
        session. See `trio_copilot.rpc`.
        """
        return session_rpc(self.call)

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call any method about this session; as `Client.call`, with its id filled in.

        Attachments are checked, as those of a turn are: the CLI takes some with which it
        could never load the session again.

        Raises:
          TypeError, ValueError: as `Client.call`; or an attachment does not do.
          OSError: likewise.
          SessionClosedError, SessionBrokenError: the session cannot be used any more.
          RpcError: the CLI answered with an error.
          CliExitedError, ProtocolError: the connection was lost.
        """
        return await self._request(method, check_params(params or {}, self._desk.paths))

    # -- called by the reader of the connection: synchronous

    def _receive(self, head: Head, made_of: bytes | SessionEvent) -> None:
        if self._end is not None:
            return
        tally, wire_type, turn = self._desk.tally, head.type, self._turn
        if not self._fresh.is_new(head):
            tally.repeated_events += 1
            return
        tally.events[wire_type] += 1
        heeded = wire_type in _HEEDED
        takers = self._fanout.takers[wire_type]
        if turn is None and not heeded and not takers:
            return  # the case of most events of a session that nobody watches
        event = event_of(head, made_of) if isinstance(made_of, bytes) else made_of
        if heeded:
            self._heed(event)
        if turn is not None:
            turn._receive(event)
        for taker in takers:
            taker.put(event)
        if wire_type == "session.shutdown" and head.agent_id is None:
            self._lose(SessionClosedError("The CLI has let go of this session"))

    def _heed(self, event: SessionEvent) -> None:
        """Do what an event asks of us, whoever else may want it."""
        if event.agent_id is None:
            self._note_activity(event.type)
        if event.type == "capabilities.changed":
            self._note_capabilities(as_object(event.payload))
        self._note_usage(event)
        self._route_request(event)

    def _note_capabilities(self, changes: Mapping[str, Any]) -> None:
        """Take over what is said; the rest stays as it was."""
        known = dict(self.capabilities)
        for name, change in changes.items():
            inside = isinstance(change, Mapping)
            known[name] = {**as_object(known.get(name)), **change} if inside else change
        self._facts = {**self._facts, "capabilities": known}

    def _note_usage(self, event: SessionEvent) -> None:
        data = as_object(event.payload)
        if event.type == "assistant.usage":
            self._usage = self._usage.plus(data)
        elif event.type == "session.compaction_complete":
            self._usage = self._usage.plus_compaction(data)

    def _note_activity(self, wire_type: str) -> None:
        if wire_type == "session.idle":
            self._idle = True
            self._fresh.next_turn()
        elif wire_type == "assistant.turn_start":  # maybe of a prompt of others
            self._idle = False

    def _route_request(self, event: SessionEvent) -> None:
        handlers = self._current_handlers
        self._desk.begin(event, handlers)
        # It may be about a request that came before this turn.
        self._desk.end(event, {handlers, self._handlers})

    async def _serve_request(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer a JSON-RPC request of the CLI: in a task of the connection."""
        return await self._desk.serve(method, params, self._current_handlers)

    @property
    def _current_handlers(self) -> Handlers:
        """Those of the turn while there is one that takes requests."""
        turn = self._turn
        if turn is not None and not turn._handlers.closed:
            return turn._handlers
        return self._handlers

    def _lose(self, error: CopilotError) -> None:
        """The connection is gone, or the session is: wake everyone who waits."""
        if self._end is None:
            self._end = error
        if self._turn is not None:
            self._turn._lose(error)
        self._handlers.close()
        self._fanout.close(None if isinstance(error, SessionClosedError) else error)

    def _break(self, message: str) -> None:
        logger.error("Session %s is broken: %s", self.id, message)
        if self._end is None:
            self._end = SessionBrokenError(message)
        self._fanout.close(self._end)  # no event reaches a subscriber any more

    # -- for turns and statistics

    @property
    def _open_requests(self) -> tuple[str, ...]:
        turn = self._turn
        of_turn = turn._handlers.pending if turn is not None else ()
        return (*self._handlers.pending, *of_turn)

    def _begin_turn(self, turn: Turn) -> None:
        self._check()
        if self._turn is not None:
            raise SessionBusyError(
                "A turn of this session is open: leave its block first, or use "
                "turn.steer() or session.send() to talk during a turn"
            )
        self._turn = turn

    def _end_turn(self, turn: Turn) -> None:
        if self._turn is turn:
            self._turn = None

    def _prompt(self, prompt: str, attachments: Sequence[Attachment]) -> dict[str, Any]:
        if not isinstance(prompt, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # the CLI would take anything
            raise wrong_type("A prompt", "a string", prompt)
        params: dict[str, Any] = {"prompt": prompt, **trace_headers()}
        if attachments:
            paths = self._desk.paths
            params["attachments"] = [attachment_to_wire(a, paths) for a in attachments]
        return params

    async def _submit(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        on_result: Callable[[Any], None] | None = None,
    ) -> Call:
        def taken(result: Any) -> None:
            if method == "session.send":
                self._idle = False
            if on_result is not None:
                on_result(result)

        return await self._desk.peer.submit(
            method, {"sessionId": self.id, **params}, on_result=taken
        )

    async def _request(self, method: str, params: Mapping[str, Any]) -> Any:
        self._check()
        with about_session(self.id):
            return await self._desk.peer.request(
                method, {"sessionId": self.id, **params}
            )

    def _check(self) -> None:
        if self._end is not None:
            raise self._end.renewed()

    async def _serve(
        self,
        subscription: Subscription[SessionEvent],
        handler: Callable[[SessionEvent], object],
        scope: trio.CancelScope,
    ) -> None:
        with scope:
            try:
                while (event := await _next(subscription)) is not None:
                    if not isinstance(event, Lagged):
                        await _call(handler, event)
            finally:
                self._fanout.remove(subscription)


async def _next(
    subscription: Subscription[SessionEvent],
) -> SessionEvent | Lagged | None:
    """Return the next event for a handler; `None` at the end, also of a broken session.

    That one was broken by a turn, whose block goes on with what made it leave.
    """
    try:
        return await anext(subscription)
    except (StopAsyncIteration, SessionBrokenError):
        return None


def _check_types(types: tuple[str, ...], *, allow_unknown: bool) -> None:
    if types:
        from .._protocol.wire_types import KNOWN  # loaded when somebody names one

        check_types(types, None if allow_unknown else KNOWN)


async def _call(function: Callable[..., object] | None, *args: object) -> None:
    if function is not None:
        result = function(*args)
        if inspect.isawaitable(result):
            await result
