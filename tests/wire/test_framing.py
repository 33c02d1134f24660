"""Bytes are cut into frames in any cut, or refused with what was seen."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from trio_copilot._errors import ProtocolError
from trio_copilot._wire.excerpts import EXCERPT_SIZE
from trio_copilot._wire.framing import (
    MAX_FRAME_SIZE,
    MAX_HEADER_SIZE,
    FrameDecoder,
    encode_frame,
)


def frames_of(decoder: FrameDecoder) -> list[bytes]:
    return list(iter(decoder.next_frame, None))


def read_all(pieces, **limits) -> tuple[list[bytes], bool]:
    """Return the frames in `pieces`, and whether the stream was a good one."""
    decoder = FrameDecoder(**limits)
    frames: list[bytes] = []
    try:
        for piece in (*pieces, b""):
            decoder.feed(piece)
            while (frame := decoder.next_frame()) is not None:
                frames.append(frame)
    except ProtocolError:
        return frames, False
    return frames, True


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut `data` at these places; no piece is empty, for that means the end."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    return [piece for piece in pieces if piece]


bodies = st.lists(st.binary(max_size=60), max_size=5)
cuts = st.lists(st.integers(0, 500), max_size=12)
# Mostly things that look like frames, so that more than the first line is tried.
streams = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.binary(max_size=30).map(encode_frame),
        st.sampled_from(
            [
                b"\r\n",
                b"\r",
                b"\n",
                b":",
                b"A: b",
                b"Content-Length: 3\r\n",
                b"\r\n\r\n",
            ]
        ),
    ),
    max_size=8,
).map(b"".join)


@given(bodies, cuts)
def test_any_cut_of_the_bytes_gives_the_same_frames(bodies, cuts):
    stream = b"".join(map(encode_frame, bodies))
    assert read_all(cut(stream, cuts)) == (bodies, True)


@given(bodies, cuts)
def test_it_does_not_matter_how_often_one_looks(bodies, cuts):
    decoder = FrameDecoder()
    for piece in cut(b"".join(map(encode_frame, bodies)), cuts):
        decoder.feed(piece)
    assert frames_of(decoder) == bodies
    assert frames_of(decoder) == []


@given(streams, cuts)
def test_any_cut_of_any_bytes_gives_the_same_frames_and_verdict(stream, cuts):
    limits = {"max_header_size": 40, "max_frame_size": 25}
    assert read_all(cut(stream, cuts), **limits) == read_all([stream][:1], **limits)


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 2",
        b"content-length:2",
        b"CONTENT-LENGTH: \t 2 \t",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2",
        b"Content-Length: 2\r\nX-Trace: a:b, c",
        b"X-Empty:\r\nContent-Length: 002",
        b"Content-Length: 2\r\nContent-Length: 2",
    ],
)
def test_headers_of_these_forms_are_understood(headers):
    assert read_all([headers + b"\r\n\r\n{}"]) == ([b"{}"], True)


@pytest.mark.parametrize(
    ("stream", "seen"),
    [
        (b"Traceback (most recent call last)", "no header.*'Traceback"),
        (b"Error: boom\n    at main (index.js:1)\n", "no header.*boom"),
        (b'{"jsonrpc":"2.0"}\n', "no header.*jsonrpc"),
        (b"\r\n\r\n", "no header"),
        (b"Content-Length : 2\r\n\r\n{}", "no header"),
        (b"Content-Length: 2\n\n{}", "no header"),
        (b"A: b\rc\r\n\r\n", "no header"),
        (b"Content-Type: text/plain\r\n\r\n", "no Content-Length"),
        (b"Content-Length: 2\r\ncontent-length: 3\r\n\r\n", "contradictory"),
        (b"Content-Length: -2\r\n\r\n", "not a number"),
        (b"Content-Length: +2\r\n\r\n", "not a number"),
        (b"Content-Length: 0x2\r\n\r\n", "not a number"),
        (b"Content-Length: 1_0\r\n\r\n", "not a number"),
        (b"Content-Length: \xd9\xa2\r\n\r\n", "not a number"),
        (b"Content-Length:\r\n\r\n", "not a number"),
        (b"Content-Length: " + b"9" * 6000 + b"\r\n\r\n", "not a number"),
        (b"Content-Length: 600000000\r\n\r\n", "600000000 bytes .at most 536870912"),
        (b"A:  " + b"x" * MAX_HEADER_SIZE, "no end of headers within 8192 bytes"),
    ],
)
def test_bytes_that_are_no_frame_are_refused_with_what_was_seen(stream, seen):
    decoder = FrameDecoder()
    decoder.feed(stream)
    with pytest.raises(ProtocolError, match=seen) as caught:
        decoder.next_frame()
    assert len(str(caught.value)) < 5 * EXCERPT_SIZE + 200


@pytest.mark.parametrize(
    ("stream", "seen"),
    [
        (b"Content-Len", r"only 11 byte\(s\) of its headers, then the end"),
        (b"Content-Length: 5\r\n\r\nab", r"only 23 byte\(s\) of 26, then the end"),
    ],
)
def test_an_end_of_stream_within_a_frame_is_an_error(stream, seen):
    decoder = FrameDecoder()
    decoder.feed(stream)
    assert decoder.next_frame() is None
    decoder.feed(b"")
    with pytest.raises(ProtocolError, match=seen):
        decoder.next_frame()


def test_an_end_of_stream_between_frames_is_no_error():
    decoder = FrameDecoder()
    decoder.feed(encode_frame(b"last"))
    decoder.feed(b"")
    assert frames_of(decoder) == [b"last"]
    assert frames_of(decoder) == []
    decoder.feed(b"")  # saying it twice changes nothing
    with pytest.raises(RuntimeError, match="after the end"):
        decoder.feed(b"more")


def test_frames_before_the_error_are_delivered_and_then_the_decoder_is_dead():
    decoder = FrameDecoder()
    decoder.feed(encode_frame(b"good") + b"Segmentation fault\n" + encode_frame(b"x"))
    assert decoder.next_frame() == b"good"
    with pytest.raises(ProtocolError) as first:
        decoder.next_frame()
    for call in (decoder.next_frame, lambda: decoder.feed(b"x")):
        with pytest.raises(ProtocolError) as again:
            call()
        assert again.value is first.value


def test_the_limits_are_inclusive():
    headers = b"Content-Length: 3"
    limits = {"max_header_size": len(headers), "max_frame_size": 3}
    frame = encode_frame(b"abc")
    assert read_all([frame], **limits) == ([b"abc"], True)
    for limit in limits:
        assert read_all([frame], **(limits | {limit: limits[limit] - 1})) == ([], False)


def test_the_decoder_keeps_its_own_copy_of_what_it_was_fed():
    buffer = bytearray(encode_frame(b"mine"))
    decoder = FrameDecoder()
    decoder.feed(buffer)
    buffer[:] = bytes(len(buffer))
    assert decoder.next_frame() == b"mine"


def test_a_body_in_many_pieces_is_copied_a_fixed_number_of_times(monkeypatch):
    """The pieces of a body are joined when it is whole, not once for each of them."""
    joined: list[int] = []
    join = FrameDecoder._join

    def counted_join(decoder: FrameDecoder) -> None:
        joined.append(decoder._unread)
        join(decoder)

    monkeypatch.setattr(FrameDecoder, "_join", counted_join)
    body = bytes(1_000_000)
    pieces = cut(encode_frame(body), list(range(30, 1_000_000, 1000)))
    assert read_all(pieces) == ([body], True)
    assert sum(joined) < 2 * len(body)


def test_the_repr_tells_the_state():
    decoder = FrameDecoder()
    decoder.feed(b"Content")
    assert repr(decoder) == "<FrameDecoder open, 7 byte(s) unread>"
    decoder.feed(b"")
    assert repr(decoder) == "<FrameDecoder at end, 7 byte(s) unread>"
    with pytest.raises(ProtocolError):
        decoder.next_frame()
    assert repr(decoder) == "<FrameDecoder dead, 0 byte(s) unread>"


def test_a_history_of_many_megabytes_is_within_the_limit():
    assert MAX_FRAME_SIZE >= 100 * 2**20
    body = bytes(10 * 2**20)
    assert read_all([encode_frame(body)]) == ([body], True)
