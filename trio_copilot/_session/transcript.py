"""What the wire events of one prompt mean: a pure state machine, no I/O, no Trio.

Strategy: events are fed in one by one, in order and without duplicates. A table at the end
of the class maps the wire type to the method that reads it; what a user should see goes to
`emit`.

The rules, each measured on the real CLI:

* Text arrives as deltas, and again as a whole in `assistant.message`. Where the two
  differ the message is right: under load deltas come out of order, and repeated. After
  a token limit the CLI continues by itself; the part before it gets no message, only a
  `model.message`.
* A retried model call streams again from the start. So the pieces of a call are
  provisional until `assistant.message` or `assistant.turn_end`, and
  `assistant.turn_retry` drops them. CLIs up to 1.0.92 may not send that event: then the
  next piece after a failed call drops what the call had streamed.
* Events with an agent id belong to a sub-agent: they are shown, but are never part of the
  text and never the end.
* The CLI works on prompts that others queue in the same session between our prompt and
  the next `session.idle`. Each begins with its `user.message`, and is not shown. CLIs up
  to 1.0.81 do not report whose prompt it is; then only its text identifies ours.
* The CLI queues prompts itself, and continues the work that it was doing: in autopilot,
  which a field of the prompt shows, and after a hook has blocked the agent's stop, which
  the `hook.end` before it shows.
* `session.idle` ends the turn. It has no error flag: a `session.error` before it makes
  the difference, and may come without any `user.message`.

The file is long because all these rules share one state.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, ClassVar

import attrs

from .._drafts import maker
from .._json import as_object, as_text
from .._protocol.envelope import SessionEvent
from .._wire.text import readable
from .logged_out import turn_error
from .retries import retry_of
from .turn_events import (
    Correction,
    Message,
    Notice,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolProgress,
    ToolResult,
    TurnEndReason,
    TurnError,
    TurnEvent,
    TurnStart,
    Usage,
)
from .turn_text import TurnText

Payload = Mapping[str, Any]


@attrs.define(eq=False)
class Transcript:
    """The state of one turn, as read from the wire."""

    _emit: Callable[[TurnEvent], None]
    _unhandled_tools: Container[str] = ()
    """Names of tools that were declared without a handler."""
    _ours: bool = True
    """Whether the CLI works on our prompt now, and not on one queued by others."""
    _prompt: str = ""

    message_id: str = attrs.field(default="", init=False)
    """The id of our prompt, once the CLI has taken it."""
    usage: Usage = attrs.field(factory=Usage, init=False)
    tool_calls: list[ToolCall] = attrs.field(factory=list[ToolCall], init=False)
    running_tools: dict[str, str] = attrs.field(factory=dict[str, str], init=False)
    """Tool calls that are not over: {call id: name}."""
    finish_reason: str = attrs.field(default="", init=False)
    messages: TurnText = attrs.field(factory=TurnText, init=False)
    """The main agent's text."""
    truncated_calls: int = attrs.field(default=0, init=False)
    error: TurnError | None = attrs.field(default=None, init=False)
    main_idle: bool = attrs.field(default=False, init=False)
    """The main agent is idle; background shells or agents may still run."""
    aborted: bool = attrs.field(default=False, init=False)
    """The CLI reported an abort, ours or another client's."""
    ended: bool = attrs.field(default=False, init=False)

    _early: list[SessionEvent] = attrs.field(factory=list[SessionEvent], init=False)
    """Events before the answer to `session.send`, which brings our message id."""
    _own_ids: set[str] = attrs.field(factory=set[str], init=False)
    _own_prompts: set[str] = attrs.field(factory=set[str], init=False)
    _stop_blocked: bool = attrs.field(default=False, init=False)
    """A hook has blocked the agent's stop: the CLI itself will queue a prompt."""
    _cut_text: str | None = attrs.field(default=None, init=False)
    """The text of a model call that was cut at its token limit."""
    _sub_agents: dict[str, list[str]] = attrs.field(
        factory=dict[str, list[str]], init=False
    )
    """Pieces of sub-agents' messages that are not over: {message id: pieces}."""
    _over: set[str] = attrs.field(factory=set[str], init=False)
    """Ids of finished sub-agent messages and of finished reasoning."""
    _failure: SessionEvent | None = attrs.field(default=None, init=False)
    """The event by which the current model call failed."""
    _started: bool = attrs.field(default=False, init=False)

    @property
    def reason(self) -> TurnEndReason:
        """How the CLI ended the turn."""
        if self.aborted:
            return TurnEndReason.CANCELLED
        if self.error is not None:
            return TurnEndReason.ERROR
        if self.finish_reason == "length":
            return TurnEndReason.MAX_TOKENS
        return TurnEndReason.COMPLETE

    def admit(self, message_id: str) -> None:
        """Note the id under which the CLI has taken our prompt."""
        self.message_id = message_id
        self.adopt(message_id, self._prompt)
        early, self._early = self._early, []
        for event in early:
            # While others are before us, an early end is the end of their work.
            if self._ours or event.type not in _ENDS:
                self._feed(event)

    def adopt(self, message_id: str, prompt: str) -> None:
        """Count a message as ours: the prompt, or one that steers the turn."""
        self._own_ids.add(message_id)
        self._own_prompts.add(prompt)

    def feed(self, event: SessionEvent) -> None:
        """Take the next event of the session."""
        if not self.message_id:
            self._early.append(event)
        elif not self.ended:
            self._feed(event)

    def _feed(self, event: SessionEvent) -> None:
        read = self._READERS.get(event.type)
        if read is not None:
            read(self, event, as_object(event.payload))

    # -- whose turn it is

    def _user_message(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is not None or data.get("delivery") == "steering":
            return
        self.messages.interrupt()
        # The CLI may prompt itself to continue; then the work stays whose it was.
        after_block = self._stop_blocked and data.get("delivery") == "queued"
        if not after_block and data.get("isAutopilotContinuation") is not True:
            self._ours = self._is_ours(data)
        self._stop_blocked = False

    def _is_ours(self, data: Payload) -> bool:
        if "messageId" in data:
            return _text(data, "messageId") in self._own_ids
        # A hook may have changed the text of the first.
        is_first = self._ours and not self._started
        return is_first or _text(data, "content") in self._own_prompts

    def _hook_end(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None and data.get("hookType") == "agentStop":
            output = as_object(data.get("output"))
            blocked = output.get("decision") == "block"
            self._stop_blocked = blocked and bool(output.get("reason"))

    def _turn_start(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None:
            # A model call begins, so whatever looked like the end was not.
            self.main_idle = self.aborted = False
            self.error = None
            if self._ours and not self._started:
                self._started = True
                self._emit(TurnStart(message_id=self.message_id, source=event))

    # -- text

    def _message_delta(self, event: SessionEvent, data: Payload) -> None:
        text, message_id = _text(data, "deltaContent"), _text(data, "messageId")
        separator: str | None = ""
        if event.agent_id is None:
            if not self._ours:
                return
            if self._failure is not None:
                if self.messages.open_parts:  # and no `assistant.turn_retry` came
                    self._drop_unsettled(event, "streaming_error", message_id)
                self._failure = None
            separator = self.messages.add(message_id, text)
        elif message_id in self._over:
            separator = None
        else:
            self._sub_agents.setdefault(message_id, []).append(text)
        if separator is not None:
            self._emit(_text_delta(text, message_id, event.agent_id, separator, event))

    def _message(self, event: SessionEvent, data: Payload) -> None:
        message_id, content = _text(data, "messageId"), data.get("content")
        if event.agent_id is not None:
            pieces = self._sub_agents.pop(message_id, None)
            self._mark_over(message_id)
            if pieces is not None and isinstance(content, str):
                self._correct(event, message_id, "".join(pieces), content)
        elif self._ours:
            if isinstance(content, str):
                self._set_text(event, message_id, content)
            self.messages.finish(message_id)
            self._cut_text = None
        else:
            return
        self._emit(
            Message(
                text=as_text(content),
                message_id=message_id,
                agent_id=event.agent_id,
                source=event,
            )
        )

    def _set_text(self, event: SessionEvent, message_id: str, text: str) -> None:
        """Make this the text of a part, whatever was streamed of it."""
        streamed = self.messages.streamed(message_id)
        if streamed is None:  # a session without streaming: make it one delta
            separator = self.messages.add(message_id, text) if text else None
            if separator is not None:
                self._emit(_text_delta(text, message_id, None, separator, event))
        elif streamed != text:
            self.messages.replace(message_id, text)
            self._correct(event, message_id, streamed, text)

    def _correct(
        self, event: SessionEvent, message_id: str, was: str, text: str
    ) -> None:
        # Half of a character in each of two pieces reads like the whole one.
        if was != text and readable(was) != readable(text):
            self._emit(
                Correction(
                    message_id=message_id,
                    was=was,
                    text=text,
                    agent_id=event.agent_id,
                    source=event,
                )
            )

    def _reasoning_delta(self, event: SessionEvent, data: Payload) -> None:
        reasoning_id = _text(data, "reasoningId")
        if self._shown(event) and reasoning_id not in self._over:
            self._emit(
                ReasoningDelta(
                    text=_text(data, "deltaContent"),
                    reasoning_id=reasoning_id,
                    agent_id=event.agent_id,
                    source=event,
                )
            )

    def _reasoning(self, event: SessionEvent, data: Payload) -> None:
        self._mark_over(_text(data, "reasoningId"))

    def _mark_over(self, text_id: str) -> None:
        if text_id:  # a CLI may give none
            self._over.add(text_id)

    def _model_message(self, event: SessionEvent, data: Payload) -> None:
        """Note the text of a cut call: it will get no `assistant.message`."""
        message = as_object(data.get("message"))
        if (
            event.agent_id is None
            and self.finish_reason == "length"
            and message.get("role") == "assistant"
        ):
            self._cut_text = as_text(message.get("content")) or None

    def _turn_end(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None and self._ours:
            if self._cut_text is not None:
                self._set_text(
                    event, next(iter(self.messages.open_parts), ""), self._cut_text
                )
                self._cut_text = None
            self.messages.settle()

    def _turn_retry(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None and self._ours:
            self._drop_unsettled(event, _text(data, "reason"))

    def _drop_unsettled(
        self, event: SessionEvent, kind: str, next_id: str | None = None
    ) -> None:
        dropped = self.messages.drop_unsettled(next_id)
        self._emit(retry_of(event, kind, dropped, self._failure))
        self._failure = None

    # -- model calls

    def _call_failure(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None and data.get("source") != "subagent":
            self._failure = event

    def _usage(self, event: SessionEvent, data: Payload) -> None:
        if not self._ours:
            return
        self.usage = self.usage.plus(data)
        if event.agent_id is None:
            self.finish_reason = _text(data, "finishReason")
            if self.finish_reason == "length":
                self.truncated_calls += 1

    # -- tools

    def _tool_start(self, event: SessionEvent, data: Payload) -> None:
        self.running_tools[_text(data, "toolCallId")] = _text(data, "toolName")
        if _text(data, "toolName") not in self._unhandled_tools:
            self._tool_call(event, data, handled=True)

    def _external_tool(self, event: SessionEvent, data: Payload) -> None:
        # The call can be answered from now on: this event has the request id.
        if _text(data, "toolName") in self._unhandled_tools:
            self._tool_call(event, data, handled=False)

    def _tool_call(self, event: SessionEvent, data: Payload, *, handled: bool) -> None:
        if not self._shown(event):
            return
        call = ToolCall(
            call_id=_text(data, "toolCallId"),
            name=_text(data, "toolName"),
            arguments=data.get("arguments"),
            handled=handled,
            agent_id=event.agent_id,
            source=event,
        )
        if event.agent_id is None:
            self.tool_calls.append(call)
        self._emit(call)

    def _tool_output(self, event: SessionEvent, data: Payload) -> None:
        if self._shown(event):
            self._emit(
                ToolProgress(
                    call_id=_text(data, "toolCallId"),
                    text=_text(data, "text") or _text(data, "progressMessage"),
                    agent_id=event.agent_id,
                    source=event,
                )
            )

    def _tool_complete(self, event: SessionEvent, data: Payload) -> None:
        self.running_tools.pop(_text(data, "toolCallId"), None)
        if not self._shown(event):
            return
        success = data.get("success") is True
        outcome = as_object(data.get("result" if success else "error"))
        self._emit(
            ToolResult(
                call_id=_text(data, "toolCallId"),
                success=success,
                text=_text(outcome, "content" if success else "message"),
                agent_id=event.agent_id,
                source=event,
            )
        )

    def _shown(self, event: SessionEvent) -> bool:
        return self._ours or event.agent_id is not None

    # -- notices and the end

    def _notice(self, event: SessionEvent, data: Payload) -> None:
        if data.get("infoType") == "model_retry":  # CLIs up to 1.0.50 send only this
            self._call_failure(event, data)
        if self._shown(event):
            kind = _text(data, "infoType") or _text(data, "warningType")
            text = _text(data, "message")
            self._emit(Notice(kind=kind, text=text, source=event))

    def _error(self, event: SessionEvent, data: Payload) -> None:
        origin = _text(data, "originatingMessageId")
        if event.agent_id is not None or (origin and origin not in self._own_ids):
            return
        self.error = turn_error(data)

    def _abort(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None:  # `session.idle` may not repeat it
            self.aborted = True

    def _main_idle(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None:
            self.main_idle, self._stop_blocked = True, False
            self.aborted = self.aborted or data.get("aborted") is True

    def _idle(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None:
            self.aborted = self.aborted or data.get("aborted") is True
            self.ended = True

    def _autopilot_stopped(self, event: SessionEvent, data: Payload) -> None:
        if event.agent_id is None:
            self.ended = True

    _READERS: ClassVar[
        dict[str, Callable[[Transcript, SessionEvent, Payload], None]]
    ] = {
        "user.message": _user_message,
        "assistant.turn_start": _turn_start,
        "assistant.message_delta": _message_delta,
        "assistant.reasoning_delta": _reasoning_delta,
        "assistant.reasoning": _reasoning,
        "assistant.message": _message,
        "assistant.turn_end": _turn_end,
        "assistant.turn_retry": _turn_retry,
        "assistant.usage": _usage,
        "hook.end": _hook_end,
        "model.message": _model_message,
        "model.call_failure": _call_failure,
        "tool.execution_start": _tool_start,
        "external_tool.requested": _external_tool,
        "tool.shell_output": _tool_output,
        "tool.execution_progress": _tool_output,
        "tool.execution_complete": _tool_complete,
        "session.info": _notice,
        "session.warning": _notice,
        "session.error": _error,
        "abort": _abort,
        "assistant.idle": _main_idle,
        "session.idle": _idle,
        "session.autopilot_stopped": _autopilot_stopped,
    }


_text_delta = maker(TextDelta, "text", "message_id", "agent_id", "separator", "source")


def _text(data: Payload, key: str) -> str:
    return as_text(data.get(key))


# Events that end the work on a prompt, ours or another's.
_ENDS = frozenset(
    {"abort", "assistant.idle", "session.idle", "session.autopilot_stopped"}
)
