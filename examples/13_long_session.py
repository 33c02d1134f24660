"""A conversation without end: the CLI summarises its beginning before space runs out.

The program waits for each turn before it sends the next prompt: prompts sent at
intervals queue up and get one answer. The CLI starts a summary when a turn begins above
the threshold, and makes it while the turn runs. Figures may be missing, and a summary
longer than the text it replaces frees nothing.

Run: python examples/13_long_session.py "Name a prime." "And the next one." --start 0.5
"""

from __future__ import annotations

import argparse
import sys

import trio

from trio_copilot import InfiniteSessions, SessionEvent, Subscription, open_client
from trio_copilot.events import SessionCompactionComplete, SessionCompactionStart

PROMPTS = ["Name a prime number.", "And the next one.", "And the one after that."]


def describe(event: object) -> str:
    """Return one line about a compaction."""
    match event:
        case SessionEvent(data=SessionCompactionStart(current_tokens=now) as start):
            return f"summarising: {now} of {start.token_limit} tokens are used"
        case SessionEvent(data=SessionCompactionComplete(success=True) as done):
            freed = "?" if done.tokens_removed is None else done.tokens_removed
            place = done.checkpoint_path or "no file"
            return f"summarised: {freed} tokens are free again; the summary: {place}"
        case SessionEvent(data=SessionCompactionComplete(error=why)):
            return f"not summarised: {why or 'no reason given'}"
        case _:
            return f"something new: {event!r}"


async def watch(events: Subscription[SessionEvent]) -> None:
    """Print when the conversation's beginning is summarised."""
    async for event in events:
        print(f"[{describe(event)}]", file=sys.stderr)


async def main(prompts: list[str], options: InfiniteSessions) -> None:
    """Ask one prompt after the other in one session."""
    async with open_client() as client:
        async with (
            client.open_session(infinite_sessions=options) as session,
            session.subscribe(
                "session.compaction_start", "session.compaction_complete"
            ) as events,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(watch, events)
            for prompt in prompts:
                end = await session.ask(prompt, idle_timeout=120)
                print(end.answer)
            await events.aclose()
            print(f"[{session.usage.input_tokens} tokens in all]", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    parser.add_argument(
        "--start", type=float, default=0.5, help="start summarising at this fill level"
    )
    parser.add_argument(
        "--wait", type=float, default=0.8, help="make prompts wait at this fill level"
    )
    options = parser.parse_args()
    thresholds = InfiniteSessions(
        background_compaction_threshold=options.start,
        buffer_exhaustion_threshold=options.wait,
    )
    trio.run(main, options.prompts, thresholds)
