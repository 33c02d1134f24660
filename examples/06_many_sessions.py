"""Several conversations on one CLI, each in its own task, a few at a time.

A turn that fails is a result, and the others continue; the exit status is 1 then.
Anything else that goes wrong, Ctrl-C included, cancels all of them and stops them at the
CLI.

Run: python examples/06_many_sessions.py FILE...
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import Client, FileAttachment, TurnEnd, open_client

AT_ONCE = 3
"""Concurrent conversations: providers limit the rate of calls."""

PROMPT = "What is this file about? Answer in one sentence."


async def summarize_all(client: Client, files: list[str]) -> dict[str, TurnEnd]:
    """Return how the question about each file ended."""
    ends: dict[str, TurnEnd] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def summarize(file: str) -> None:
        attachments = [FileAttachment(file)]
        async with limiter, client.open_session() as session:
            async with session.turn(
                PROMPT, attachments=attachments, timeout=120
            ) as turn:
                await turn.wait()
            ends[file] = turn.end

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(summarize, file)
    return ends


async def main(files: list[str]) -> int:
    """Print a line for each file, in order; return how many have no answer."""
    without = 0
    async with open_client() as client:
        ends = await summarize_all(client, files)
    for file in files:
        end = ends[file]
        without += not end.answer
        print(f"{file}: {end.answer or f'failed: {end.error or end.reason}'}")
    return without


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=[__file__])
    sys.exit(trio.run(main, parser.parse_args().files) > 0)
