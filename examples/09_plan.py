"""Ask for a plan, and what it has cost.

`session.rpc` has every method of the CLI, typed; here the session's mode, its plan and
its usage. In plan mode the agent changes nothing.

Run: python examples/09_plan.py "Sort the imports of this project"
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Session, open_client
from trio_copilot.rpc import SessionMode


async def plan(session: Session, task: str) -> str:
    """Return a plan for a task: the file that the agent wrote, or its answer."""
    await session.rpc.mode.set(mode=SessionMode.PLAN)
    end = await session.ask(task, timeout=300)
    written = await session.rpc.plan.read()
    return written.content or end.answer


async def print_bill(session: Session) -> None:
    """Print the requests and tokens of each model so far."""
    bill = await session.rpc.usage.get_metrics()
    for model, used in bill.model_metrics.items():
        tokens = used.usage.input_tokens + used.usage.output_tokens
        print(f"{model}: {used.requests.count} requests, {tokens} tokens")


async def main(task: str) -> None:
    """Print a plan for the task."""
    async with open_client() as client, client.open_session() as session:
        print(await plan(session, task))
        await print_bill(session)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", nargs="?", default="Tidy up the README")
    trio.run(main, parser.parse_args().task)
