"""Text rendered in pieces that make sense: line by line, or by paragraph or sentence.

Each piece is rendered once, when it is whole: who asks instead whether the text so far
has a line feed in it renders everything at every piece from the first line on. Nothing
waits for longer than the latency, though the agent may pause in mid-sentence.

Run: python examples/30_partial_content.py "Describe the sea." --by sentence
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Session, open_client


def render(piece: str, seconds: float) -> None:
    """Do what is too dear to be done for every word: lay it out, speak it, send it."""
    margin = f"{seconds:6.1f} s | "
    for line in piece.splitlines() or [""]:
        print(f"{margin}{line}", flush=True)
        margin = " " * (len(margin) - 2) + "| "


def take_back(void: str) -> None:
    """The model call failed and begins again: say what is no part of the answer."""
    print(f"[the last {len(void)} letters are void]", flush=True)


async def show(session: Session, prompt: str, by: str, latency: float) -> None:
    """Render one answer as it comes; raise if the turn failed."""
    began = trio.current_time()
    async with session.turn(prompt, idle_timeout=60) as turn:
        chunks = turn.text_chunks(by=by, max_latency=latency, on_retry=take_back)
        async for chunk in chunks:
            render(chunk, trio.current_time() - began)
    (await turn.wait()).raise_for_error()


async def main(prompt: str, by: str, latency: float) -> None:
    """Show the answer to one prompt."""
    async with open_client() as client, client.open_session() as session:
        await show(session, prompt, by, latency)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Describe the sea in three lines.")
    parser.add_argument("--by", default="line", help="line, paragraph or sentence")
    parser.add_argument("--latency", type=float, default=2, help="seconds")
    said = parser.parse_args()
    trio.run(main, said.prompt, said.by, said.latency)
