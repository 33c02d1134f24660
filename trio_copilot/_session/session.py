"""What a user holds of a session: turns, subscriptions, calls; and the block that owns it.

What the session has, and what arriving events do to it, is in `state`. The file is long
because the docstrings of the public methods are here.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import trio

from .._blocks import as_block, called
from .._checks import wrong_type
from .._errors import CliUnresponsiveError, RpcError
from .._json import as_array, as_object, as_text
from .._paths import PathRule
from .._peer import Peer
from .._protocol.envelope import SessionEvent
from .._protocol.roots import session_rpc
from .._resource_errors import SessionBrokenError
from .._scopes import open_block
from .._telemetry import trace_headers
from .._tools.declare import Tool
from .._tools.run import by_name
from .attachments import Attachment, attachment_to_wire, check_params
from .buffer import Lagged, Overflow
from .fanout import DEFAULT_CAPACITY, Subscription, check_types
from .options import SessionOptions
from .running import RunningRequests
from .state import SessionState, message_id_of
from .statistics import Tally
from .turn import Turn, open_turn
from .turn_events import TextDelta, ToolCall, TurnEnd, TurnEndReason
from .usage import Usage

if TYPE_CHECKING:
    from .._protocol.generated.rpc.roots import SessionRpc

Mode = Literal["enqueue", "immediate"]

OBSERVER_TIMEOUT = 5.0
"""Seconds that leaving a session waits for `on` handlers to see the last events."""


@attrs.define(eq=False)
class Session:
    """One conversation with the agent; made by `Client.open_session`."""

    _state: SessionState
    _observers: trio.Nursery
    """For the handlers of `on`."""
    _changing_tools: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    def __repr__(self) -> str:
        if self._state.end is not None:
            state = type(self._state.end).__name__
        else:
            state = "idle" if self._state.idle else "busy"
        return f"<Session {self.id}: {state}>"

    @property
    def id(self) -> str:
        """The session's id, for resuming it."""
        return self._state.id

    @property
    def is_idle(self) -> bool:
        """Whether the agent has nothing to do, background work included."""
        return self._state.idle

    @property
    def usage(self) -> Usage:
        """What all model calls of this session used since it was opened here.

        Besides those of its turns, this counts the calls that answered prompts of other
        clients and those that summarised the conversation.
        """
        return self._state.usage

    @property
    def workspace_path(self) -> Path | None:
        """Where the CLI keeps the files of this session, if it does."""
        path = as_text(self._state.facts.get("workspacePath"))
        return Path(path) if path else None

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What this session can do now, as the CLI reports it.

        It changes with the clients of the session: one that joins may fill in forms.
        """
        return as_object(self._state.facts.get("capabilities"))

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

        No event is missed: the subscription starts before the prompt is sent. Leaving
        the block early, by `break`, `return`, an exception or cancellation, stops the
        work at the CLI and waits until it has stopped, at most 5 seconds. Your exception
        or cancellation then continues unchanged, and the next turn can start on the next
        line. If the CLI does not stop in time, the session is broken.

        Args:
          prompt: what to ask. U+FFFD replaces half of a UTF-16 pair, which the CLI
            cannot read.
          attachments: `FileAttachment` and others, or mappings as on the wire. Relative
            paths start at this process's directory.
          timeout: seconds after which the turn is cancelled; the block ends normally,
            with cause `deadline`. `None` is for ever.
          idle_timeout: seconds without any event of this turn after which it is
            cancelled in the same way, with cause `idle_timeout`. The clock stops while
            your handlers answer a tool call, a permission or a question.

        Raises:
          ValueError: the CLI does not take an attachment, or could not load it again.
          SessionBusyError: a turn of this session is open.
          SessionClosedError, SessionBrokenError: the session cannot be used any more.
          RpcError: the CLI refused the prompt.
          CliExitedError, ProtocolError: the connection was lost.

        Protocol: `session.send`, `session.abort`.
        """
        block = open_turn(
            self._state,
            self._prompt_params(prompt, attachments),
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
        be sync or async; they run in this task. An exception in one stops the turn and
        comes out of this call.

        Args:
          prompt, attachments, timeout, idle_timeout: as for `turn`.
          on_text_delta: called with each piece of the main agent's text.
          on_tool_call: called with each tool call.
          on_turn_end: called with the end, whatever its reason.

        Raises:
          TurnError: the turn ended with reason `error`. With the other three reasons
            this returns.
          SessionBusyError: and the other errors of `turn`.
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

        `Cancelled` leaves it unknown whether the CLI got the prompt and works on it. Use
        `turn` to own the work.

        Args:
          prompt, attachments: as for `turn`.
          mode: `enqueue` waits until the agent is idle, `immediate` joins what it does.

        Raises:
          ValueError: the CLI does not take an attachment, or could not load it again.
          RpcError: the CLI refused the prompt.

        Protocol: `session.send`.
        """
        if mode not in ("enqueue", "immediate"):
            raise ValueError("mode must be 'enqueue' or 'immediate'")
        params = {**self._prompt_params(prompt, attachments), "mode": mode}
        self._state.check_open()
        call = await self._state.send(params)
        return message_id_of(await call.result())

    async def abort(self) -> None:
        """Stop what the agent is doing, queued prompts included.

        An open turn ends with cause `abort`, and this returns once its block has been
        left. Without an open turn, this stops work that another client or `send` has
        started. Protocol: `session.abort`.
        """
        self._state.check_open()
        if self._state.turn is not None:
            await self._state.turn.abort()
        else:
            await self._state.request("session.abort", {})

    async def set_tools(self, tools: Iterable[Tool]) -> None:
        """Replace the tools of this session, also in the middle of a turn.

        The model has the new tools from its next call on. A running tool call continues
        and is answered, even if its tool is gone. `Cancelled` leaves it unknown which
        tools the model has; calls of both the old and the new tools are answered.

        Args:
          tools: all tools that the session has from now on, as in `open_session`;
            permissions are asked as before.

        Raises:
          TypeError, ToolDefinitionError: an item is not a tool, or two share a name.
          RpcError: the CLI refused; the session keeps its tools.

        Protocol: `session.tools.set`.
        """
        new = by_name(tuple(tools))
        wire = self._state.options.tools_to_wire(new.values())
        router = self._state.router
        async with self._changing_tools:
            old = dict(router.tools)
            # A call of either may come before the answer does.
            router.declare({**old, **new})
            try:
                await self._state.request("session.tools.set", {"tools": wire})
            except RpcError:
                router.declare(old)
                raise
            router.declare(new)

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
        the CLI sends them; repeats are dropped. In a burst of many thousand deltas the
        CLI sends some out of order, and a very late repeat can pass: rely on
        `assistant.message` for the text. A slow subscriber delays nobody else.

        Args:
          types: wire types, such as `assistant.message_delta`; none means all.
          capacity: how many events may wait.
          overflow: what happens beyond that: `coalesce`, `drop_oldest` or `error`.
          allow_unknown: accept wire types that only a newer CLI may send.

        Raises:
          ValueError: the overflow rule or a wire type does not exist, or the capacity is
            below 1.
        """
        self._state.check_open()
        _check_types(types, allow_unknown=allow_unknown)
        block = self._state.fanout.subscribe(
            types, capacity=capacity, overflow=overflow
        )
        return called("session.subscribe", block)

    def on(
        self,
        handler: Callable[[SessionEvent], object],
        *types: str,
        allow_unknown: bool = False,
    ) -> Callable[[], None]:
        """Call a function with each event, in a task of the session.

        An exception in it cancels the session's block and comes out of it. Leaving the
        block normally gives handlers up to 5 seconds to see what has arrived.

        Args:
          handler: sync or async; called with one event at a time, in order.
          types, allow_unknown: as for `subscribe`.

        Returns:
          A function that ends the calls. Calling it again does nothing.

        Raises:
          ValueError: a wire type does not exist.
        """
        self._state.check_open()
        _check_types(types, allow_unknown=allow_unknown)
        subscription = self._state.fanout.add(types)
        scope = trio.CancelScope()
        name = f"handler {getattr(handler, '__name__', type(handler).__name__)}"
        self._observers.start_soon(
            self._observe, subscription, handler, scope, name=name
        )
        return scope.cancel

    async def history(self) -> list[SessionEvent]:
        """Return the events that the CLI keeps of this session: no ephemeral ones.

        Protocol: `session.getMessages`.
        """
        result = await self._state.request("session.getMessages", {})
        events = as_array(as_object(result).get("events"))
        return [SessionEvent(as_object(raw)) for raw in events]

    # -- everything else

    @property
    def rpc(self) -> SessionRpc:
        """Every method of the CLI that is about one session, typed.

        `await session.rpc.plan.read()` calls `session.plan.read` with this session's id.
        See `trio_copilot.rpc`.
        """
        return session_rpc(self.call)

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call any method about this session: as `Client.call`, with its id filled in.

        Attachments are checked, as those of a turn are: the CLI accepts some with which
        it could never load the session again.

        Raises:
          TypeError, ValueError: as `Client.call`; or an attachment does not fit.
          OSError: an attachment cannot be read.
          SessionClosedError, SessionBrokenError: the session cannot be used any more.
          RpcError: the CLI answered with an error.
          CliExitedError, ProtocolError: the connection was lost.
        """
        params = check_params(params or {}, self._state.paths)
        return await self._state.request(method, params)

    def _prompt_params(
        self, prompt: str, attachments: Sequence[Attachment]
    ) -> dict[str, Any]:
        if not isinstance(prompt, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # the CLI would take anything
            raise wrong_type("A prompt", "a string", prompt)
        params: dict[str, Any] = {"prompt": prompt, **trace_headers()}
        if attachments:
            paths = self._state.paths
            params["attachments"] = [attachment_to_wire(a, paths) for a in attachments]
        return params

    async def _observe(
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
                self._state.fanout.remove(subscription)


async def _next(
    subscription: Subscription[SessionEvent],
) -> SessionEvent | Lagged | None:
    """Return the next event for a handler; `None` at the end.

    A broken session ends quietly here: the exception that made the user leave the turn
    must come out alone.
    """
    try:
        return await anext(subscription)
    except (StopAsyncIteration, SessionBrokenError):
        return None


def _check_types(types: tuple[str, ...], *, allow_unknown: bool) -> None:
    if types:
        from .._protocol.wire_types import KNOWN  # loaded on first use

        check_types(types, None if allow_unknown else KNOWN)


async def _call(function: Callable[..., object] | None, *args: object) -> None:
    if function is not None:
        result = function(*args)
        if inspect.isawaitable(result):
            await result


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
    sessions: dict[str, SessionState],
    tally: Tally,
) -> AsyncGenerator[Session, None]:
    """Create or resume a session and own it for the length of the block.

    Args:
      peer: the connection to the CLI.
      kill_cli: what a second Ctrl-C does while the session is left.
      options: with every path as the CLI gets it.
      session_id: `None` lets the CLI choose one.
      paths: what a path means on that CLI.
      method: `session.create` or `session.resume`.
      timeout: seconds that the CLI may take to open the session.
      sessions: the client's open sessions, which this one joins.
      tally: the client's figures.
    """
    # Outside, the handlers of requests: releasing the session may still need them. Inside,
    # those of `on`: they see the last events and end before the release.
    async with open_block() as nursery:
        state = SessionState(
            peer,
            kill_cli,
            options,
            paths,
            tally,
            RunningRequests(nursery),
            session_id or "",
        )
        try:
            async with open_block() as observers:
                with trio.move_on_after(timeout) as patience:
                    await state.open(method, sessions)
                if patience.cancelled_caught:
                    raise CliUnresponsiveError(timeout)
                yield Session(state, observers)
                # Handlers of `on` end once they have seen the events that wait for them.
                state.fanout.close()
                observers.cancel_scope.deadline = trio.current_time() + OBSERVER_TIMEOUT
        finally:
            await state.close()  # noqa: ASYNC102  # shields its steps itself
            sessions.pop(state.id, None)
