"""The text of a turn in chunks that can be shown: lines, paragraphs or sentences.

Strategy: `Chunker` takes text in any pieces and returns it in chunks; it knows neither
turns nor clocks. Where a chunk ends depends on the text alone, never on how it was cut
into deltas. `TextChunks` feeds it from a turn, and flushes an unfinished chunk that has
waited long enough. No character is changed, lost or returned twice.
"""

from __future__ import annotations

import inspect
import math
import os.path
import re
import unicodedata
from collections.abc import Awaitable, Callable

import attrs
import trio

from .._checks import seconds
from .._errors import CopilotError
from .turn_events import Correction, Retry, TextDelta, TurnEvent

_BLANKS = " \t\r\n"
_CLOSERS = "\"'”’»)]}*_`」』）\ufe0e\ufe0f"  # noqa: RUF001  # these are meant
_STOPS, _WIDE_STOPS = ".!?…", "。！？"  # noqa: RUF001  # likewise


@attrs.frozen
class _Rule:
    end: re.Pattern[str]
    """Matches the end of a chunk, and the character after it where that decides."""
    end_begins_with: str = ""
    """Characters that an end may begin with: those at the end of the text wait for more."""
    may_be_blank: bool = False


_EMPTY_LINE = r"\n[ \t\r]*\n"
_AFTER_STOP = f"[{re.escape(_CLOSERS)}]*"
_RULES = {
    "line": _Rule(re.compile(r"\n"), may_be_blank=True),
    "paragraph": _Rule(re.compile(_EMPTY_LINE), _BLANKS),
    "sentence": _Rule(
        re.compile(
            f"[{_STOPS}]{_AFTER_STOP}[{_BLANKS}]"
            f"|[{_WIDE_STOPS}]{_AFTER_STOP}(?=[^{_WIDE_STOPS}{re.escape(_CLOSERS)}])"
            f"|{_EMPTY_LINE}"
        ),
        _STOPS + _WIDE_STOPS + _CLOSERS + _BLANKS,
    ),
}
_JOINER = "\u200d"
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")
_NOT_BLANK = re.compile(rf"[^{_BLANKS}]|\Z")


def _rule(by: str) -> _Rule:
    if by not in _RULES:
        raise ValueError(f"by is one of {', '.join(_RULES)}, not {by!r}")
    return _RULES[by]


def _latency(max_latency: float | None) -> float:
    return seconds("max_latency", max_latency)


@attrs.define
class Chunker:
    """Takes text in pieces and returns it in chunks."""

    _rule: _Rule = attrs.field(converter=_rule)
    _text: str = attrs.field(default="", init=False)
    _start: int = attrs.field(default=0, init=False)
    """Everything before this position has been returned."""
    _searched: int = attrs.field(default=0, init=False)
    """No end of a chunk begins before this position."""

    @property
    def waiting(self) -> int:
        """How many characters wait for the end of their chunk."""
        return len(self._text) - self._start

    def feed(self, text: str) -> None:
        """Take the next text."""
        # What was returned is cut off `_text`, so positions in it move.
        self._searched = max(0, self._searched - self._start)
        self._text = self._text[self._start :] + text
        self._start = 0

    def next_chunk(self) -> str | None:
        """Return the next whole chunk; `None` if more text is needed."""
        begin = self._start
        if not self._rule.may_be_blank:
            not_blank = _NOT_BLANK.search(self._text, begin)
            assert not_blank is not None  # the end of the text matches
            begin = not_blank.start()
        match = self._rule.end.search(self._text, max(begin, self._searched))
        if match is None:
            # The end may have begun with the last characters: search them again.
            self._searched = len(self._text.rstrip(self._rule.end_begins_with))
            return None
        return self._give(match.end())

    def flush(self) -> str:
        """Return what waits, except a last character that is visibly unfinished."""
        return self._give(_end_of_characters(self._text, self._start))

    def rest(self) -> str:
        """Return all that waits."""
        return self._give(len(self._text))

    def take_back(self, text: str) -> str:
        """Drop the text that was fed last; return the part that had been returned."""
        waiting = self._text[self._start :]
        kept = max(0, len(waiting) - len(text))
        self._text, self._start, self._searched = waiting[:kept], 0, 0
        return text[: max(0, len(text) - len(waiting))]

    def _give(self, end: int) -> str:
        given, self._start = self._text[self._start : end], end
        return given


@attrs.define(eq=False)
class TextChunks:
    """The main agent's text of one turn in chunks; made by `Turn.text_chunks`."""

    _next_event: Callable[[], Awaitable[TurnEvent]]
    _chunker: Chunker = attrs.field(converter=Chunker)
    _max_latency: float = attrs.field(converter=_latency)
    _on_retry: Callable[[str], object] | None
    _separator: str = attrs.field(default="", init=False)
    """What was fed before the newest message; void if that message turns out to be."""
    _length: int = attrs.field(default=0, init=False)
    """How many characters of that message were fed."""
    _heard: float = attrs.field(default=-math.inf, init=False)
    """When the last text came."""
    _due: float = attrs.field(default=math.inf, init=False)
    """When the waiting text has waited long enough."""

    def __aiter__(self) -> TextChunks:
        return self

    async def __anext__(self) -> str:
        """Return the next chunk. `Cancelled` loses nothing: the next call returns it."""
        await trio.lowlevel.checkpoint()
        while (chunk := self._chunker.next_chunk()) is None:
            event: TurnEvent | None = None
            with trio.move_on_at(self._due):
                try:
                    event = await self._next_event()
                except (StopAsyncIteration, CopilotError):
                    if self._chunker.waiting:
                        return self._chunker.rest()
                    raise
            if event is not None:
                await self._take(event)
                continue
            self._due = math.inf
            if chunk := self._chunker.flush():
                return chunk
        waits = self._chunker.waiting > 0
        self._due = self._heard + self._max_latency if waits else math.inf
        return chunk

    async def _take(self, event: TurnEvent) -> None:
        match event:
            case TextDelta(agent_id=None, text=text, separator=separator):
                if separator:
                    self._separator, self._length = separator, 0
                self._length += len(text)
                self._chunker.feed(separator + text)
                self._heard = trio.current_time()
                self._due = min(self._due, self._heard + self._max_latency)
            case Retry(dropped_text=void):
                await self._revise(void, "")
            case Correction(agent_id=None, was=was, text=text):
                same = len(os.path.commonprefix([was, text]))  # noqa: RUF071  # their characters
                await self._revise(was[same:], text[same:])
            case _:
                pass

    async def _revise(self, void: str, text: str) -> None:
        """Replace the text that was fed last, `void`, with another."""
        self._length += len(text) - len(void)
        if not self._length:  # the message is gone, and the separator with it
            void, self._separator = self._separator + void, ""
        handed_out = self._chunker.take_back(void)
        self._chunker.feed(text)
        if not self._chunker.waiting:
            self._due = math.inf
        if handed_out and self._on_retry is not None:
            result = self._on_retry(handed_out)
            if inspect.isawaitable(result):
                await result


def _end_of_characters(text: str, start: int) -> int:
    """Return where the last character ends that is whole.

    These wait for their other half: a carriage return for its line feed, a character
    before a joiner (U+200D) for what is joined, the first letter of a flag for the second.
    """
    end = len(text)
    if text.endswith("\r", start):
        return end - 1
    while text.endswith(_JOINER, start, end):
        end -= 1
        while end > start and _extends(text[end - 1]):
            end -= 1
        end = max(start, end - 1)
    flags = _FLAG_LETTERS.search(text, start)
    return end - 1 if flags and len(flags[0]) % 2 else end


def _extends(character: str) -> bool:
    """Whether a character is shown as part of the one before: an accent, a skin tone."""
    return unicodedata.category(character).startswith("M") or (
        "\U0001f3fb" <= character <= "\U0001f3ff"
    )
