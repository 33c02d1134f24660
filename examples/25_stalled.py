"""Too slow, or stuck? A turn has two limits, and its end says which one was reached.

`timeout=` bounds the whole turn, `idle_timeout=` the silence between two events; the
second clock pauses while one of your tools runs. Either stops the agent at the CLI,
instead of merely no longer waiting for it. `move_on_after` bounds everything, the start
of the CLI included.

Run: python examples/25_stalled.py "Count to a million." --timeout 20 --stall 5
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import CancelCause, TurnEnd, TurnEndReason, open_client

TIMED_OUT = 124
"""The exit status of the command `timeout` in the same case."""


def verdict(end: TurnEnd) -> str:
    """Return in a sentence how a turn ended."""
    heard = f"{end.last_event or 'nothing'}, {end.silence:.1f} s earlier"
    match end:
        case TurnEnd(cause=CancelCause.DEADLINE):
            return f"too slow: out of time while working; last event: {heard}"
        case TurnEnd(cause=CancelCause.IDLE_TIMEOUT):
            return f"stuck: it went silent; last event: {heard}"
        case TurnEnd(reason=TurnEndReason.MAX_TOKENS):
            return "cut at the model's token limit"
        case _:
            return f"{end.reason}"


async def ask(prompt: str, timeout: float, stall: float) -> TurnEnd:
    """Print an answer until a limit is reached; raise if the turn failed."""
    async with open_client() as client, client.open_session() as session:
        async with session.turn(prompt, timeout=timeout, idle_timeout=stall) as turn:
            async for text in turn.text_deltas:
                print(text, end="", flush=True)
        print()
        end = await turn.wait()
        end.raise_for_error()
    return end


async def main(prompt: str, timeout: float, stall: float, overall: float) -> int:
    """Return the exit status."""
    with trio.move_on_after(overall):
        end = await ask(prompt, timeout, stall)
        print(f"[{verdict(end)}]", file=sys.stderr)
        return TIMED_OUT if end.reason is TurnEndReason.CANCELLED else 0
    print(f"\n[not done within {overall:g} s]", file=sys.stderr)
    return TIMED_OUT


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Count to a million, in words.")
    parser.add_argument(
        "--timeout", type=float, default=60, help="seconds for the turn"
    )
    parser.add_argument("--stall", type=float, default=20, help="seconds of silence")
    parser.add_argument(
        "--overall", type=float, default=90, help="seconds for everything"
    )
    options = parser.parse_args()
    sys.exit(
        trio.run(main, options.prompt, options.timeout, options.stall, options.overall)
    )
