"""Runs handlers of the user, and sees to it that each request is answered at most once.

A request of the CLI runs a handler as a task of its own, in the nursery of the turn that
it belongs to (or of the session, between turns). Whatever happens to that task, the
request is answered once: with the handler's result, or as cancelled while the CLI still
waits for it. If the handler abstains, this client never answers, and the request stays
open until the CLI says that somebody else has, or the turn ends. When the CLI says that a
request is over, because somebody else answered or aborted, the handler is cancelled.

`begin`, `complete` and `cancel` are synchronous: the reader of the connection and the
drain of a turn call them. What is asked, and what is answered, is in `requests`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import attrs
import trio

from .._errors import RpcError
from .._peer import UNANSWERED
from .permissions import Verdicts


def _showable(error: Exception | None) -> Exception | None:
    """Return the exception, or one in its place if its `repr()` raises.

    Trio shows what a task raises, and the whole run would end with an internal error.
    """
    try:
        repr(error)
    except Exception:  # noqa: BLE001  # `__repr__` of the user's, which may do anything
        kind = type(error).__name__
        stand_in = RuntimeError(f"A handler raised {kind}, which cannot show itself")
        stand_in.__cause__ = error
        return stand_in
    return error


@attrs.frozen
class Answer:
    """What a handler came to."""

    result: Any
    """For the wire; an `RpcError` refuses a request that is a JSON-RPC one, `UNANSWERED`
    leaves it to others."""
    error: Exception | None = attrs.field(default=None, converter=_showable)
    """Raised in the handler's task once the answer is out."""


@attrs.define(eq=False, kw_only=True)
class OpenRequest:
    """One request of the CLI that waits for an answer."""

    request_id: str
    label: str
    """What to call it, such as `tool get_weather`."""
    reply: Callable[[Any], None]
    """Sends the answer. Neither blocks nor fails."""
    if_cancelled: Any
    """The answer that is owed when the handler is cancelled."""
    shared: bool = False
    """Whether other clients of the session are asked, too, and any may answer."""
    subject: str = ""
    """What is asked, if the CLI says so again when the request is over."""
    call_id: str = ""
    """The tool call, if it is one that the user answers himself."""
    ends_with_abort: bool = False
    """Whether the CLI says nothing of its end but `abort`."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)


Work = Callable[[], Awaitable[Answer]]


@attrs.define(eq=False)
class Handlers:
    """The handlers that run for one turn, or for a session between its turns."""

    _nursery: trio.Nursery
    tool_errors: dict[str, Exception] = attrs.field(
        factory=dict[str, Exception], init=False
    )
    """What handlers raised, by the id of the tool call."""
    verdicts: Verdicts = attrs.field(factory=Verdicts, init=False)
    closed: bool = attrs.field(default=False, init=False)
    _refusing: bool = attrs.field(default=False, init=False)
    _open: dict[str, OpenRequest] = attrs.field(
        factory=dict[str, OpenRequest], init=False
    )
    _quiet: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _served: count[int] = attrs.field(factory=count, init=False)

    @property
    def pending(self) -> tuple[str, ...]:
        """What waits for an answer of ours, such as `tool get_weather`."""
        return tuple(request.label for request in self._open.values())

    async def wait_quiet(self) -> None:
        """Wait until nothing is pending; returns at once if nothing is."""
        while self._open:
            await self._quiet.park()

    def begin(self, request: OpenRequest, work: Work | None) -> None:
        """Open a request, and run its handler; without one, `submit` answers it."""
        self._open[request.request_id] = request
        if self._refusing:
            self._give_up(request)
        elif work is not None:
            self._nursery.start_soon(self._run, request, work, name=request.label)

    async def serve(
        self,
        label: str,
        if_cancelled: Any,
        work: Work,
        *,
        shared: bool = False,
        subject: str = "",
    ) -> Any:
        """Run a handler as `begin` does, and return its answer.

        For requests that are JSON-RPC ones. `Cancelled`: the CLI withdrew the request,
        or the connection is over; the handler is cancelled.

        Raises:
          RpcError: that is the answer.
        """
        if self.closed:
            return _result(if_cancelled)
        answers: list[Any] = []
        answered = trio.Event()

        def reply(result: Any) -> None:
            answers.append(result)
            answered.set()

        request = OpenRequest(
            request_id=f"served {next(self._served)}",
            label=label,
            reply=reply,
            if_cancelled=if_cancelled,
            shared=shared,
            subject=subject,
            ends_with_abort=True,
        )
        self.begin(request, work)
        try:
            await answered.wait()
        finally:
            request.scope.cancel()
        return _result(answers[0])

    def complete(self, request_id: str) -> None:
        """A request is over, says the CLI: cancel its handler, answer nothing."""
        request = self._open.get(request_id)
        if request is not None:
            self._settle(request)
            request.scope.cancel()

    def complete_served(self, label: str, subject: str) -> None:
        """A request that `serve` answers is over: somebody else was faster."""
        for request in tuple(self._open.values()):
            if (request.label, request.subject) == (label, subject):
                request.if_cancelled = UNANSWERED
                self._give_up(request)
                return

    def abort(self) -> None:
        """The work was aborted, says the CLI: cancel what it says nothing else of."""
        for request in tuple(self._open.values()):
            if request.ends_with_abort:
                self._give_up(request)

    def cancel(self) -> None:
        """Answer everything that is open as cancelled, and cancel its handlers."""
        for request in tuple(self._open.values()):
            self._give_up(request)

    def leave(self) -> None:
        """As `cancel`, but say nothing where others may answer: we go, they stay."""
        for request in tuple(self._open.values()):
            if request.shared:
                request.if_cancelled = UNANSWERED
            self._give_up(request)

    def refuse(self) -> None:
        """Cancel everything, and whatever is asked from now on: an abort is under way.

        The CLI may ask once more before it heeds the abort, and wait for the answer.
        """
        self._refusing = True
        self.cancel()

    def close(self) -> None:
        """Cancel everything and start nothing more."""
        self.closed = True
        self.cancel()

    def submit(self, call_id: str, result: Any) -> bool:
        """Answer a tool call that has no handler; false if there is none open."""
        for request in self._open.values():
            if call_id and request.call_id == call_id:
                self._answer(request, result)
                return True
        return False

    async def _run(self, request: OpenRequest, work: Work) -> None:
        # Cancelled from outside it answers nothing: the turn is being left, and with its
        # tools answered the agent would ask the model once more. `cancel` comes then.
        with request.scope:
            answer = await work()
            if answer.result is UNANSWERED:
                request.if_cancelled = UNANSWERED
            else:
                self._answer(request, answer.result)
            if answer.error is not None:
                raise answer.error

    def _give_up(self, request: OpenRequest) -> None:
        self._answer(request, request.if_cancelled)
        request.scope.cancel()

    def _answer(self, request: OpenRequest, result: Any) -> None:
        if self._settle(request):
            request.reply(result)

    def _settle(self, request: OpenRequest) -> bool:
        """Strike the request off; whether it was still open."""
        if self._open.pop(request.request_id, None) is None:
            return False
        if not self._open:
            self._quiet.unpark_all()
        return True


def _result(answer: Any) -> Any:
    if isinstance(answer, RpcError):
        raise answer
    return answer
