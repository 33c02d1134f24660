"""Several answers at once, merged into one stream of labelled lines.

Each task opens its own session and holds one sending end of the channel; when the last
one closes, the merged stream ends. If one task fails, the nursery stops the others at
the CLI, so nobody waits for an answer that will not come.

Run: python examples/22_merged_streams.py nurseries channels "cancel scopes"
"""

from __future__ import annotations

import argparse
from typing import TypeAlias

import trio

from trio_copilot import Client, open_client

Line: TypeAlias = tuple[str, str]
PROMPT = "Explain in a few lines, for somebody who knows Python: {}."


async def explain(
    client: Client, topic: str, out: trio.MemorySendChannel[Line]
) -> None:
    """Send one answer, line by line."""
    async with out, client.open_session() as session:
        async with session.turn(PROMPT.format(topic), idle_timeout=60) as turn:
            async for text in turn.text_chunks(by="line"):
                await out.send((topic, text))
        (await turn.wait()).raise_for_error()


async def main(topics: list[str]) -> None:
    """Print the lines of all answers as they come."""
    sender, lines = trio.open_memory_channel[Line](0)
    async with open_client() as client, trio.open_nursery() as nursery:
        async with sender:
            for topic in topics:
                nursery.start_soon(explain, client, topic, sender.clone())
        async for topic, text in lines:
            print(f"{topic:>15} | {text.rstrip()}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", default=["nurseries", "channels"])
    trio.run(main, parser.parse_args().topics)
