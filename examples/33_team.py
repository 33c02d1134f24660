"""A team: sessions with roles work concurrently and hand their results on.

Each role has its own conversation on the one CLI. Roles that do not depend on each
other share a nursery: if one fails, the others stop at the CLI at once, instead of
working for a result that nobody will assemble.

Run: python examples/33_team.py "Should a library log?"
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Client, open_client

EXPERTS = {
    "advocate": "You argue for what is asked, in two sentences.",
    "sceptic": "You argue against what is asked, in two sentences.",
}
JUDGE = "You weigh what others say, and decide, in two sentences."


async def play(client: Client, role: str, prompt: str) -> str:
    """Return the answer of one role to a prompt."""
    async with client.open_session(system_message=role, available_tools=[]) as session:
        return (await session.ask(prompt, idle_timeout=60, timeout=300)).answer


async def hear(client: Client, question: str) -> dict[str, str]:
    """Return the answer of each expert."""
    answers = dict.fromkeys(EXPERTS, "")

    async def ask(name: str) -> None:
        answers[name] = await play(client, EXPERTS[name], question)

    async with trio.open_nursery() as nursery:
        for name in answers:
            nursery.start_soon(ask, name)
    return answers


async def main(question: str) -> None:
    """Print the experts' answers and the judge's verdict."""
    async with open_client() as client:
        answers = await hear(client, question)
        opinions = "\n\n".join(f"The {name}: {text}" for name, text in answers.items())
        print(opinions)
        verdict = await play(client, JUDGE, f"{question}\n\n{opinions}")
        print(f"\nThe judge: {verdict}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", nargs="?", default="Should a library log?")
    trio.run(main, parser.parse_args().question)
