"""Two tasks own a connection: every call gets one outcome, no frame is torn."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing

import trio_copilot._peer.writer
from trio_copilot import (
    ClientClosedError,
    CliExitedError,
    CopilotError,
    ProtocolError,
    RpcError,
)
from trio_copilot._peer import FAIRNESS, Peer, open_peer
from trio_copilot._peer.peer import UNREAD_TIMEOUT
from trio_copilot._wire.framing import FrameDecoder, encode_frame
from trio_copilot._wire.messages import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    cancel_request,
    decode_message,
    encode_message,
)


@attrs.define(eq=False)
class Far:
    """The other side of the connection, spoken by the test."""

    stream: trio.abc.Stream
    notified: list[tuple[str, Any]] = attrs.field(factory=list)
    ends: list[CopilotError] = attrs.field(factory=list)
    decoder: FrameDecoder = attrs.field(factory=FrameDecoder)

    async def send(self, *messages: Message) -> None:
        frames = [encode_frame(encode_message(message)) for message in messages]
        await self.stream.send_all(b"".join(frames))

    async def receive(self) -> Any:
        while (body := self.decoder.next_frame()) is None:
            data = await self.stream.receive_some()
            assert data, "the peer has closed"
            self.decoder.feed(data)
        return decode_message(body)


async def refuse(method: str, params: Any) -> Any:
    await trio.lowlevel.checkpoint()
    raise RpcError(-32601, f"no {method}")


async def gone() -> CopilotError:
    await trio.lowlevel.checkpoint()
    return CliExitedError(1, "tail")


@asynccontextmanager
async def connected(
    answer: Any = refuse, streams: Any = trio.testing.memory_stream_pair
) -> AsyncIterator[tuple[Peer, Far]]:
    near, far_stream = streams()
    far = Far(far_stream)
    with trio.fail_after(60):
        async with open_peer(
            near,
            on_notification=lambda method, params: far.notified.append(
                (method, params)
            ),
            on_end=far.ends.append,
            why_ended=gone,
            answer=answer,
        ) as peer:
            yield peer, far


async def test_a_call_gets_its_answer() -> None:
    async with connected() as (peer, far), trio.open_nursery() as nursery:

        async def answer() -> None:
            request = await far.receive()
            assert request == Request(1, "add", [1, 2])
            await far.send(Response(1, 3))

        nursery.start_soon(answer)
        assert await peer.request("add", [1, 2]) == 3


async def test_answers_find_their_calls_in_any_order() -> None:
    results: dict[int, int] = {}
    async with connected() as (peer, far), trio.open_nursery() as nursery:

        async def call(number: int) -> None:
            results[number] = await peer.request("double", number)

        for number in range(20):
            nursery.start_soon(call, number)
        requests = [await far.receive() for _ in range(20)]
        random.Random(1).shuffle(requests)
        await far.send(*(Response(r.id, r.params * 2) for r in requests))

    assert results == {number: number * 2 for number in range(20)}


async def test_a_burst_leaves_other_tasks_their_turns() -> None:
    burst = [Notification("tick", {"number": n}) for n in range(FAIRNESS * 10)]
    heard_at_each_turn: list[int] = []
    async with connected() as (_, far), trio.open_nursery() as nursery:
        nursery.start_soon(far.send, *burst)
        while len(far.notified) < len(burst):
            await trio.lowlevel.checkpoint()
            heard_at_each_turn.append(len(far.notified))

    steps = zip([0, *heard_at_each_turn], heard_at_each_turn, strict=False)
    # Trio runs the tasks of one round in any order: the reader may run last, then first.
    assert max(after - before for before, after in steps) <= 2 * FAIRNESS


async def test_an_error_answer_is_raised_with_all_it_says() -> None:
    async with connected() as (peer, far), trio.open_nursery() as nursery:
        nursery.start_soon(far.send, ErrorResponse(1, -7, "no", {"why": "so"}))
        with pytest.raises(RpcError) as caught:
            await peer.request("fail")

    error = caught.value
    assert (error.method, error.code, error.message, error.data) == (
        "fail",
        -7,
        "no",
        {"why": "so"},
    )


async def test_a_cancelled_call_is_cancelled_at_the_peer_and_its_answer_dropped() -> (
    None
):
    async with connected() as (peer, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.request, "slow")
            request = await far.receive()
            nursery.cancel_scope.cancel()
        assert await far.receive() == Notification(
            "$/cancelRequest", {"id": request.id}
        )
        await far.send(Response(request.id, "late"), Response(99, "never asked"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.send, Response(2, "next"))
            assert await peer.request("next") == "next"


async def test_a_submitted_call_is_answered_though_nobody_waits() -> None:
    heard: list[Any] = []
    async with connected() as (peer, far):
        call = await peer.submit("send", on_result=heard.append)
        await far.send(Response(1, "admitted"), Notification("next", None))
        await call.settled()
        assert heard == ["admitted"]
        assert await call.result() == "admitted"
        assert not call.failed


async def test_cancelled_before_it_is_handed_over_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trio_copilot._peer.writer, "MAX_BACKLOG", 1)
    pair = trio.testing.lockstep_stream_pair  # writes wait for the reader
    async with connected(streams=pair) as (peer, far):
        await peer.submit("first")
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.submit, "second")
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert (await far.receive()).method == "first"
        await peer.submit("third")
        assert await far.receive() == Request(2, "third", None)


async def test_parameters_that_json_cannot_express_break_nothing() -> None:
    async with connected() as (peer, far):
        with pytest.raises(TypeError):
            await peer.request("bad", {"x": object()})
        await peer.submit("good")
        assert (await far.receive()).method == "good"


async def test_parameters_that_the_peer_cannot_read_break_nothing() -> None:
    async with connected() as (peer, far):
        with pytest.raises(
            ValueError, match=r"bad cannot be sent: path must be text that"
        ):
            await peer.request("bad", {"path": "caf\udce9"})
        with pytest.raises(ValueError, match="path"):
            peer.submit_nowait("bad", {"path": "caf\udce9"})
        assert peer.pending_calls == 0
        await peer.submit("good", {"text": "caf\udce9"})
        assert (await far.receive()).params == {"text": "caf\ufffd"}


UNREAD = ErrorResponse(None, -32700, "recursion limit exceeded")


async def test_a_call_that_the_peer_could_not_read_is_woken(autojump_clock) -> None:
    async with connected() as (peer, far):
        call = await peer.submit("x")
        await far.send(UNREAD)
        with pytest.raises(RpcError, match=r"x: recursion limit.*unread") as caught:
            await call.result()
        assert caught.value.code == -32700
        assert trio.current_time() == UNREAD_TIMEOUT
        assert peer.pending_calls == 0


async def test_only_a_call_that_may_be_unread_is_failed(autojump_clock) -> None:
    """Not one that was issued before an answered one, nor one that is answered soon."""
    async with connected() as (peer, far):
        slow, answered, unread, prompt = [
            await peer.submit(name) for name in ("slow", "answered", "unread", "prompt")
        ]
        await far.send(Response(2, "a"), UNREAD, Response(4, "p"))
        with pytest.raises(RpcError):
            await unread.result()
        later = await peer.submit("later")
        await far.send(Response(5, "l"), Response(1, "s"), Response(3, "late"))
        calls = (slow, answered, prompt, later)
        assert [await call.result() for call in calls] == ["s", "a", "p", "l"]
        sent = [await far.receive() for _ in range(6)]
        assert cancel_request(3) in sent


async def test_an_unread_message_that_was_no_call_wakes_nobody(autojump_clock) -> None:
    async with connected() as (peer, far):
        await far.send(UNREAD)
        await trio.sleep(UNREAD_TIMEOUT / 2)
        call = await peer.submit("x")
        await trio.sleep(UNREAD_TIMEOUT)
        await far.send(Response(1, "y"))
        assert await call.result() == "y"


async def test_an_answer_that_cannot_be_sent_costs_that_answer_alone(caplog) -> None:
    async def respond(method: str, params: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return object()

    async with connected(respond) as (peer, far):
        await far.send(Request(1, "x", None))
        answer = await far.receive()
        assert (answer.id, answer.code) == (1, -32603)
        assert "TypeError" in answer.message
        await peer.submit("good")
    assert "The answer to x cannot be sent" in caplog.text


async def test_notifications_come_in_order() -> None:
    async with connected() as (_, far):
        await far.send(*(Notification("event", n) for n in range(50)))
        await trio.testing.wait_all_tasks_blocked()

    assert far.notified == [("event", n) for n in range(50)]


async def test_requests_of_the_peer_are_served_side_by_side() -> None:
    both = trio.Event()
    running: list[str] = []

    async def respond(method: str, params: Any) -> Any:
        running.append(method)
        if len(running) == 2:
            both.set()
        await both.wait()
        return [method, params]

    async with connected(respond) as (_, far):
        await far.send(Request(1, "a", 1), Request("two", "b", None))
        answers = [await far.receive(), await far.receive()]

    assert sorted(answers, key=str) == sorted(
        [Response(1, ["a", 1]), Response("two", ["b", None])], key=str
    )


async def test_what_is_not_served_is_refused() -> None:
    async with connected() as (_, far):
        await far.send(Request(7, "hooks.invoke", {}))
        assert await far.receive() == ErrorResponse(7, -32601, "no hooks.invoke", None)


async def test_a_handler_that_fails_is_answered_and_not_swallowed() -> None:
    async def respond(method: str, params: Any) -> Any:
        raise LookupError("bug")

    with pytest.raises(LookupError, match="bug"):
        async with connected(respond) as (_, far):
            await far.send(Request(1, "x", None))
            answer = await far.receive()
            assert (answer.id, answer.code) == (1, -32603)
            assert answer.message == "The handler failed: LookupError"
            await trio.sleep_forever()


async def test_the_peer_can_cancel_its_request() -> None:
    async def respond(method: str, params: Any) -> Any:
        await trio.sleep_forever()

    async with connected(respond) as (_, far):
        await far.send(Request(1, "x", None))
        await trio.testing.wait_all_tasks_blocked()
        await far.send(
            Notification("$/cancelRequest", {"id": 99}),
            Notification("$/cancelRequest", {"id": 1}),
        )
        answer = await far.receive()

    assert (answer.id, answer.code) == (1, -32800)


async def test_an_id_that_is_open_already_is_a_fault_of_the_peer() -> None:
    async def respond(method: str, params: Any) -> Any:
        await trio.sleep_forever()

    async with connected(respond) as (peer, far):
        await far.send(Request(1, "x", None), Request(1, "x", None))
        with pytest.raises(ProtocolError):
            await peer.request("y")


async def close(far: Far) -> None:
    await far.stream.aclose()


async def say_nonsense(far: Far) -> None:
    await far.stream.send_all(b"Traceback (most recent call last):\n")


async def break_off(far: Far) -> None:
    await far.stream.send_all(b"Content-Length: 99\r\n\r\n{")
    await far.stream.aclose()


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (close, CliExitedError),
        (say_nonsense, ProtocolError),
        (break_off, CliExitedError),
    ],
)
async def test_the_end_wakes_every_waiter_in_every_task(end: Any, error: Any) -> None:
    errors: list[CopilotError] = []

    async def wait(peer: Peer) -> None:
        with pytest.raises(error) as caught:
            await peer.request("x")
        errors.append(caught.value)

    async with connected() as (peer, far):
        submitted = await peer.submit("y")
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(wait, peer)
            await trio.testing.wait_all_tasks_blocked()
            await end(far)
        assert submitted.failed
        with pytest.raises(error):
            await submitted.result()
        with pytest.raises(error):
            await peer.request("too late")
        assert peer.submit_nowait("owed").failed
        assert isinstance(peer.end, error)

    assert len({id(e) for e in errors}) == 5
    assert len(far.ends) == 1


async def test_a_peer_that_stops_listening_leaves_nobody_waiting() -> None:
    def half_deaf() -> Any:
        near, far = trio.testing.memory_stream_pair()
        assert isinstance(far, trio.StapledStream)

        async def deaf() -> None:
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError

        assert isinstance(near, trio.StapledStream)
        near.send_stream.send_all_hook = deaf
        return near, far

    async with connected(streams=half_deaf) as (peer, _):
        with pytest.raises(CliExitedError):
            await peer.request("x")


async def test_leaving_writes_what_was_issued_and_wakes_who_waits() -> None:
    errors: list[type[CopilotError]] = []

    async def wait() -> None:
        try:
            await peer.request("waits")
        except CopilotError as error:
            errors.append(type(error))

    async with trio.open_nursery() as nursery:
        async with connected() as (peer, far):
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await peer.submit("last words")
        assert (await far.receive()).method == "waits"
        assert (await far.receive()).method == "last words"

    assert errors == [ClientClosedError]
    assert [type(e) for e in far.ends] == [ClientClosedError]


async def test_a_peer_that_does_not_read_cannot_hold_leaving_up(autojump_clock) -> None:
    async with connected(streams=trio.testing.lockstep_stream_pair) as (peer, _):
        await peer.submit("never read")
        start = trio.current_time()

    assert trio.current_time() - start == pytest.approx(1)


async def test_no_cancelled_caller_ever_tears_a_frame(autojump_clock) -> None:
    """Over a stream that takes few bytes at a time, callers cancelled at random."""
    chance = random.Random(5)
    requests: list[Request] = []

    async def call(peer: Peer) -> None:
        with trio.move_on_after(chance.random()):
            await trio.sleep(chance.random() / 2)
            await peer.request("x", "long " * 50)

    async def read(far: Far) -> None:
        while True:
            far.decoder.feed(await far.stream.receive_some(chance.randint(1, 40)))
            while (body := far.decoder.next_frame()) is not None:
                message = decode_message(body)
                if isinstance(message, Request):
                    requests.append(message)
            await trio.sleep(0.001)

    async with connected(streams=trio.testing.lockstep_stream_pair) as (peer, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, far)
            async with trio.open_nursery() as callers:
                for _ in range(100):
                    callers.start_soon(call, peer)
            await peer.flush()
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    assert [r.id for r in requests] == list(range(1, len(requests) + 1))
    assert 50 < len(requests) < 100  # some were cancelled before, most after
    far.decoder.feed(b"")
    assert far.decoder.next_frame() is None  # it would raise if the last one was torn
