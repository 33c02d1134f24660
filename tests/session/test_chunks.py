"""Text in chunks: nothing is changed, and where a chunk ends depends on the text alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from tests.depth import DEPTH
from trio_copilot import (
    CliExitedError,
    Message,
    Retry,
    TextDelta,
    TurnEvent,
)
from trio_copilot._session.chunks import Chunker, TextChunks

from .events import event

UNITS = ["line", "paragraph", "sentence"]
SOURCE = event("x")

# Texts in which every rule has something to do.
PIECES = [
    *(
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "\t",
        ".",
        "! ",
        "?",
        "…",
        '"',
        ")",
        "。",
        "」",
        "1.5",
    ),
    *("word", "é", "e\u0301", "👩‍👩‍👧", "🇩🇪", "👍🏽", "\u200d", "\u2028"),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)


@st.composite
def cut_texts(draw: st.DrawFn) -> list[str]:
    """A text, cut anywhere."""
    text = draw(texts)
    places = draw(st.lists(st.integers(0, len(text)), max_size=12))
    ends = [0, *sorted(places), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(ends)]


def chunked(by: str, pieces: list[str]) -> list[str]:
    """All chunks of a text that is fed piece by piece; the last may be unfinished."""
    chunker, chunks = Chunker(by), list[str]()
    for piece in pieces:
        chunker.feed(piece)
        while (chunk := chunker.next_chunk()) is not None:
            chunks.append(chunk)
    return [*chunks, rest] if (rest := chunker.rest()) else chunks


@pytest.mark.parametrize("by", UNITS)
@given(pieces=cut_texts())
@settings(max_examples=100 * DEPTH)
def test_chunks_are_the_text_wherever_it_was_cut(by: str, pieces: list[str]) -> None:
    text = "".join(pieces)

    chunks = chunked(by, pieces)

    assert "".join(chunks) == text
    assert chunks == chunked(by, [text])
    assert chunks == chunked(by, list(text))


@given(pieces=cut_texts())
def test_a_line_ends_at_a_line_feed_and_nowhere_else(pieces: list[str]) -> None:
    *whole, last = [line + "\n" for line in "".join(pieces).split("\n")]

    assert chunked("line", pieces) == [*whole, *([last[:-1]] if last[:-1] else [])]


@pytest.mark.parametrize(
    ("by", "chunks"),
    [
        ("line", ["a\r\n", "\n", "b"]),
        ("paragraph", ["# a\ntext\n\n", "\n\nb\nc\n \t\r\n", "d\n"]),
        ("sentence", ["So (“what?”) ", "1.5 … ", "Or e.g.this! ", " A list:\n\n", "x"]),
        ("sentence", ["彼は「行く。」", "と言った。", "はい！？", "では。"]),  # noqa: RUF001  # wide
    ],
)
def test_what_a_chunk_is(by: str, chunks: list[str]) -> None:
    assert chunked(by, ["".join(chunks)]) == chunks


@pytest.mark.parametrize("by", UNITS)
def test_long_text_without_an_end_is_searched_once(by: str) -> None:
    """Each search begins where the last one ended, except for the end of a word."""
    chunker = Chunker(by)
    for fed in range(1000):
        chunker.feed("word ")
        assert chunker.next_chunk() is None
        assert chunker._searched >= 5 * fed + 4


@given(pieces=cut_texts(), data=st.data())
def test_what_is_taken_back_was_given_out_or_waits(
    pieces: list[str], data: st.DataObject
) -> None:
    """The text of a failed model call is dropped, unless it has been handed out."""
    settled = data.draw(st.integers(0, len(pieces)))
    chunker, given_out = Chunker("line"), ""
    for piece in pieces:
        chunker.feed(piece)
        given_out += chunker.next_chunk() or ""
    void = "".join(pieces[settled:])

    shown_in_vain = chunker.take_back(void)

    assert void.startswith(shown_in_vain)
    assert given_out.endswith(shown_in_vain)
    kept = given_out.removesuffix(shown_in_vain) + chunker.rest()
    assert kept == "".join(pieces[:settled])


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [
        ("half a wor", "half a wor"),
        ("flag 🇩", "flag "),
        ("flags 🇩🇪🇫", "flags 🇩🇪"),
        ("flag 🇩🇪", "flag 🇩🇪"),
        ("family 👩\u200d", "family "),
        ("family 👩🏽\u200d❤\ufe0f\u200d", "family "),
        ("family 👩\u200d👧", "family 👩\u200d👧"),
        ("line\r", "line"),
        ("\u200d", ""),
    ],
)
def test_no_character_is_halved_for_a_latency(waiting: str, shown: str) -> None:
    chunker = Chunker("line")
    chunker.feed(waiting)

    assert chunker.flush() == shown
    assert chunker.flush() + chunker.rest() == waiting.removeprefix(shown)


@given(pieces=cut_texts())
def test_flushing_at_any_moment_changes_nothing(pieces: list[str]) -> None:
    chunker, shown = Chunker("paragraph"), ""
    for piece in pieces:
        chunker.feed(piece)
        shown += chunker.next_chunk() or ""
        shown += chunker.flush()

    assert shown + chunker.rest() == "".join(pieces)


# -- of a turn


def piece(text: str, agent_id: str | None = None) -> TextDelta:
    return TextDelta(text=text, agent_id=agent_id, source=SOURCE)


def retry(void: str) -> Retry:
    return Retry(kind="rate_limit", dropped_text=void, source=SOURCE)


class Happening:
    """What a turn would yield: events, each so many seconds after the one before."""

    def __init__(
        self, *events: tuple[float, TurnEvent], end: Exception | None = None
    ) -> None:
        self._events: Iterator[tuple[float, TurnEvent]] = iter(events)
        self._next: tuple[float, TurnEvent] | None = None
        self._now = trio.current_time()
        self._end = end or StopAsyncIteration()

    async def __call__(self) -> TurnEvent:
        """As `Turn.__anext__`: `Cancelled` loses none."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._next is None:
            self._next = next(self._events, None)
        if self._next is None:
            raise self._end
        delay, item = self._next
        await trio.sleep_until(self._now + delay)
        self._now, self._next = self._now + delay, None
        return item


def chunks_of(
    happening: Happening,
    *,
    by: str = "line",
    max_latency: float | None = None,
    on_retry: Callable[[str], object] | None = None,
) -> TextChunks:
    return TextChunks(happening, by, max_latency, on_retry)


async def timed(chunks: TextChunks) -> list[tuple[float, str]]:
    start = trio.current_time()
    return [(round(trio.current_time() - start, 3), chunk) async for chunk in chunks]


async def test_text_waits_no_longer_than_it_may(autojump_clock: object) -> None:
    """Also while nothing comes, and counted from the oldest of what waits."""
    happening = Happening(
        (0, piece("a")), (0.3, piece("b")), (0.3, piece("c\nd")), (9, piece("e"))
    )

    shown = await timed(chunks_of(happening, max_latency=0.5))

    assert shown == [(0.5, "ab"), (0.6, "c\n"), (1.1, "d"), (9.6, "e")]


async def test_without_a_latency_nothing_but_whole_chunks_comes(
    autojump_clock: object,
) -> None:
    happening = Happening((0, piece("a")), (60, piece("b\nc\nd")), (60, piece("e")))

    assert await timed(chunks_of(happening)) == [(60, "ab\n"), (60, "c\n"), (120, "de")]


async def test_only_the_main_agent_is_shown(autojump_clock: object) -> None:
    message = Message(text="a\nb", source=SOURCE)
    happening = Happening(
        (0, piece("a\n")), (0, piece("x\n", "helper")), (0, piece("b")), (0, message)
    )

    assert [chunk async for chunk in chunks_of(happening)] == ["a\n", "b"]


async def test_half_a_flag_waits_for_the_other_half(autojump_clock: object) -> None:
    happening = Happening((0, piece("go 🇩")), (5, piece("🇪")), (5, piece("!")))

    shown = await timed(chunks_of(happening, max_latency=1))

    assert shown == [(1, "go "), (6, "🇩🇪"), (10, "!")]


async def test_what_was_not_handed_out_when_a_call_failed_never_is(
    autojump_clock: object,
) -> None:
    void: list[str] = []
    happening = Happening(
        (0, piece("kept\nalso ")),
        (0, piece("wron")),
        (0, retry("wron")),
        (0, piece("it")),
    )

    chunks = [chunk async for chunk in chunks_of(happening, on_retry=void.append)]

    assert (chunks, void) == (["kept\n", "also it"], [])


async def test_what_was_handed_out_when_a_call_failed_is_told(
    autojump_clock: object,
) -> None:
    void: list[str] = []
    happening = Happening(
        (0, piece("wrong\nwro")), (0, retry("wrong\nwro")), (0, piece("right\n"))
    )

    async def take_back(text: str) -> None:
        await trio.sleep(5)  # longer than the latency, which is not about this
        void.append(text)

    chunks = chunks_of(happening, max_latency=1, on_retry=take_back)

    assert [chunk async for chunk in chunks] == ["wrong\n", "right\n"]
    assert void == ["wrong\n"]


async def test_a_latency_ends_with_the_text_it_was_for(autojump_clock: object) -> None:
    happening = Happening((0, piece("wro")), (0.5, retry("wro")), (9, piece("right")))

    shown = await timed(chunks_of(happening, max_latency=1))

    assert shown == [(9.5, "right")]


@given(
    pieces=cut_texts(),
    pauses=st.lists(st.sampled_from([0, 0.1, 1.0]), min_size=13, max_size=13),
    max_latency=st.sampled_from([None, 0, 0.5]),
    patience=st.sampled_from([0, 0.1, 0.3, 2.0]),
)
@settings(max_examples=60 * DEPTH)
def test_cancelling_loses_nothing(
    pieces: list[str], pauses: list[float], max_latency: float | None, patience: float
) -> None:
    """Cancelled again and again, wherever it waits, the text is whole in the end."""

    async def main() -> str:
        events = [(pause, piece(text)) for pause, text in zip(pauses, pieces)]  # noqa: B905  # as many as there are
        chunks = chunks_of(Happening(*events), max_latency=max_latency)
        shown = ""
        for wait in itertools.chain([patience] * 100, itertools.repeat(999.0)):
            with trio.move_on_after(wait):
                try:
                    shown += await chunks.__anext__()
                except StopAsyncIteration:
                    return shown
        raise AssertionError

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(main, clock=clock) == "".join(pieces)


async def test_when_the_connection_is_lost_what_had_come_comes_first(
    autojump_clock: object,
) -> None:
    lost = CliExitedError(returncode=9, stderr_tail="")
    chunks = chunks_of(Happening((0, piece("a\nb")), end=lost))

    assert [await chunks.__anext__(), await chunks.__anext__()] == ["a\n", "b"]
    with pytest.raises(CliExitedError):
        await chunks.__anext__()


async def test_every_chunk_is_a_checkpoint() -> None:
    chunks = chunks_of(Happening((0, piece("a\nb\n"))))
    await chunks.__anext__()

    with trio.testing.assert_checkpoints():
        assert await chunks.__anext__() == "b\n"


async def test_there_are_three_units_and_no_negative_latency() -> None:
    with pytest.raises(ValueError, match="line, paragraph, sentence, not 'page'"):
        chunks_of(Happening(), by="page")
    with pytest.raises(ValueError, match="must not be negative, and is -1"):
        chunks_of(Happening(), max_latency=-1)
