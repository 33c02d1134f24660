"""A meter: how many tokens, how fast they came, and how long the first one took.

The figures come from the CLI's usage reports, one for each model call. Pieces of text
are not tokens: counting and timing them measures the network, and counts tools as
silence.

Run: python examples/10_token_meter.py "Why is the sky blue?" "And at night?"
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import Message, Session, TextDelta, Usage, open_client


def reading(used: Usage) -> str:
    """Return what the meter shows."""
    shown = f"{used.input_tokens} tokens in, {used.output_tokens} out"
    if used.time_to_first_token is not None:
        shown += f", the first after {used.time_to_first_token:.2f} s"
    if used.inter_token_latency:
        shown += f", then {1 / used.inter_token_latency:.0f} a second"
    return f"{used.calls} model call(s): {shown}"


async def ask(session: Session, prompt: str) -> None:
    """Print an answer to stdout, and the meter to stderr whenever it changes."""
    async with session.turn(prompt, idle_timeout=120) as turn:
        async for event in turn:
            match event:
                case TextDelta(text=text, agent_id=None):
                    print(text, end="", flush=True)
                case Message():
                    print(flush=True)
                    print(f"[{reading(turn.usage)}]", file=sys.stderr)
                case _:
                    pass
    (await turn.wait()).raise_for_error()


async def main(prompts: list[str]) -> None:
    """Ask one after the other, and print the sum."""
    async with open_client() as client, client.open_session() as session:
        for prompt in prompts:
            await ask(session, prompt)
        print(f"[in all, {reading(session.usage)}]", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*", default=["Why is the sky blue?"])
    trio.run(main, parser.parse_args().prompts)
