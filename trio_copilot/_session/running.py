"""Runs the user's handlers, and answers each request of the CLI at most once.

Each handler runs in a separate task, in the nursery of the turn that the request belongs
to, or of the session between turns. Whatever happens to that task, the request gets one
answer: the handler's result, or "cancelled" while the CLI still waits. After `Abstain` this
client never answers: the request stays open until the CLI reports that another client has
answered, or the turn ends. When the CLI reports the end of a request, its handler is
cancelled.

All except `answer` and `wait_quiet` is synchronous: the reader of the connection and the
drain of a turn call it. `requests` knows what is asked and what an answer looks like.
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
    """Return the exception, or a stand-in if its `repr()` raises.

    Trio formats what a task raises; a failing `repr()` would crash the whole run with
    `TrioInternalError`.
    """
    try:
        repr(error)
    except Exception:  # noqa: BLE001  # a user's `__repr__` may do anything
        kind = type(error).__name__
        stand_in = RuntimeError(f"A handler raised {kind}, whose repr() fails")
        stand_in.__cause__ = error
        return stand_in
    return error


@attrs.frozen
class HandlerResult:
    """What came of running a handler."""

    answer: Any
    """What to send. An `RpcError` refuses a JSON-RPC request; `UNANSWERED` sends nothing
    and leaves the request to other clients."""
    error: Exception | None = attrs.field(default=None, converter=_showable)
    """Raised in the handler's task once the answer is out."""


@attrs.define(eq=False, kw_only=True)
class OpenRequest:
    """A request of the CLI that waits for an answer."""

    request_id: str
    label: str
    """Names it in statistics and errors, such as `tool get_weather`."""
    reply: Callable[[Any], None]
    """Sends the answer. Neither blocks nor fails."""
    if_cancelled: Any
    """The answer to send when the handler is cancelled."""
    shared: bool = False
    """Whether the CLI asks the session's other clients, too, and any may answer."""
    subject: str = ""
    """What is asked, if the event that ends the request repeats it."""
    call_id: str = ""
    """The tool call, if the user answers it with `Turn.submit_tool_result`."""
    ends_with_abort: bool = False
    """Whether `abort` is the only event that ends it."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)


Work = Callable[[], Awaitable[HandlerResult]]
"""Runs one handler. What the handler raises is returned, so that the answer goes out first."""


@attrs.define(eq=False)
class RunningRequests:
    """The open requests of one turn, or of a session between its turns.

    Five methods end all that are open, each for its occasion:

    * `abort`   the CLI has aborted: those that no other event will end
    * `cancel`  answer all as cancelled
    * `refuse`  likewise, and those to come: a drain is under way
    * `leave`   likewise, but leave shared ones to the clients that stay
    * `close`   for good: nothing starts here any more
    """

    _nursery: trio.Nursery
    tool_errors: dict[str, Exception] = attrs.field(
        factory=dict[str, Exception], init=False
    )
    """What tools raised: {call id: exception}."""
    verdicts: Verdicts = attrs.field(factory=Verdicts, init=False)
    closed: bool = attrs.field(default=False, init=False)
    _refusing: bool = attrs.field(default=False, init=False)
    # {request id: request}
    _open: dict[str, OpenRequest] = attrs.field(
        factory=dict[str, OpenRequest], init=False
    )
    _quiet: trio.lowlevel.ParkingLot = attrs.field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _numbers: count[int] = attrs.field(factory=count, init=False)

    @property
    def pending(self) -> tuple[str, ...]:
        """The labels of all open requests, such as `tool get_weather`."""
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

    async def answer(
        self,
        label: str,
        if_cancelled: Any,
        work: Work,
        *,
        shared: bool = False,
        subject: str = "",
    ) -> Any:
        """Run the handler of a JSON-RPC request as `begin` does, and return its answer.

        `Cancelled` (the CLI withdrew the request, or the connection ended) cancels the
        handler.

        Raises:
          RpcError: the request is refused.
        """
        if self.closed:
            return _raised_or_returned(if_cancelled)
        answers: list[Any] = []
        answered = trio.Event()

        def reply(result: Any) -> None:
            answers.append(result)
            answered.set()

        request = OpenRequest(
            # The CLI gives a JSON-RPC request no id that its events repeat.
            request_id=f"request {next(self._numbers)}",
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
        return _raised_or_returned(answers[0])

    def complete(self, request_id: str) -> None:
        """Cancel the handler of a request that the CLI has ended; send nothing."""
        request = self._open.get(request_id)
        if request is not None:
            self._settle(request)
            request.scope.cancel()

    def complete_announced(self, label: str, subject: str) -> None:
        """Cancel the handler of a JSON-RPC request that another client has answered."""
        for request in tuple(self._open.values()):
            if (request.label, request.subject) == (label, subject):
                request.if_cancelled = UNANSWERED
                self._give_up(request)
                return

    def abort(self) -> None:
        """Cancel the requests of aborted work that no event ends."""
        for request in tuple(self._open.values()):
            if request.ends_with_abort:
                self._give_up(request)

    def cancel(self) -> None:
        """Answer every open request as cancelled, and cancel its handler."""
        for request in tuple(self._open.values()):
            self._give_up(request)

    def leave(self) -> None:
        """As `cancel`, but leave shared requests to the clients that stay."""
        for request in tuple(self._open.values()):
            if request.shared:
                request.if_cancelled = UNANSWERED
            self._give_up(request)

    def refuse(self) -> None:
        """Cancel every request, those to come included: an abort is under way.

        The CLI may ask once more before it obeys, and then waits for the answer.
        """
        self._refusing = True
        self.cancel()

    def close(self) -> None:
        """Cancel everything and start nothing more."""
        self.closed = True
        self.cancel()

    def submit(self, call_id: str, result: Any) -> bool:
        """Answer a tool call that has no handler; return whether one was open."""
        for request in self._open.values():
            if call_id and request.call_id == call_id:
                self._reply(request, result)
                return True
        return False

    async def _run(self, request: OpenRequest, work: Work) -> None:
        # Cancellation from outside must send nothing: with its tools answered, the agent
        # would ask the model once more before the abort arrives. The drain answers later.
        with request.scope:
            result = await work()
            if result.answer is UNANSWERED:
                request.if_cancelled = UNANSWERED
            else:
                self._reply(request, result.answer)
            if result.error is not None:
                raise result.error

    def _give_up(self, request: OpenRequest) -> None:
        self._reply(request, request.if_cancelled)
        request.scope.cancel()

    def _reply(self, request: OpenRequest, answer: Any) -> None:
        if self._settle(request):
            request.reply(answer)

    def _settle(self, request: OpenRequest) -> bool:
        """Remove the request; return whether it was still open."""
        if self._open.pop(request.request_id, None) is None:
            return False
        if not self._open:
            self._quiet.unpark_all()
        return True


def _raised_or_returned(answer: Any) -> Any:
    if isinstance(answer, RpcError):
        raise answer
    return answer
