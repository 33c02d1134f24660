"""An answer as it arrives: iterate a turn, match its events.

Text goes to stdout and everything else to stderr, so `> answer.txt` saves the answer
alone. A failed turn raises, so the exit status shows it, as for any program.

Run: python examples/02_streaming.py "Why is the sky blue?"
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import (
    Correction,
    ReasoningDelta,
    Retry,
    Session,
    TextDelta,
    ToolCall,
    TurnEnd,
    open_client,
)

PROMPT = "Explain structured concurrency in three sentences."


async def stream(session: Session, prompt: str) -> None:
    """Print one answer, piece by piece."""
    async with session.turn(prompt, idle_timeout=60) as turn:
        async for event in turn:
            match event:
                case TextDelta(separator=separator, text=text, agent_id=None):
                    print(separator + text, end="", flush=True)
                case ReasoningDelta(text=text):
                    print(text, end="", flush=True, file=sys.stderr)
                case ToolCall(name=name, arguments=arguments):
                    print(f"[{name} {arguments}]", file=sys.stderr)
                case Retry(kind=kind, message=why, dropped_text=dropped):
                    void = len(dropped)
                    print(f"\n[{kind}: {why}; {void} characters void]", file=sys.stderr)
                case Correction(text=text, agent_id=None):
                    print(f"\n[the message reads]\n{text}", end="", flush=True)
                case TurnEnd(reason=reason):
                    print(f"\n[{reason}]", file=sys.stderr)
                    event.raise_for_error()
                case _:
                    pass  # Message repeats the text; newer versions may add events


async def main(prompt: str) -> None:
    """Stream the answer to the prompt."""
    async with open_client() as client:
        async with client.open_session() as session:
            await stream(session, prompt)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default=PROMPT)
    trio.run(main, parser.parse_args().prompt)
