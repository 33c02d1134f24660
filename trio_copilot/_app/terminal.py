"""Where text comes out: the answer on stdout, everything about it on stderr.

Strategy: `AnswerWriter` streams the model's answer and waits for its reader as a Trio task
does, so a pager that stands still delays neither a deadline nor Ctrl-C. Our own messages
are short and go through click or rich. Neither fails on a character that the terminal's
encoding does not have.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import BinaryIO

import click
import trio

from .visible import visible

PIPE_BUF = 4096
"""Bytes that a writable pipe accepts without blocking, on Linux and macOS."""

LINE = 120
"""Characters after which a line on stderr is cut."""

# What a terminal would obey instead of showing: all controls except tab and newline.
_CONTROLS = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)
}


def prepare_streams() -> None:
    """Replace characters that the encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        # A test may have replaced the stream.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def say(text: str) -> None:
    """Print one dim line about the work on stderr."""
    line = visible(" ".join(text.translate(_CONTROLS).split()))
    shown = line if len(line) <= LINE else line[: LINE - 3] + "..."
    click.secho(shown, dim=True, err=True)


def fail(text: str, hint: str | None = None) -> None:
    """Print on stderr what went wrong, and what to do about it."""
    click.echo(f"Error: {text}", err=True)
    if hint is not None:
        click.echo(f"Hint: {hint}", err=True)


def mute_stdout() -> None:
    """Discard what Python still flushes at exit, because nobody reads stdout any more."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def progress(title: str) -> Generator[Callable[[str], None]]:
    """Show progress on stderr; the yielded function takes each line of it.

    A terminal shows the last line only; anything else gets all of them.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        say(title)
        yield say
        return
    with console.status(escape(title)) as status:
        yield lambda line: status.update(
            escape(f"{title}: {line[: LINE - len(title)]}")
        )


class AnswerWriter:
    """Writes an answer to stdout, piece by piece.

    Attributes:
      at_line_start: whether the next character begins a line.
    """

    def __init__(self) -> None:
        buffer = sys.stdout.buffer
        self._raw: BinaryIO = getattr(buffer, "raw", buffer)  # `python -u` has no raw
        self._is_terminal = sys.stdout.isatty()
        self._encoding = sys.stdout.encoding
        # A character beyond U+FFFF may be split between two pieces.
        self._join = codecs.getincrementaldecoder("utf-16-le")("replace").decode
        self._one_writer = trio.Lock()  # a permission may be denied during a write
        self.at_line_start = True

    async def write(self, text: str) -> None:
        """Write a piece at once.

        `Cancelled` leaves a part of it unwritten.

        Raises:
          BrokenPipeError: nobody reads it.
        """
        async with self._one_writer:
            text = self._join(text.encode("utf-16-le", "surrogatepass"))
            if self._is_terminal:
                text = text.translate(_CONTROLS)
            if text:
                self.at_line_start = text.endswith("\n")
                await self._send(text.encode(self._encoding, "replace"))

    async def end_line(self) -> None:
        """End the line, unless it has just begun."""
        if not self.at_line_start:
            await self.write("\n")

    async def make_way(self) -> None:
        """End the line if stderr writes to the same terminal."""
        if self._is_terminal:
            await self.end_line()

    async def _send(self, data: bytes) -> None:
        while data:
            try:
                await trio.lowlevel.wait_writable(self._raw.fileno())
            except OSError:  # a file, /dev/null, a Windows console: it never blocks us
                await trio.lowlevel.checkpoint()
            written = self._raw.write(data[:PIPE_BUF])
            data = data[written:]
