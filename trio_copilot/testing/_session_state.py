"""What all parts of a scripted session share: its options, its conversation, its events.

The times of the scripted CLI are those of the real one in order of magnitude; what
matters is their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ._events import EventLog
from ._host import Host, Json
from ._openai import MODEL

FOLLOWING = 0.002
"""Seconds from a client's answer to what follows from it."""


@attrs.frozen
class Activity:
    """What the agent is doing, for `agent.interrupted`."""

    kind: str
    details: Json
    when_interrupted: Callable[[], None]


@attrs.define(eq=False)
class ScriptedSessionState:
    """A session of the scripted CLI, without the work that it does."""

    host: Host
    id: str
    options: Json
    """The parameters of `session.create` or of the last `session.resume`."""
    log: EventLog
    messages: list[Json] = attrs.field(
        factory=lambda: [{"role": "system", "content": "You are scripted."}], init=False
    )
    """The conversation, as the model gets it."""
    title: str = attrs.field(default="", init=False)
    """The first prompt."""
    origin: str = attrs.field(default="", init=False)
    """The message that the current answers originate from."""
    turn_id: str | None = attrs.field(default=None, init=False)
    """The current model call, from `turn_start` to `turn_end`."""
    activity: Activity | None = attrs.field(default=None, init=False)
    """What an abort would interrupt."""
    in_hook: bool = attrs.field(default=False, init=False)
    """Whether the session waits for the client's answer to a hook."""
    streamed: int = attrs.field(default=0, init=False)
    """Bytes streamed for the current prompt."""
    closed: bool = attrs.field(default=False, init=False)
    """The session was let go: work still under way has no more effect."""

    # -- its options

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
        """`{name: declaration}` of the client's tools."""
        return {tool["name"]: tool for tool in self.options.get("tools") or ()}

    @property
    def has_hooks(self) -> bool:
        """Whether the client has hooks."""
        return self.options.get("hooks") is True

    @property
    def takes_questions(self) -> bool:
        """Whether the client answers questions; else the model cannot ask any."""
        return self.options.get("requestUserInput") is True

    @property
    def takes_forms(self) -> bool:
        """Whether the client shows elicitations."""
        return self.options.get("requestElicitation") is True

    @property
    def takes_permissions(self) -> bool:
        """Whether the client decides on permissions; else they are denied."""
        return self.options.get("requestPermission") is True

    # -- what it does

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
        """Set what an abort would interrupt from now on."""
        self.activity = Activity(kind, details, when_interrupted)

    def later(self, do: Callable[[], None]) -> None:
        """Do what follows from a client's answer, after that answer was confirmed."""
        self.host.agenda.add(FOLLOWING, do)
