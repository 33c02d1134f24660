"""A team: sessions with roles that work side by side and hand their results on.

Each role is a conversation of its own on the one CLI. Those that need nothing of each
other share a nursery: if one fails the rest is stopped at the CLI at once, instead of
working on for a result that will never be put together.

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
    """Return what somebody in that role says to a prompt."""
    async with client.open_session(system_message=role, available_tools=[]) as session:
        return (await session.ask(prompt, idle_timeout=60, timeout=300)).answer


async def hear(client: Client, question: str) -> dict[str, str]:
    """Return what each expert says."""
    said = dict.fromkeys(EXPERTS, "")

    async def ask(name: str) -> None:
        said[name] = await play(client, EXPERTS[name], question)

    async with trio.open_nursery() as nursery:
        for name in said:
            nursery.start_soon(ask, name)
    return said


async def main(question: str) -> None:
    """Print what the experts say, and what the judge makes of it."""
    async with open_client() as client:
        said = await hear(client, question)
        opinions = "\n\n".join(f"The {name}: {text}" for name, text in said.items())
        print(opinions)
        verdict = await play(client, JUDGE, f"{question}\n\n{opinions}")
        print(f"\nThe judge: {verdict}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", nargs="?", default="Should a library log?")
    trio.run(main, parser.parse_args().question)
