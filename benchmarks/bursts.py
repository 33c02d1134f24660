"""Whether a turn's text is true when the real CLI sends its pieces in a mess.

    python benchmarks/bursts.py [--runs 20] [--deltas 60000] [--busy 0] [--cli PATH]

The scripted model sends a long answer without a pause, and under load the CLI passes its
pieces on out of order, and repeats some. Each run is one turn on one CLI; beside it
`--busy` processes keep the cores busy. Prints for each run whether the text is what the
model sent, and what had to be put right: pieces that a reader without the client would
have joined wrongly, repeats that the session dropped, and corrections. The exit status
is the number of texts that were wrong.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import trio

from trio_copilot import Correction, TextDelta, find_cli
from trio_copilot.testing import Reply, open_stage

TIMEOUT = 1800.0
"""Seconds for one run: a loaded machine takes minutes for 60,000 pieces."""


@attrs.frozen
class Run:
    """What one turn came to."""

    text_is_true: bool
    end_is_true: bool
    deltas_are_true: bool
    corrections: int
    repeats: int
    seconds: float

    def __str__(self) -> str:
        verdict = "true " if self.text_is_true and self.end_is_true else "WRONG"
        deltas = "in order" if self.deltas_are_true else "not in order"
        return (
            f"{verdict} in {self.seconds:5.1f} s; deltas {deltas}, "
            f"{self.corrections} correction(s), {self.repeats} repeats dropped"
        )


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep the cores busy."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


async def run(cli: Path, deltas: int) -> Run:
    """Ask once, and compare."""
    pieces = [f"t{number} " for number in range(deltas)]
    streamed: list[str] = []
    corrections = 0
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as home, trio.fail_after(TIMEOUT):
        async with (
            open_stage([Reply(pieces)], cli=cli, home=home) as stage,
            stage.open_client() as client,
            client.open_session() as session,
            session.turn("?") as turn,
        ):
            async for event in turn:
                if isinstance(event, TextDelta):
                    streamed.append(event.text)
                corrections += isinstance(event, Correction)
        repeats = client.statistics().repeated_events
    sent = "".join(pieces)
    return Run(
        text_is_true=turn.text == sent,
        end_is_true=turn.end.text == turn.end.answer == sent,
        deltas_are_true="".join(streamed) == sent,
        corrections=corrections,
        repeats=repeats,
        seconds=time.perf_counter() - start,
    )


def main() -> int:
    """Run the command; return how many texts were wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--deltas", type=int, default=60_000)
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--cli", type=Path, default=None)
    arguments = parser.parse_args()
    cli = arguments.cli or find_cli()
    runs: list[Run] = []
    with busy(arguments.busy):
        for number in range(arguments.runs):
            runs.append(trio.run(run, cli, arguments.deltas))
            print(f"{number + 1:3}: {runs[-1]}", flush=True)
    wrong = sum(not (each.text_is_true and each.end_is_true) for each in runs)
    corrected = sum(each.corrections > 0 for each in runs)
    print(
        f"{len(runs) - wrong} of {len(runs)} texts are what the model sent "
        f"({arguments.deltas:,} deltas, {arguments.busy} busy processes); "
        f"{corrected} had to be corrected"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
