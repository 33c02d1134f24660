"""Two models race: the first whole answer wins, the others are stopped at the CLI.

Cancelling the nursery is enough: each turn stops its agent on the way out, and the line
after the nursery runs once all of them have stopped.

The exit status is 1 if nobody won.

Run: python examples/08_race.py gpt-5-mini claude-haiku-4.5
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import trio

from trio_copilot import Client, Turn, TurnEndReason, open_client

MODELS = ["gpt-5-mini", "claude-haiku-4.5"]

PROMPT = "Name one thing that only you would say."


async def race(client: Client, models: Sequence[str]) -> dict[str, Turn]:
    """Return the turns that had begun when the first one finished."""
    turns: dict[str, Turn] = {}
    async with trio.open_nursery() as nursery:

        async def run(model: str) -> None:
            async with client.open_session(model=model) as session:
                async with session.turn(PROMPT, timeout=60) as turn:
                    turns[model] = turn
                    end = await turn.wait()
                if end.reason is TurnEndReason.COMPLETE:
                    nursery.cancel_scope.cancel()

        for model in models:
            nursery.start_soon(run, model)
    return turns


async def main(models: list[str]) -> bool:
    """Let the models race; return whether one of them won."""
    async with open_client() as client:
        turns = await race(client, models)
    for model, turn in turns.items():
        print(f"{model}: {turn.text}")
        print(f"  {turn.end}")
    return any(turn.end.reason is TurnEndReason.COMPLETE for turn in turns.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS)
    sys.exit(not trio.run(main, parser.parse_args().models))
