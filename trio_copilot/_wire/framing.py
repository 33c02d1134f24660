r"""Cuts a stream of bytes into frames, and makes frames.

A frame is a block of headers, of which only Content-Length matters, a blank line, and
that many bytes::

    Content-Length: 17\r\n
    \r\n
    {"jsonrpc":"2.0"}

Strategy: `feed` only stores, `next_frame` only looks. Input is kept as a list of pieces
until there is enough to be worth looking at, then joined once: every byte is copied a
fixed number of times, whatever the size of its frame and however the stream was cut. A
block of headers is checked before it is complete, because a CLI that prints a stack
trace to stdout may never send the blank line that would end one.

This module does not know what a body contains.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

from .._errors import ProtocolError
from .excerpts import excerpt

MAX_HEADER_SIZE = 8 * 1024
"""Bytes in a block of headers; the CLI sends about 25, HTTP servers allow as many."""

MAX_FRAME_SIZE = 512 * 1024 * 1024
"""Bytes in a body: a bound against a broken length, not against an honest peer.

After every model call the CLI sends the whole history in one frame
(`model.messages_snapshot`), which is many megabytes in a long session.
"""

_END = b"\r\n\r\n"
_LINE = rb"[!-9;-~]++:[^\r\n]*+"
_COMPLETE_LINE = re.compile(_LINE)
# What can still become a block of headers: whole lines and the beginning of another.
# No group is possessive: Python 3.11.2 matches possessive groups incorrectly.
_UNFINISHED = re.compile(
    rb"(?:%b\r\n)*(?:[!-9;-~]++(?::[^\r\n]*+\r?)?)?|(?:%b\r\n)+\r" % (_LINE, _LINE)
)
# Fifteen digits exceed any limit; Python refuses to convert thousands.
_LENGTH = re.compile(rb"[0-9]{1,15}")


class FrameDecoder:
    """Turns bytes, cut anywhere, into the bodies of frames.

    `feed` it everything that was read, then call `next_frame` until it returns `None`.
    After a `ProtocolError` nobody knows where the next frame begins, so the decoder is
    dead: it keeps nothing, and every further call raises the same error.
    """

    def __init__(
        self,
        *,
        max_header_size: int = MAX_HEADER_SIZE,
        max_frame_size: int = MAX_FRAME_SIZE,
    ) -> None:
        """Make a decoder at the start of a stream.

        Args:
          max_header_size: the longest block of headers to accept, in bytes.
          max_frame_size: the longest body to accept, in bytes.
        """
        self._max_header_size = max_header_size
        self._max_frame_size = max_frame_size
        self._buffer = b""
        self._start = 0  # where the unread part of the buffer begins
        self._pieces: list[bytes] = []  # fed, not yet joined to the buffer
        self._frames: deque[bytes] = deque()  # cut, not yet taken
        self._unread = 0  # bytes in the buffer and in the pieces
        self._wanted = 1  # with fewer unread bytes, looking is pointless
        self._at_end = False
        self._error: ProtocolError | None = None

    def __repr__(self) -> str:
        state = "dead" if self._error else "at end" if self._at_end else "open"
        return f"<FrameDecoder {state}, {self._unread} byte(s) unread>"

    def feed(self, data: bytes | bytearray) -> None:
        """Store what was read; `b""` marks the end of the stream.

        Raises:
          ProtocolError: the decoder is dead.
          RuntimeError: there were bytes after the end of the stream: a caller's mistake.
        """
        self._raise_if_dead()
        if not data:
            self._at_end = True
            return
        if self._at_end:
            raise RuntimeError("feed() was called with bytes after the end of stream")
        self._pieces.append(bytes(data))
        self._unread += len(data)

    def next_frame(self) -> bytes | None:
        """Return the body of the next frame, or `None` when more bytes are needed.

        Raises:
          ProtocolError: the input is not a frame, or ended within one; the error shows
              how it starts.
        """
        if not self._frames:
            self._cut()
        return self._frames.popleft() if self._frames else None

    def next_frames(self) -> list[bytes]:
        """Return the bodies of all complete frames; if there are none, feed more.

        Like `next_frame`, but many times faster for small frames. Frames before a fault
        in the stream are returned first.
        """
        if not self._frames:
            self._cut()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def _cut(self) -> None:
        """Cut all complete frames; raise if a fault comes before the first of them."""
        if self._unread >= self._wanted:
            with suppress(ProtocolError):  # kept, and raised once the frames are taken
                self._cut_frames()
        if self._frames:
            return
        self._raise_if_dead()
        if self._at_end and self._unread:
            expected = "its headers" if self._wanted == 1 else self._wanted
            self._fail(f"only {self._unread} byte(s) of {expected}, then the end")

    def _cut_frames(self) -> None:
        if self._pieces:
            self._join()
        self._wanted = 1
        try:
            self._cut_whole_frames()
        except ValueError as reason:
            self._fail(str(reason))
        if self._unread and self._wanted == 1:  # within the headers
            if self._unread >= self._max_header_size + len(_END):
                self._fail(f"no end of headers within {self._max_header_size} bytes")
            if not _UNFINISHED.fullmatch(self._buffer, self._start):
                self._fail("no header")

    def _join(self) -> None:
        if self._start < len(self._buffer):  # joining one piece alone copies nothing
            self._pieces.insert(0, self._buffer[self._start :])
        self._buffer, self._start = b"".join(self._pieces), 0
        self._pieces.clear()

    def _cut_whole_frames(self) -> None:
        """Cut all but an unfinished end; ValueError: what is wrong with the next frame."""
        # Locals, and one loop: this runs for every event.
        buffer, start, size = self._buffer, self._start, len(self._buffer)
        longest, limit = self._max_header_size + len(_END), self._max_frame_size
        keep = self._frames.append
        try:
            while start < size:
                end = buffer.find(_END, start, start + longest)
                if end < 0:
                    break
                body = end + len(_END)
                stop = body + _content_length(buffer[start:end])
                if stop > body + limit:
                    length = stop - body
                    raise ValueError(f"a body of {length} bytes (at most {limit})")
                if stop > size:
                    self._wanted = stop - start
                    break
                keep(buffer[body:stop])
                start = stop
        finally:
            self._start, self._unread = start, size - start

    def _fail(self, seen: str) -> NoReturn:
        self._error = ProtocolError(
            f"Expected a frame with a Content-Length header, got {seen}. "
            f"It starts with {excerpt(self._buffer[self._start :])}"
        )
        self._pieces.clear()
        self._buffer, self._start, self._unread = b"", 0, 0
        raise self._error from None

    def _raise_if_dead(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)


@lru_cache(maxsize=1024)  # lengths repeat: this halves the cost of a small frame
def _content_length(headers: bytes) -> int:
    """Return the length in a complete block of headers; ValueError: what is wrong."""
    lengths: set[int] = set()
    for line in headers.split(b"\r\n"):
        if not _COMPLETE_LINE.fullmatch(line):
            raise ValueError("no header")
        name, _, value = line.partition(b":")
        if name.lower() != b"content-length":
            continue
        value = value.strip(b" \t")
        if not _LENGTH.fullmatch(value):
            raise ValueError("a Content-Length that is not a number")
        lengths.add(int(value))
    if len(lengths) != 1:
        wrong = "contradictory Content-Lengths" if lengths else "no Content-Length"
        raise ValueError(wrong)
    return lengths.pop()


def encode_frame(body: bytes) -> bytes:
    """Return `body` as one frame, ready to be written."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
