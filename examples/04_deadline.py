"""A deadline around a turn: the agent stops, and the next turn continues from there.

It is Trio's own `move_on_after`: leaving a turn early, in any way, stops the work at
the CLI before the next line runs.

Run: python examples/04_deadline.py
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Session, Turn, TurnEnd, open_client

DEADLINE = 2.0
"""Seconds for an answer that would take minutes."""


async def read(session: Session, prompt: str) -> TurnEnd | None:
    """Print an answer up to the deadline; `None` if the turn had not begun by then."""
    turn: Turn | None = None
    with trio.move_on_after(DEADLINE):
        async with session.turn(prompt) as turn:
            async for text in turn.text_deltas:
                print(text, end="", flush=True)
    print()
    return None if turn is None else turn.end


async def main() -> None:
    """Run out of time, then ask again."""
    async with open_client() as client:
        async with client.open_session() as session:
            stopped = await read(session, "Count from one to ten thousand, in words.")
            if stopped is not None:
                stopped.raise_for_error()
                print(f"[{stopped.reason} after {len(stopped.text)} characters]")
            end = await session.ask("How far did you get?", timeout=60)
            print(end.answer)
            print(f"[{end.reason}]")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    trio.run(main)
