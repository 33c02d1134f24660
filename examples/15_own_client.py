"""Your own client, on the lower layers: send a prompt, print the answer.

There are no threads: the reader task hands each event over through a memory channel, so
events stay in order. `open_client` does all this and knows how to stop an agent; start
here only if you need something else.

Run: python examples/15_own_client.py "Why is the sky blue?"
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import trio

from trio_copilot import CopilotError, find_cli
from trio_copilot.wire import Peer, open_peer

Json = dict[str, Any]


@asynccontextmanager
async def open_cli() -> AsyncGenerator[trio.abc.Stream]:
    """Start a CLI; it ends when its input does, and is killed if we are cancelled."""
    command = [find_cli(), "--headless", "--no-auto-update", "--stdio"]
    pipe = subprocess.PIPE
    run = partial(trio.run_process, command, stdin=pipe, stdout=pipe, check=False)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(run)
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018  # for type checkers
        async with trio.StapledStream(process.stdin, process.stdout) as stream:
            yield stream


def model() -> Json:
    """Return a session's options for your own model, from the environment."""
    url = os.environ.get("COPILOT_PROVIDER_BASE_URL")
    if url is None:
        return {}
    provider = {"type": "openai", "baseUrl": url}
    return {"provider": provider, "model": os.environ["COPILOT_MODEL"]}


async def ask(peer: Peer, prompt: str, events: trio.MemoryReceiveChannel[Json]) -> None:
    """Print the answer to one prompt as it comes."""
    session = {"sessionId": str(uuid4())}
    place = {"workingDirectory": os.getcwd(), "streaming": True}
    await peer.request("session.create", {**session, **place, **model()})
    await peer.request("session.send", {**session, "prompt": prompt})
    async for event in events:
        match event:
            case {"type": "assistant.message_delta", "data": data}:
                print(data["deltaContent"], end="", flush=True)
            case {"type": "session.error", "data": data}:
                raise RuntimeError(data["message"])
            case {"type": "session.idle"}:
                break
            case _:
                pass
    print()


async def main(prompt: str) -> None:
    """Start a CLI, shake hands, ask, and shut it down."""
    give, events = trio.open_memory_channel[Json](math.inf)

    def hear(method: str, params: Any) -> None:
        if method == "session.event":
            give.send_nowait(params["event"])

    def end(_: CopilotError) -> None:
        give.close()  # after the last event; the next request raises the reason

    async with open_cli() as stream:
        async with open_peer(stream, on_notification=hear, on_end=end) as peer:
            facts = await peer.request("connect", {})
            print(f"[CLI {facts['version']}]")
            await ask(peer, prompt, events)
            await peer.request("runtime.shutdown")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Why is the sky blue?")
    trio.run(main, parser.parse_args().prompt)
