"""A scripted CLI: what a client talks to in tests, over memory streams.

It behaves as the real CLI 1.0.102 does in all that a client relies on: which events
come in which order, what answers what, what an abort leaves behind. The same contract
tests run on both. On top of that it misbehaves on demand.

Strategy: one task reads and one writes; what is to be done goes on one agenda, in order
of arrival; only the work of a session is a task of its own. Methods are in `_methods`,
sessions in `_session`, turns in `_turn_engine`. Under `autojump_clock` nothing here
depends on chance or on the wall clock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import trio
import trio.testing

from .._blocks import as_block
from .._errors import ProtocolError, RpcError
from .._scopes import open_block
from .._wire.codes import INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR
from .._wire.encoding import check_size
from .._wire.framing import FrameDecoder
from .._wire.messages import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    decode_message,
)
from ._desk import Desk, RefusedError
from ._events import EventLog
from ._host import Behaviour, Host, Json
from ._methods import METHODS
from ._pipe import ClientStream, Pipe
from ._record import ModelRecord
from ._script import Reply, Script

__all__ = ["ScriptedCli", "open_scripted_cli"]


class ScriptedCli(ModelRecord):
    """A CLI that answers what its script says; made by `open_scripted_cli`.

    Attributes:
      stream: the client's end of the connection: `open_client(cli.stream)`.
      received: every message of the client so far, in order.
      torn: whether the client's stream ended within a frame.
      disconnected: the numbers of the model calls that were given up, by an abort or
          because their session ended, before their answer was complete.
    """

    def __init__(self, script: Script | Reply, behaviour: Behaviour) -> None:
        super().__init__(script)
        client, self._stream = trio.testing.memory_stream_pair()
        self.stream: ClientStream = trio.StapledStream(
            Pipe(client.send_stream), client.receive_stream
        )
        self.received: list[Message] = []
        self.torn: bool = False
        self._host = Host(behaviour, self)
        self._life = trio.CancelScope()

    def __repr__(self) -> str:
        state = "gone" if self._life.cancel_called else "running"
        return f"<ScriptedCli {state}, {len(self.received)} message(s) received>"

    # -- what the client did

    @property
    def fates(self) -> Mapping[str, str]:
        """What became of each prompt that was admitted, by its message id.

        `open`, `answered` (also with an error), `aborted`, or `let go` together with
        its session.
        """
        return self._host.fates

    def calls(self, method: str) -> list[Any]:
        """Return the parameters of every call of that method so far, in order."""
        return [
            message.params
            for message in self.received
            if isinstance(message, Request | Notification) and message.method == method
        ]

    async def wait_for(self, method: str, count: int = 1) -> Any:
        """Wait until the method has been called that often; return the parameters.

        Cancelled: nothing has happened.
        """
        await self._changes.wait_until(lambda: len(self.calls(method)) >= count)
        return self.calls(method)[count - 1]

    async def wait_gone(self) -> None:
        """Wait until this CLI has closed the connection.

        Cancelled: nothing has happened.
        """
        await self._changes.wait_until(lambda: self._life.cancel_called)

    # -- what the client did not expect

    def emit(
        self,
        session_id: str,
        type: str,  # noqa: A002 - the wire's word
        data: Mapping[str, Any] | None = None,
        **envelope: Any,
    ) -> Json:
        """Send an event of a session, and return it.

        Args:
          session_id: the session, which may be one that this CLI does not have.
          type: the wire type, such as `"assistant.message_delta"`.
          data: the payload.
          envelope: other members of the event, such as `agentId="helper"`; they take
              precedence over those that an event has anyway.

        Protocol: `session.event`.
        """
        session = self._desk.sessions.get(session_id)
        log = EventLog(self._host, session_id) if session is None else session.log
        return log.emit(type, data, **envelope)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._host.notify(method, params)

    async def request(self, method: str, params: Any) -> Response | ErrorResponse:
        """Make a request to the client and return its answer.

        Cancelled: the client has the request; its answer is only in `received`.
        """
        return await self._host.callbacks.request(method, params)

    def send_bytes(self, raw: bytes) -> None:
        """Send bytes that need not be a frame."""
        self._host.post_bytes(raw)

    def abort(self, session_id: str) -> None:
        """Abort what a session is doing, as another client of this CLI would."""
        self._desk.sessions[session_id].abort(lambda _: None)

    async def elicit(self, session_id: str, message: str, schema: Json) -> Json:
        """Have a session ask its user to fill in a form, and return the result.

        Args:
          session_id: a session of this CLI.
          message: what the user reads.
          schema: the JSON schema of the form.

        Cancelled: the form stays open; an answer to it is accepted and lost.

        Protocol: `elicitation.requested`.
        """
        form = {"requestedSchema": schema, "message": message}
        return await self._desk.sessions[session_id].elicitations.request(form)

    def kill(self) -> None:
        """Close the connection without a word, without waiting for that."""
        self._host.close()

    async def die(self, *, mid_frame: bool = False) -> None:
        """Close the connection without a word, as a CLI that is killed.

        What was sent before arrives. Cancelled: it dies all the same.

        Args:
          mid_frame: send the beginning of a frame first.
        """
        if mid_frame:
            self._host.post_bytes(b'Content-Length: 1000\r\n\r\n{"jsonrpc":"2.0","met')
        self.kill()
        await self.wait_gone()

    # -- how it runs

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        with self._life:
            async with open_block() as nursery:
                self._desk = Desk(self._host, nursery, quit=self._host.close)
                nursery.start_soon(self._host.agenda.run)
                nursery.start_soon(self._read)
                task_status.started()
                await self._host.write_to(self._stream)
                self._life.cancel()
        self._hang_up()

    def _hang_up(self) -> None:
        self._stream.send_stream.close()
        self._stream.receive_stream.close()
        self._changes.happened()

    async def _read(self) -> None:
        decoder = FrameDecoder()
        try:
            while data := await self._stream.receive_some():
                decoder.feed(bytes(data))
                while (frame := decoder.next_frame()) is not None:
                    self._hear(frame)
            decoder.feed(b"")
            decoder.next_frame()
        except ProtocolError:
            self.torn = True
        self._host.close()
        self._changes.happened()

    def _hear(self, frame: bytes) -> None:
        code = PARSE_ERROR
        try:
            _check_json(frame)
            code = INVALID_REQUEST
            message = decode_message(frame)
        except (ValueError, RecursionError, ProtocolError) as error:
            self._host.post(ErrorResponse(None, code, str(error)))
            return
        self.received.append(message)
        self._changes.happened()
        behaviour = self._host.behaviour
        if isinstance(message, Response | ErrorResponse):
            take = self._host.callbacks.take
            self._host.agenda.add(0, partial(take, message))
        elif isinstance(message, Request) and message.method not in behaviour.ignore:
            delay = behaviour.answer_after.get(message.method, 0)
            self._host.agenda.add(delay, partial(self._serve, message))

    def _serve(self, request: Request) -> None:
        def answer(result: Any) -> None:
            self._host.post(Response(request.id, result))

        try:
            self._obey(request.method, request.params or {}, answer)
        except RefusedError as no:
            message = no.message(request.method)
            self._host.post(ErrorResponse(request.id, no.code, message))
        except RpcError as no:
            self._host.post(ErrorResponse(request.id, no.code, no.message, no.data))

    def _obey(self, name: str, params: Json, answer: Callable[[Any], None]) -> None:
        own_answer = self._host.behaviour.answers.get(name)
        if own_answer is not None:
            answer(own_answer(params))
        elif name in METHODS:
            METHODS[name](self._desk, params, answer)
        else:
            raise RefusedError(f"Unhandled method {name}", METHOD_NOT_FOUND)


def _check_json(frame: bytes) -> None:
    """Check that the CLI could parse a frame: it is stricter than its JavaScript was."""
    msgspec.json.decode(frame)  # knows no halves of UTF-16 pairs either
    check_size(frame)


@as_block
async def open_scripted_cli(
    script: Script | Reply = (),
    *,
    version: str = "1.0.102",
    protocol_version: int | None = 3,
    ignore: Container[str] = (),
    answer_after: Mapping[str, float] | None = None,
    answers: Mapping[str, Callable[[Json], Any]] | None = None,
    models: Sequence[Mapping[str, Any]] | None = None,
    duplicate_deltas: bool = False,
    background_work: bool = False,
) -> AsyncGenerator[ScriptedCli, None]:
    """Run a scripted CLI as long as the block runs; `cli.stream` is for one client.

    The client's tools and hooks are called, its permissions and answers asked for and
    its options obeyed as the real CLI would; what the model says is in the script. Times
    are simulated too, so use `autojump_clock` (of pytest-trio) or `trio.testing.MockClock`.

    Args:
      script: see `Script`; the model calls of all sessions in order of arrival.
      version: the version that the CLI says it has.
      protocol_version: the version of the protocol that it says it speaks; `None` says
        none.
      ignore: methods that are received but neither obeyed nor answered.
      answer_after: {method: seconds} to obey and answer them that much later.
      answers: {method: function from the parameters to the result} for methods that
        this CLI does not have, or should answer differently; an `RpcError` that it
        raises is the answer, too.
      models: what `models.list` returns; by default it fails, as it does offline.
      duplicate_deltas: send the events of a stream again, late, out of order and with
        the same id, as the real CLI does under load.
      background_work: attached work goes on for ever, so `session.idle` never comes.

    Cancelled: the connection is closed at once, as it is when the block is left.
    """
    behaviour = Behaviour(
        version=version,
        protocol_version=protocol_version,
        ignore=ignore,
        answer_after=answer_after or {},
        answers=answers or {},
        models=models,
        duplicate_deltas=duplicate_deltas,
        background_work=background_work,
    )
    cli = ScriptedCli(script, behaviour)
    try:
        async with open_block() as nursery:
            await nursery.start(cli._run)
            yield cli
            nursery.cancel_scope.cancel()
    finally:  # not before the block: a fault of the script comes before a lost CLI
        cli._hang_up()
