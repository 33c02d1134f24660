"""Several conversations on one CLI, each in its own task, a few at a time.

A failed turn is a result, and the others continue. Anything else that goes wrong,
Ctrl-C included, cancels all of them and stops them at the CLI.

Run: python examples/06_many_sessions.py FILE...
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Client, FileAttachment, TurnError, open_client

AT_ONCE = 3
"""Concurrent conversations: providers limit the rate of calls."""

PROMPT = "What is this file about? Answer in one sentence."


async def summarize_all(client: Client, files: list[str]) -> dict[str, str]:
    """Return a sentence on each file."""
    summaries = dict.fromkeys(files, "")
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def summarize(file: str) -> None:
        attachments = [FileAttachment(file)]
        async with limiter, client.open_session() as session:
            try:
                end = await session.ask(PROMPT, attachments=attachments, timeout=120)
            except TurnError as error:
                summaries[file] = f"failed: {error}"
            else:
                summaries[file] = end.answer or f"no answer: {end.reason}"

    async with trio.open_nursery() as nursery:
        for file in summaries:
            nursery.start_soon(summarize, file)
    return summaries


async def main(files: list[str]) -> None:
    """Print a line for each file, in order."""
    async with open_client() as client:
        for file, summary in (await summarize_all(client, files)).items():
            print(f"{file}: {summary}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=[__file__])
    trio.run(main, parser.parse_args().files)
