"""A scripted CLI: what a client talks to in tests, over memory streams.

It behaves as the real CLI 1.0.102 does in everything that a client relies on: the order of
events, the answer to each method, what an abort leaves behind. The same contract tests
run on both. On top of that it misbehaves on demand.

Strategy: one task reads and one writes; everything that is to be done goes on one agenda,
in order of arrival; only the work of a session has its own task. Under
`autojump_clock` nothing here depends on chance or on the wall clock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

import trio
import trio.testing

from .._blocks import as_block
from .._scopes import open_block
from .._wire.messages import ErrorResponse, Message, Notification, Request, Response
from ._cli_state import CliState
from ._connection import ClientConnection
from ._dispatch import dispatch
from ._events import EventLog
from ._host import Behaviour, Host, Json
from ._pipe import ClientStream, Pipe
from ._record import CallRecord, ModelRecord
from ._script import Reply, Script

__all__ = ["ScriptedCli", "open_scripted_cli"]


class ScriptedCli(ModelRecord):
    """A CLI that answers as its script says; made by `open_scripted_cli`.

    Attributes:
      stream: the client's end of the connection: `open_client(cli.stream)`.
    """

    def __init__(self, stream: ClientStream, state: CliState) -> None:
        super().__init__(state.host.model)
        self.stream = stream
        self._state = state
        self._client = state.host.client

    def __repr__(self) -> str:
        state = "gone" if self._client.gone else "running"
        return f"<ScriptedCli {state}, {len(self.received)} message(s) received>"

    # -- what the client did

    @property
    def received(self) -> list[Message]:
        """Every message of the client so far, in order."""
        return self._client.received

    @property
    def torn(self) -> bool:
        """Whether the client's stream ended within a frame."""
        return self._client.torn

    @property
    def fates(self) -> Mapping[str, str]:
        """What became of each prompt that was admitted, by its message id.

        `open`, `answered` (also with an error), `aborted`, or `let go` together with
        its session.
        """
        return self._state.host.fates

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
        await self._calls.changes.wait_until(lambda: len(self.calls(method)) >= count)
        return self.calls(method)[count - 1]

    async def wait_gone(self) -> None:
        """Wait until this CLI has closed the connection.

        Cancelled: nothing has happened.
        """
        await self._calls.changes.wait_until(lambda: self._client.gone)

    # -- what the client does not expect

    def emit(
        self,
        session_id: str,
        type: str,  # noqa: A002 - the wire's word
        data: Mapping[str, Any] | None = None,
        **envelope: Any,
    ) -> Json:
        """Send an event of a session, and return it.

        Args:
          session_id: the session; the CLI need not have it.
          type: the wire type, such as `"assistant.message_delta"`.
          data: the payload.
          envelope: other members of the event, such as `agentId="helper"`; they override
              those that every event has.

        Protocol: `session.event`.
        """
        session = self._state.sessions.get(session_id)
        if session is None:
            return EventLog(self._state.host, session_id).emit(type, data, **envelope)
        return session.state.log.emit(type, data, **envelope)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._client.notify(method, params)

    async def request(self, method: str, params: Any) -> Response | ErrorResponse:
        """Make a request to the client and return its answer.

        Cancelled: the client has the request; its answer is only in `received`.
        """
        return await self._client.callbacks.request(method, params)

    def send_bytes(self, raw: bytes) -> None:
        """Send any bytes, a frame or not."""
        self._client.post_bytes(raw)

    def abort(self, session_id: str) -> None:
        """Abort what a session is doing, as another client of this CLI would."""
        self._state.sessions[session_id].queue.abort(lambda _: None)

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
        return await self._state.sessions[session_id].elicitations.request(form)

    def kill(self) -> None:
        """Begin to close the connection, as a CLI that is killed would; do not wait."""
        self._client.close()

    async def die(self, *, mid_frame: bool = False) -> None:
        """Close the connection, as a CLI that is killed would.

        What was sent before arrives. Cancelled: the connection is closed all the same.

        Args:
          mid_frame: send the beginning of a frame first.
        """
        if mid_frame:
            self._client.post_bytes(
                b'Content-Length: 1000\r\n\r\n{"jsonrpc":"2.0","met'
            )
        self.kill()
        await self.wait_gone()


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
    """Run a scripted CLI while the block runs; `cli.stream` is for one client.

    It calls the client's tools and hooks, asks for permissions and answers, and follows
    the client's options as the real CLI does; the model follows the script. It also takes
    its time as the real CLI does, so use `autojump_clock` (of pytest-trio) or
    `trio.testing.MockClock`.

    Args:
      script: see `Script`; the model calls of all sessions in order of arrival.
      version: the version that the CLI reports.
      protocol_version: the protocol version that it reports; `None` leaves it out.
      ignore: methods that are received but neither carried out nor answered.
      answer_after: `{method: seconds}` to carry out and answer it that much later.
      answers: `{method: function from the parameters to the result}` for methods that
        this CLI does not have, or should answer differently; if the function raises
        `RpcError`, that is the answer.
      models: the result of `models.list`; by default it fails, as it does offline.
      duplicate_deltas: send the events of a stream again, late, out of order and with
        the same id, as the real CLI does under load.
      background_work: attached work never ends, so `session.idle` never comes.

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
    client, ours = trio.testing.memory_stream_pair()
    stream = trio.StapledStream(Pipe(client.send_stream), client.receive_stream)
    calls = CallRecord(script)
    host = Host(behaviour, calls, ClientConnection(ours, calls.changes))
    try:
        async with open_block() as nursery:
            yield await nursery.start(_run, host, stream)
            nursery.cancel_scope.cancel()
    finally:  # not before the block: a fault of the script comes before a lost CLI
        host.client.hang_up()


async def _run(
    host: Host, stream: ClientStream, task_status: trio.TaskStatus[ScriptedCli]
) -> None:
    """Run until the connection is closed by either side."""
    async with open_block() as nursery:
        state = CliState(host, nursery)
        nursery.start_soon(host.agenda.run)
        nursery.start_soon(host.client.read, partial(dispatch, state))
        task_status.started(ScriptedCli(stream, state))
        await host.client.write()
        nursery.cancel_scope.cancel()
    host.client.hang_up()  # while the block still runs: the client reads the end
