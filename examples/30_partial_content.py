"""Text rendered in meaningful pieces: by line, paragraph or sentence.

Each piece is rendered once, when it is whole. Checking the text so far for a line feed
would render everything again at each piece. Nothing waits longer than the latency, even
if the agent pauses mid-sentence.

Run: python examples/30_partial_content.py "Describe the sea." --by sentence
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Session, open_client


def render(piece: str, seconds: float) -> None:
    """Do what costs too much for every word: lay it out, speak it, send it."""
    margin = f"{seconds:6.1f} s | "
    for line in piece.splitlines() or [""]:
        print(f"{margin}{line}", flush=True)
        margin = " " * (len(margin) - 2) + "| "


def take_back(void: str) -> None:
    """The model call failed and starts again: show which text is void."""
    print(f"[the last {len(void)} characters are void]", flush=True)


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
    parser.add_argument(
        "--latency", type=float, default=2, help="seconds that text may wait"
    )
    options = parser.parse_args()
    trio.run(main, options.prompt, options.by, options.latency)
