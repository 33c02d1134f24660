"""One session of the scripted CLI: its parts, put together."""

from __future__ import annotations

import trio

from . import _events as events
from ._events import EventLog
from ._hooks import HookInvoker
from ._host import Host, Json
from ._prompt_queue import PromptQueue
from ._questions import Elicitations, UserInputs
from ._session_state import ScriptedSessionState
from ._tool_calls import SessionTools
from ._turn_engine import TurnEngine


class ScriptedSession:
    """A session of the scripted CLI.

    Attributes:
      state: its options, its conversation, its events.
      queue: its prompts and their abort.
      tools: its tool calls.
      hooks: its client's hooks.
      user_inputs: the questions of its model.
      elicitations: its forms.
    """

    def __init__(
        self, host: Host, nursery: trio.Nursery, session_id: str, options: Json
    ) -> None:
        def start_work(scope: trio.CancelScope, delivery: str) -> None:
            nursery.start_soon(engine.work, scope, delivery)

        log = EventLog(host, session_id)
        self.state: ScriptedSessionState = ScriptedSessionState(
            host, session_id, options, log
        )
        self.user_inputs: UserInputs = UserInputs(self.state)
        self.elicitations: Elicitations = Elicitations(self.state)
        self.tools: SessionTools = SessionTools(self.state, self.user_inputs)
        self.queue: PromptQueue = PromptQueue(self.state, self.tools, start_work)
        self.hooks: HookInvoker = HookInvoker(self.state, self.queue)
        engine = TurnEngine(self.state, self.queue, self.tools, self.hooks)

    @property
    def has_spoken(self) -> bool:
        """Whether a user has talked to it; the CLI keeps no other session."""
        return len(self.state.messages) > 1

    def close(self) -> None:
        """Let go of everything, without an event."""
        self.user_inputs.close()
        self.elicitations.close()
        self.queue.close()

    def emit_shutdown(self) -> None:
        """Send the event that the session was let go; no other event does."""
        shutdown = events.session_shutdown(self.state.log, self.state.model)
        self.state.emit("session.shutdown", shutdown)
