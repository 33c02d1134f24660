"""Two tasks own a connection; all other tasks ask them.

The reader awaits nothing but bytes: the CLI has no back-pressure and responses queue
behind events, so anything that waited in the reader would delay every abort. What must be
visible before the next message happens in a synchronous callback. The writer alone
touches the outgoing pipe. *Issued* is decided in `Peer.submit`: `Cancelled` before it
returns means that nothing was sent, afterwards the peer will see the request.

When the stream ends, for whatever reason, every waiter in every task is woken at once and
gets the same error.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from .._blocks import as_block
from .._errors import (
    CliExitedError,
    CopilotError,
    InternalError,
    ProtocolError,
    RpcError,
)
from .._resource_errors import ClientClosedError
from .._scopes import open_block, open_service
from .._wire import codes
from .._wire.framing import FrameDecoder, encode_frame
from .._wire.ledger import Ledger, Stray
from .._wire.messages import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    cancel_request,
    decode_message,
    encode_message,
)
from .call import Call, OnAnswer
from .farewell import Farewell
from .inbound import Answer, Inbound
from .writer import Writer

logger = logging.getLogger("trio_copilot.peer")

READ_SIZE = 128 * 1024
"""Bytes asked for in one read."""

FAIRNESS = 128
"""Frames handled before other tasks run: a task switch costs as much as several frames.
Iterators yield as rarely; otherwise a fast consumer would lag just because its time slice
is shorter."""

UNREAD_TIMEOUT = 1.0
"""Seconds that remain for the answers to calls which the peer may not have read."""

FLUSH_TIMEOUT = 1.0
"""Seconds that leaving waits until the frames handed over are written."""

TakeFrame = Callable[[bytes], bool]
OnNotification = Callable[[str, Any], None]


@attrs.define(eq=False)
class Peer:
    """One connection to a JSON-RPC peer, made by `open_peer`."""

    _stream: trio.abc.Stream
    _take_frame: TakeFrame
    _on_notification: OnNotification
    _on_end: Callable[[CopilotError], None]
    _why_ended: Callable[[], Awaitable[CopilotError]]
    _answer: Answer
    _ledger: Ledger[Call] = attrs.field(factory=Ledger[Call], init=False)
    _writer: Writer = attrs.field(init=False)
    _inbound: Inbound = attrs.field(init=False)
    _end: CopilotError | None = attrs.field(default=None, init=False)
    bytes_received: int = attrs.field(default=0, init=False)
    last_received: float = attrs.field(default=0.0, init=False)
    """When the peer last sent anything, by Trio's clock."""
    farewell: Farewell = attrs.field(init=False)
    """The time for last words over this connection."""

    def __attrs_post_init__(self) -> None:
        self._writer = Writer(self._stream)
        self._inbound = Inbound(self._answer, self._ledger, self._send_now)
        self.farewell = Farewell(lambda: self.last_received)

    @property
    def end(self) -> CopilotError | None:
        """Why the connection has ended, or `None` while it has not."""
        return self._end

    @property
    def bytes_sent(self) -> int:
        """How many bytes the stream has accepted."""
        return self._writer.bytes_written

    @property
    def pending_calls(self) -> int:
        """How many of our requests are unanswered."""
        return self._ledger.open_calls

    async def request(self, method: str, params: Any = None) -> Any:
        """Call a method of the peer and return the result of its answer.

        `Cancelled` leaves at once. If the request was issued, the peer gets
        `$/cancelRequest`, and a late answer is dropped.

        Raises:
          RpcError: the peer answered with an error, or could not read the request.
          TypeError, ValueError: the parameters cannot be sent; see `encode_message`.
          CopilotError: the connection has ended, or ends before the answer.
        """
        call, request_id = await self._issue(method, params, None)
        try:
            return await call.result()
        finally:
            if self._ledger.abandon(request_id):  # only if we are cancelled
                self._send_now(cancel_request(request_id))

    async def submit(
        self, method: str, params: Any = None, *, on_result: OnAnswer | None = None
    ) -> Call:
        """Issue a request and return without waiting for its answer.

        `Cancelled` means that nothing was sent. Nobody has to wait for the returned
        call; its answer is accepted in any case.

        Args:
          method: the method to call.
          params: its parameters, of any type that has a form in JSON.
          on_result: called by the reader as soon as there is a result, before it looks
            at any later message. Must neither block nor raise.
        """
        call, _ = await self._issue(method, params, on_result)
        return call

    def submit_nowait(self, method: str, params: Any = None) -> Call:
        """Issue a request at once: for what even a cancelled task owes the peer."""
        call = Call(method)
        if self._end is not None:
            call.fail(self._end)
        else:
            _, frame = self._open(call, params)
            self._writer.put_nowait(frame)
        return call

    async def flush(self) -> None:
        """Wait until the stream has accepted everything issued so far."""
        await self._writer.flush()

    async def _issue(
        self, method: str, params: Any, on_result: OnAnswer | None
    ) -> tuple[Call, int]:
        call = Call(method, on_result)
        request_id = 0  # until the writer has room, and asks for the frame

        def make_frame() -> bytes:
            nonlocal request_id
            if self._end is not None:
                raise self._end.renewed()
            request_id, frame = self._open(call, params)
            return frame

        await self._writer.put(make_frame)
        return call, request_id

    def _open(self, call: Call, params: Any) -> tuple[int, bytes]:
        """Open a request and return its id and frame."""
        request_id = self._ledger.issue(call)
        try:
            request = Request(request_id, call.method, params)
            return request_id, encode_frame(encode_message(request))
        except BaseException:  # params that cannot be sent
            self._ledger.abandon(request_id)
            raise

    def _send_now(self, message: Message) -> None:
        self._writer.put_nowait(encode_frame(encode_message(message)))

    async def _read(self, nursery: trio.Nursery) -> None:
        error: CopilotError | None = None
        try:
            await self._read_messages(nursery)
        except ProtocolError as protocol_error:
            error = protocol_error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as stream_error:
            logger.debug("The stream broke: %r", stream_error)
        except Exception as fault:  # noqa: BLE001  # a bug of ours must strand no waiter
            error = _internal(fault)
        self.finish(error or await self._why_ended())

    async def _read_messages(self, nursery: trio.Nursery) -> None:
        decoder = FrameDecoder()
        while data := await self._stream.receive_some(READ_SIZE):
            self.bytes_received += len(data)
            self.last_received = trio.current_time()
            self._writer.peer_spoke()
            decoder.feed(data)
            while bodies := decoder.next_frames():
                for start in range(0, len(bodies), FAIRNESS):
                    if start:
                        await trio.lowlevel.checkpoint()
                    for body in bodies[start : start + FAIRNESS]:
                        if not self._take_frame(body):
                            self._dispatch(decode_message(body), nursery)

    def _dispatch(self, message: Message, nursery: trio.Nursery) -> None:
        match message:
            case Notification(method=codes.CANCEL_REQUEST, params={"id": request_id}):
                self._inbound.cancel(request_id)
            case Notification(method=method, params=params):
                self._on_notification(method, params)
            case Request():
                self._inbound.start(message, nursery)
            case ErrorResponse(id=None):
                # The suspects now: calls that are issued from here on cannot be meant.
                nursery.start_soon(self._fail_unread, message, self._ledger.unread())
            case Response() | ErrorResponse():
                self._settle(message)

    def _settle(self, answer: Response | ErrorResponse) -> None:
        waiter = self._ledger.settle(answer.id)
        if isinstance(waiter, Stray):
            logger.debug("A %s answer was dropped: id %r", waiter.name, answer.id)
        else:
            waiter.settle(answer)

    async def _fail_unread(self, error: ErrorResponse, suspects: list[int]) -> None:
        """The peer could not read one of our messages: fail the call that this was.

        It does not say which one. It reports the error at once, whereas an answer may take
        long: so it can only be a call issued after the newest answered one. Calls that it
        has read it usually answers in a moment; the others would wait for ever.

        Args:
          error: the response without an id.
          suspects: the calls that were open then, and issued after that one.
        """
        # Without its text, which may quote what it could not read.
        logger.warning("The peer could not read one of our messages")
        await trio.sleep(UNREAD_TIMEOUT)
        message = f"{error.message} (about an unread message, probably this one)"
        for request_id in suspects:
            if self._ledger.is_open(request_id):
                self._settle(attrs.evolve(error, id=request_id, message=message))
                self._send_now(cancel_request(request_id))

    async def _write(self) -> None:
        try:
            await self._writer.run()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as stream_error:
            # If the peer is really gone the reader sees the end, too; but one that merely
            # stopped reading must not leave anybody waiting either.
            logger.debug("The peer does not read anymore: %r", stream_error)
            self.finish(await self._why_ended())
        except Exception as fault:  # noqa: BLE001  # a bug of ours must strand no waiter
            self.finish(_internal(fault))

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[None, None]:
        """Read and write for as long as the block lasts; `open_peer` enters it."""
        async with open_block() as nursery:  # the peer's requests are its children
            async with open_service(lambda: self._read(nursery), self._write):
                try:
                    yield
                finally:
                    with self.farewell.last_words(FLUSH_TIMEOUT):
                        await self.flush()  # noqa: ASYNC102  # last_words is the shield
                    self.finish(ClientClosedError())
                    nursery.cancel_scope.cancel()

    def finish(self, error: CopilotError) -> None:
        """End the connection and wake every waiter. Synchronous and idempotent."""
        if self._end is not None:
            return
        self._end = error  # first: a woken caller must not issue anything
        self._writer.close()
        for call in self._ledger.close():
            call.fail(error)
        self._on_end(error)


def _internal(fault: Exception) -> InternalError:
    error = InternalError(fault)
    logger.error("%s", error, exc_info=fault)
    return error


def _ignore(*_: object) -> None:
    """Take no notice."""


async def _refuse(method: str, _: Any) -> Any:
    await trio.lowlevel.checkpoint()
    raise RpcError(codes.METHOD_NOT_FOUND, f"This client does not answer {method}")


async def _closed() -> CopilotError:
    await trio.lowlevel.checkpoint()
    return CliExitedError(None)


@as_block
async def open_peer(
    stream: trio.abc.Stream,
    *,
    on_notification: OnNotification = _ignore,
    answer: Answer = _refuse,
    on_end: Callable[[CopilotError], None] = _ignore,
    why_ended: Callable[[], Awaitable[CopilotError]] = _closed,
    take_frame: TakeFrame = lambda _: False,
) -> AsyncGenerator[Peer, None]:
    """Speak JSON-RPC over a stream for as long as the block lasts.

    One task reads and one writes; whatever is cancelled, a frame is written whole or not at
    all. The stream is not closed: that is up to its owner. Leaving the block, in any way,
    writes what was handed over, for at most a second, and cancels the peer's requests
    that are still being answered; a call that waits in another task raises
    `ClientClosedError`.

    Args:
      stream: where the peer is: a socket, or the two pipes of a process as a
        `trio.StapledStream`.
      on_notification: called with method and parameters of each notification, in order,
        by the task that reads: it must not block, so hand over what takes longer.
      answer: `await answer(method, params)` returns the result of a request of the peer,
        or raises `RpcError`; each runs in its own task. Any other exception is reported to
        the peer and cancels the block. By default every request is refused.
      on_end: called once, with the reason, when the connection has ended.
      why_ended: makes the error that every waiting call raises when the stream ends, if you
        know more about it than that; it must be bounded in time.
      take_frame: called first, by the task that reads, with the body of each frame; returns
        True if it consumed the frame. A fast path for frequent frames.

    Protocol: JSON-RPC 2.0 in frames with `Content-Length`; `$/cancelRequest` both ways.
    """
    peer = Peer(stream, take_frame, on_notification, on_end, why_ended, answer)
    async with peer.connected():
        yield peer
