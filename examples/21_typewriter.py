"""An answer that types itself, letter by letter, at a pace for people.

One task asks, the other types; a channel joins them, and the typist hurries when text
is waiting. When the asking task ends, by an answer or a failure, the channel closes, so
the typist never waits in vain.

Run: python examples/21_typewriter.py "Tell me a story."
"""

from __future__ import annotations

import argparse
import math

import trio

from trio_copilot import Session, open_client

PACE = 0.03
"""Seconds for a letter when nothing is waiting."""


async def ask(session: Session, prompt: str, said: trio.MemorySendChannel[str]) -> None:
    """Send each piece of the answer; raise if the turn failed."""
    async with said:
        await session.ask(prompt, idle_timeout=60, on_text_delta=said.send)


async def type_out(said: trio.MemoryReceiveChannel[str], pace: float) -> None:
    """Print letter by letter: twice as fast when one piece waits, and so on."""
    async for piece in said:
        for letter in piece:
            print(letter, end="", flush=True)
            await trio.sleep(pace / (1 + said.statistics().current_buffer_used))
    print()


async def main(prompt: str, pace: float) -> None:
    """Ask, and type."""
    sender, receiver = trio.open_memory_channel[str](math.inf)
    async with open_client() as client, client.open_session() as session:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(type_out, receiver, pace)
            await ask(session, prompt, sender)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Tell me a story in 99 words.")
    parser.add_argument("--pace", type=float, default=PACE, help="seconds per letter")
    arguments = parser.parse_args()
    trio.run(main, arguments.prompt, arguments.pace)
