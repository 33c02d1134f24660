"""Several conversations on one CLI: a task each, a few at a time.

A turn that fails is a result like others and the rest go on. Whatever else goes wrong,
Ctrl-C included, cancels them all, and each is stopped at the CLI.

Run: python examples/06_many_sessions.py FILE...
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Client, FileAttachment, TurnError, open_client

AT_ONCE = 3
"""Conversations at a time: providers limit the rate of calls."""

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
    """Print a line for each file, in their order."""
    async with open_client() as client:
        for file, summary in (await summarize_all(client, files)).items():
            print(f"{file}: {summary}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=[__file__])
    trio.run(main, parser.parse_args().files)
