"""What the demo does: each function's body is shown as it stands here, then run.

So what is shown is what happens. The model follows `answer`, its script.
"""

from __future__ import annotations

from collections.abc import Callable

from trio_copilot import Session, TextDelta, TurnEnd, tool
from trio_copilot.testing import Call, ModelRequest, Reply

Show = Callable[[str], None]

HELLO = (
    "Hello! I am a scripted model. Every word that you read here arrives as an event of "
    "its own, and your loop prints it on the spot. Nothing of this leaves your machine."
)
COUNTING = [f"{number} " for number in range(1, 10_001)]
STILL_HERE = "Yes, still here. The turn before me was stopped, not the session."

DEADLINE = 1.5
"""Seconds that the third step gives to an answer that would take minutes."""


async def stream(session: Session, show: Show) -> TurnEnd:
    """An answer, word by word."""
    async with session.turn("Say hello") as turn:
        async for event in turn:
            if isinstance(event, TextDelta):
                show(event.text)
    return turn.end


@tool
async def temperature(city: str) -> str:
    """Measure the temperature in a city."""
    return f"17 degrees in {city}"


async def use_tool(session: Session, show: Show) -> TurnEnd:
    """A function of yours that the model calls."""
    end = await session.ask("How warm is it in Oslo?", on_text_delta=show)
    return end  # noqa: RET504  # a line that is not shown


async def run_out_of_time(session: Session, show: Show) -> TurnEnd:
    """A deadline in mid-stream."""
    async with session.turn("Count for ever", timeout=DEADLINE) as turn:  # 1.5 s
        async for text in turn.text_deltas:
            show(text)
    return turn.end


async def go_on(session: Session, show: Show) -> TurnEnd:
    """The next turn of the same session."""
    end = await session.ask("Are you still there?", on_text_delta=show)
    return end  # noqa: RET504  # a line that is not shown


def answer(request: ModelRequest) -> Reply:
    """What the model says."""
    last = request.messages[-1]
    if last.get("role") == "tool":
        return Reply(f"I asked your program. It says: {last['content']}.", delay=0.03)
    prompt = request.prompt
    if "How warm" in prompt:
        return Reply(calls=[Call("temperature", {"city": "Oslo"})])
    if "Count for ever" in prompt:
        return Reply(COUNTING, delay=0.05)
    if "still there" in prompt:
        return Reply(STILL_HERE, delay=0.03)
    return Reply(HELLO, delay=0.03)
