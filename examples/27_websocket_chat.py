"""A chat over WebSockets: one CLI for the server, one session per connection.

`open_bridge` admits peers that know the token, and pages of origins that you name. Each
peer gets only its own answers, in order, and a peer that disconnects stops its turn.

Needs the extra bridge: pip install -e '.[bridge]'
Run: python examples/27_websocket_chat.py --port 8400
Then: CHAT_TOKEN=... python examples/27_websocket_chat.py --to ws://... "Hello!"
"""

from __future__ import annotations

import argparse
import json
import os

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from trio_copilot import open_client
from trio_copilot.bridge import open_bridge


async def serve(port: int, token: str | None) -> None:
    """Serve until Ctrl-C."""
    async with (
        open_client() as client,
        open_bridge(client, port=port, token=token) as it,
    ):
        print(f"CHAT_TOKEN={it.token} --to {it.url}", flush=True)
        await trio.sleep_forever()


async def say(ws: WebSocketConnection, **message: str) -> None:
    """Send one message."""
    await ws.send_message(json.dumps(message))


async def hear_answer(ws: WebSocketConnection) -> None:
    """Print an answer to its end; deny what the agent wants to do."""
    while True:
        match json.loads(await ws.get_message()):
            case {"type": "delta", "agent": _}:
                pass  # a sub-agent speaks
            case {"type": "delta", "text": text}:
                print(text, end="", flush=True)
            case {"type": "permission", "request": request, "summary": summary}:
                print(f"\n[denied: {summary}]")
                await say(ws, type="answer", request=request, decision="deny")
            case {"type": "end", "error": {"message": message}}:
                raise RuntimeError(message)
            case {"type": "end", "reason": reason}:
                print(f"\n[{reason}]", flush=True)
                return
            case {"type": "error", "message": message}:
                raise RuntimeError(message)
            case _:
                pass


async def chat(url: str, token: str, prompts: list[str]) -> None:
    """Send the prompts one after the other, in one session."""
    async with open_websocket_url(url) as ws:
        await say(ws, type="hello", token=token)
        await ws.get_message()  # ready, or it is closed
        for number, prompt in enumerate(prompts):
            await say(ws, type="prompt", turn=str(number), text=prompt)
            await hear_answer(ws)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", nargs="*", default=["Hello!"])
    parser.add_argument("--to", metavar="URL", help="ask a server instead of being one")
    parser.add_argument("--port", type=int, default=8400, help="0 for a free one")
    said, token = parser.parse_args(), os.environ.get("CHAT_TOKEN")
    if said.to is None:
        trio.run(serve, said.port, token)
    else:
        trio.run(chat, said.to, token or "", said.prompts)
