"""What goes out without waiting, and what does not fit."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_copilot._peer.writer import Writer
from trio_copilot._transport.pipes import (
    PIPE_SIZE,
    PipeStream,
    ReadingInterrupted,
    as_stream,
    interrupt_reading,
    read_some,
    widen,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes of Linux")


class Pair:
    """A stream over two pipes, and the ends that the process would have."""

    def __init__(self) -> None:
        self.stdin, ours_out = os.pipe()
        ours_in, self.stdout = os.pipe()
        self.incoming = trio.lowlevel.FdStream(ours_in)
        stream = as_stream(trio.lowlevel.FdStream(ours_out), self.incoming)
        assert isinstance(stream, PipeStream)
        self.stream = stream


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    async with pair.stream:
        yield pair
    for fd in (pair.stdin, pair.stdout):
        os.close(fd)


async def test_what_fits_is_there_at_once(pair: Pair) -> None:
    assert pair.stream.send_nowait(b"abc") == 3
    assert os.read(pair.stdin, 9) == b"abc"


async def test_a_full_pipe_takes_a_part_or_nothing(pair: Pair) -> None:
    data = bytes(1024 * 1024)

    taken = pair.stream.send_nowait(data)
    assert 0 < taken < len(data)
    assert pair.stream.send_nowait(data) == 0


async def test_nothing_can_be_sent_to_a_closed_stream(pair: Pair) -> None:
    await pair.stream.aclose()

    assert pair.stream.send_nowait(b"abc") == 0
    with pytest.raises(trio.ClosedResourceError):
        await pair.stream.send_all(b"abc")


async def test_an_incoming_pipe_can_hold_more(pair: Pair) -> None:
    widen(pair.incoming)

    size = fcntl.fcntl(pair.incoming.fileno(), fcntl.F_GETPIPE_SZ)
    assert size == PIPE_SIZE


async def test_frames_go_out_whole_and_in_order_however_full_the_pipe_is(
    pair: Pair,
) -> None:
    """Some go at once, some wait for the writer, and one is cut between the two."""
    frames = [bytes([number % 256]) * (number * 37 % 9000 + 1) for number in range(300)]
    wanted = b"".join(frames)
    writer = Writer(pair.stream)
    got = bytearray()
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            for frame in frames:
                writer.peer_spoke()
                writer.put_nowait(frame)
                if len(frame) % 7 == 0:
                    await trio.lowlevel.checkpoint()
            while len(got) < len(wanted):
                await trio.lowlevel.wait_readable(pair.stdin)
                got += os.read(pair.stdin, 5000)
            await writer.flush()
            nursery.cancel_scope.cancel()

    assert got == wanted
    assert writer.bytes_written == len(wanted)


async def test_the_first_frame_after_an_answer_goes_alone_and_the_others_together(
    pair: Pair,
) -> None:
    writer = Writer(pair.stream)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            for _ in range(2):
                for frame in (b"a", b"b", b"c"):
                    writer.put_nowait(frame)
                assert os.read(pair.stdin, 9) == b"a"
                await trio.lowlevel.wait_readable(pair.stdin)
                assert os.read(pair.stdin, 9) == b"bc"
                await writer.flush()
                writer.peer_spoke()
            nursery.cancel_scope.cancel()


async def test_what_comes_in_is_read_when_it_is_there_and_the_end_is_told(
    pair: Pair,
) -> None:
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def write_later() -> None:
                await trio.testing.wait_all_tasks_blocked()
                os.write(pair.stdout, b"abc")

            assert await read_some(pair.incoming, 2) == b"ab"
        assert await read_some(pair.incoming, None) == b"c"
        os.close(pair.stdout)
        pair.stdout = os.dup(pair.stdin)  # for the fixture to close
        assert await read_some(pair.incoming, 9) == b""


async def test_a_reader_of_a_pipe_that_is_closed_is_told(pair: Pair) -> None:
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def close_later() -> None:
                await trio.testing.wait_all_tasks_blocked()
                await pair.stream.aclose()

            with pytest.raises(trio.ClosedResourceError):
                await read_some(pair.incoming, 9)


async def test_reading_can_be_interrupted_and_goes_on(pair: Pair) -> None:
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def interrupt_later() -> None:
                await trio.testing.wait_all_tasks_blocked()
                interrupt_reading(pair.incoming)

            with pytest.raises(ReadingInterrupted):
                await read_some(pair.incoming, 9)
        os.write(pair.stdout, b"abc")
        assert await read_some(pair.incoming, 9) == b"abc"
        await pair.stream.aclose()
        interrupt_reading(pair.incoming)  # harmless
