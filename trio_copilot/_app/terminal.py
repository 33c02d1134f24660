"""Where text comes out: the answer on stdout, everything about it on stderr.

Strategy: what a model says is streamed by `Answer`, which waits for its reader as a
Trio task does, so that a pager that stands still delays no deadline and no Ctrl-C. Our
own words are few and go the short way, by click or rich. Neither can fail because a
character does not exist in the terminal's encoding.
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
"""Bytes that a pipe which is writable takes without blocking, on Linux and macOS."""

LINE = 120
"""Characters after which what is said on stderr is cut."""

# What a terminal would obey instead of showing it: all controls but tab and newline.
_CONTROLS = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)
}


def prepare_streams() -> None:
    """Let our own words replace what the encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test may have its own
        if reconfigure is not None:
            reconfigure(errors="replace")


def say(text: str) -> None:
    """Say something about the work, in one dim line on stderr."""
    line = visible(" ".join(text.translate(_CONTROLS).split()))
    shown = line if len(line) <= LINE else line[: LINE - 3] + "..."
    click.secho(shown, dim=True, err=True)


def fail(text: str, hint: str | None = None) -> None:
    """Say what went wrong, and what to do about it, on stderr."""
    click.echo(f"Error: {text}", err=True)
    if hint is not None:
        click.echo(f"Hint: {hint}", err=True)


def mute_stdout() -> None:
    """Nobody reads stdout any more: let what Python still flushes at exit go nowhere."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def progress(title: str) -> Generator[Callable[[str], None]]:
    """Show on stderr that something is going on, and what is told of it.

    A terminal shows the last line that was told; anything else gets them all.
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


class Answer:
    """The text of an answer on its way to stdout, piece by piece.

    Attributes:
      at_line_start: whether the next character begins a line.
    """

    def __init__(self) -> None:
        buffer = sys.stdout.buffer
        self._raw: BinaryIO = getattr(buffer, "raw", buffer)  # `python -u` has no raw
        self._is_terminal = sys.stdout.isatty()
        self._encoding = sys.stdout.encoding
        # A character beyond U+FFFF may come in halves, one in each of two pieces.
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
        """End the line, unless there is none."""
        if not self.at_line_start:
            await self.write("\n")

    async def make_way(self) -> None:
        """End the line if stderr writes to the same terminal."""
        if self._is_terminal:
            await self.end_line()

    async def _send(self, data: bytes) -> None:
        while data:
            await self._writable()
            written = self._raw.write(data[:PIPE_BUF])
            data = data[written:]

    async def _writable(self) -> None:
        try:
            await trio.lowlevel.wait_writable(self._raw.fileno())
        except OSError:  # a file, /dev/null, a Windows console: never keeps us waiting
            await trio.lowlevel.checkpoint()
