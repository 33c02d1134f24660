"""The text of a turn in chunks that can be shown: lines, paragraphs or sentences.

Strategy: `Chunker` takes text as it comes and gives it out in chunks; it knows neither
turns nor clocks. Where a chunk ends depends on the text alone, never on how it was cut
into deltas. `TextChunks` feeds it from a turn, and gives out what waits when that has
waited long enough. No character is changed, lost or given twice.
"""

from __future__ import annotations

import inspect
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable

import attrs
import trio

from .._errors import CopilotError
from .turn_events import Correction, Retry, TextDelta, TurnEvent

_BLANKS = " \t\r\n"
_CLOSERS = "\"'”’»)]}*_`」』）\ufe0e\ufe0f"  # noqa: RUF001  # they are what is meant
_STOPS, _WIDE_STOPS = ".!?…", "。！？"  # noqa: RUF001  # likewise


@attrs.frozen
class _Rule:
    end: re.Pattern[str]
    """Matches the end of a chunk, with one character behind it where that decides."""
    end_begins_with: str = ""
    """Characters that an end may begin with, so that the search goes back for them."""
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


def _limit(max_latency: float | None) -> float:
    if max_latency is None:
        return math.inf
    if not max_latency >= 0:
        raise ValueError(f"max_latency must not be negative, and is {max_latency!r}")
    return max_latency


@attrs.define
class Chunker:
    """Text goes in as it comes and out in chunks."""

    _rule: _Rule = attrs.field(converter=_rule)
    _text: str = attrs.field(default="", init=False)
    _start: int = attrs.field(default=0, init=False)
    """What is before was given out."""
    _searched: int = attrs.field(default=0, init=False)
    """No end of a chunk begins before."""

    @property
    def waiting(self) -> int:
        """How many characters wait for the end of their chunk."""
        return len(self._text) - self._start

    def feed(self, text: str) -> None:
        """Take the next text."""
        self._searched = max(0, self._searched - self._start)
        self._text = self._text[self._start :] + text
        self._start = 0

    def next_chunk(self) -> str | None:
        """Return the next whole chunk; `None` if more text is needed."""
        match = self._rule.end.search(self._text, max(self._begin(), self._searched))
        if match is None:
            self._searched = len(self._text.rstrip(self._rule.end_begins_with))
            return None
        return self._give(match.end())

    def flush(self) -> str:
        """Return what waits, but for a last character that is visibly unfinished."""
        return self._give(_end_of_characters(self._text, self._start))

    def rest(self) -> str:
        """Return all that waits."""
        return self._give(len(self._text))

    def take_back(self, text: str) -> str:
        """The text that was fed last is void: return as much of it as was given out."""
        waiting = self._text[self._start :]
        kept = max(0, len(waiting) - len(text))
        self._text, self._start, self._searched = waiting[:kept], 0, 0
        return text[: max(0, len(text) - len(waiting))]

    def _begin(self) -> int:
        if self._rule.may_be_blank:
            return self._start
        match = _NOT_BLANK.search(self._text, self._start)
        assert match is not None  # the end of the text matches
        return match.start()

    def _give(self, end: int) -> str:
        given, self._start = self._text[self._start : end], end
        return given


@attrs.define(eq=False)
class TextChunks:
    """The main agent's text of one turn in chunks; made by `Turn.text_chunks`."""

    _next_event: Callable[[], Awaitable[TurnEvent]]
    _chunker: Chunker = attrs.field(converter=Chunker)
    _max_latency: float = attrs.field(converter=_limit)
    _on_retry: Callable[[str], object] | None
    _separator: str = attrs.field(default="", init=False)
    """What stands before the message that was fed last, while that is void if it is."""
    _length: int = attrs.field(default=0, init=False)
    """How many characters were fed behind it."""
    _heard: float = attrs.field(default=-math.inf, init=False)
    """When the last text came."""
    _due: float = attrs.field(default=math.inf, init=False)
    """When what waits has waited long enough."""

    def __aiter__(self) -> TextChunks:
        return self

    async def __anext__(self) -> str:
        """Return the next chunk. `Cancelled` loses nothing: the next call has it."""
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
            elif chunk := self._flush():
                return chunk
        waits = self._chunker.waiting > 0
        self._due = self._heard + self._max_latency if waits else math.inf
        return chunk

    def _flush(self) -> str:
        self._due = math.inf
        return self._chunker.flush()

    async def _take(self, event: TurnEvent) -> None:
        match event:
            case TextDelta(agent_id=None):
                self._feed(event)
            case Retry(dropped_text=void):
                await self._revise(void, "")
            case Correction(agent_id=None, was=was, text=text):
                same = _same_start(was, text)
                await self._revise(was[same:], text[same:])
            case _:
                pass

    def _feed(self, delta: TextDelta) -> None:
        if delta.separator:
            self._separator, self._length = delta.separator, 0
        self._length += len(delta.text)
        self._chunker.feed(delta.separator + delta.text)
        self._heard = trio.current_time()
        self._due = min(self._due, self._heard + self._max_latency)

    async def _revise(self, void: str, text: str) -> None:
        """Put another text in the place of what was fed last."""
        self._length += len(text) - len(void)
        if not self._length:  # no message is left for the separator to stand before
            void, self._separator = self._separator + void, ""
        given = self._chunker.take_back(void)
        self._chunker.feed(text)
        if not self._chunker.waiting:
            self._due = math.inf
        if given and self._on_retry is not None:
            result = self._on_retry(given)
            if inspect.isawaitable(result):
                await result


def _same_start(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _end_of_characters(text: str, start: int) -> int:
    """Return where the last character ends that need not wait for its other half.

    Such a half is a carriage return before its line feed, what a joiner (U+200D) joins
    to something, and the first letter of a flag.
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
    """Whether it is shown as part of the one before: accents, shades of an emoji."""
    return unicodedata.category(character).startswith("M") or (
        "\U0001f3fb" <= character <= "\U0001f3ff"
    )
