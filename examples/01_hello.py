"""One question, one answer: `ask` runs a turn to its end.

The blocks own the CLI process and the conversation; leaving them ends both.

Run: python examples/01_hello.py
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import open_client


async def main() -> None:
    """Ask, and print the whole answer at once."""
    async with open_client() as client:
        async with client.open_session() as session:
            end = await session.ask("Greet the world in one sentence.", timeout=60)
            print(end.answer)
            print(f"[{end.reason}, {end.usage.output_tokens} tokens]")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    trio.run(main)
