"""An answer as rendered Markdown that grows while it is written.

Each frame renders the whole text so far, at its own rate, not once per piece. Drawing
may take a tenth of the time, so long answers are drawn less often. The last frame shows
the whole text. If stdout is not a terminal, only the text is printed.

Needs rich, of the extra app: pip install -e '.[app]'
Run: python examples/24_rich_markdown.py "What is a monad?"
"""

from __future__ import annotations

import argparse

import trio
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

from trio_copilot import Session, Turn, open_client

FRAME = 0.1
"""Least seconds between two frames."""


async def draw(turn: Turn, live: Live) -> None:
    """Redraw the text whenever there is more of it."""
    drawn = ""
    while True:
        began = trio.current_time()
        if turn.text != drawn:
            drawn = turn.text
            live.update(Markdown(drawn), refresh=True)
        await trio.sleep(max(FRAME, 9 * (trio.current_time() - began)))


async def render(session: Session, prompt: str, console: Console) -> None:
    """Show one answer while it grows, then its final form."""
    async with session.turn(prompt, idle_timeout=60) as turn:
        try:
            # It erases itself, and needs no thread: `draw` decides when to refresh.
            with Live(console=console, auto_refresh=False, transient=True) as live:
                async with trio.open_nursery() as nursery:
                    if console.is_terminal:
                        nursery.start_soon(draw, turn, live)
                    await turn.wait()
                    nursery.cancel_scope.cancel()
        finally:
            if console.is_terminal:
                console.print(Markdown(turn.text))
            else:
                print(turn.text)
    (await turn.wait()).raise_for_error()


async def main(prompt: str) -> None:
    """Render the answer to one prompt."""
    async with open_client() as client, client.open_session() as session:
        await render(session, prompt, Console())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Show me Markdown, a bit of each.")
    trio.run(main, parser.parse_args().prompt)
