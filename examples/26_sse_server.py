"""Turns over HTTP, read as server-sent events, by any number of readers.

POST /turns starts a turn and returns its id; GET /turns/ID reads it from where the
reader left off. A browser's `EventSource` asks again by itself after losing the
connection, so it gets the rest, and the prompt never runs twice. A turn that nobody has
read for a while is stopped at the CLI.

Needs Hypercorn and Starlette: pip install hypercorn starlette
Run: python examples/26_sse_server.py --port 8000
Then: curl -N 127.0.0.1:8000/turns/$(curl 127.0.0.1:8000/turns --json '"Count to 9."')
"""

from __future__ import annotations

import argparse
import json
import math
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import attrs
import trio
from hypercorn.config import Config
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]  # of its WSGI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from trio_copilot import Client, TextDelta, ToolCall, TurnEnd, open_client

HOSTS = ["127.0.0.1", "localhost"]
"""The names of this server; requests under other names, as by DNS rebinding, fail."""

KEPT = 300.0
"""Seconds that a turn can still be read when it is over."""

HEARTBEAT = 15.0
"""Seconds of silence after which a comment shows proxies that the line is in use."""


@attrs.define
class Story:
    """A turn as events that can be read from any position."""

    grace: float
    """Seconds that the turn continues without a reader, in case one comes back."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    events: list[bytes] = attrs.field(factory=list[bytes])
    readers: int = 0
    over: bool = False
    news: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.hurry()

    def tell(self, name: str, /, **data: Any) -> None:
        """Add an event with its number, which a returning reader will send."""
        event = f"id: {len(self.events)}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        self.events.append(event.encode())
        self.news.set()
        self.news = trio.Event()

    def hurry(self) -> None:
        """Start the countdown."""
        self.scope.deadline = trio.current_time() + self.grace

    @contextmanager
    def read(self) -> Generator[None]:
        """Count as a reader during the block; without readers the countdown runs."""
        self.readers += 1
        self.scope.deadline = math.inf
        try:
            yield
        finally:
            self.readers -= 1
            if not self.readers:
                self.hurry()


@attrs.frozen
class Reading:
    """A response that lasts until the turn is over or the reader is gone."""

    story: Story
    position: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application."""
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.wait_gone, receive, nursery.cancel_scope)
            with self.story.read():
                await self.write(send)
            nursery.cancel_scope.cancel()

    async def wait_gone(self, receive: Receive, reading: trio.CancelScope) -> None:
        """Stop reading when the reader has disconnected."""
        while (await receive())["type"] != "http.disconnect":
            pass
        reading.cancel()

    async def write(self, send: Send) -> None:
        """Write the events so far, and new ones as they come."""
        position, over = self.position, False
        while not over:
            news, over = self.story.news, self.story.over
            said = b"".join(self.story.events[position:])
            position = max(position, len(self.story.events))
            body = {"type": "http.response.body", "body": said or b":\n\n"}
            await send({**body, "more_body": not over})
            with trio.move_on_after(HEARTBEAT):
                await news.wait()


@attrs.define
class Server:
    """Runs turns on one CLI, for anyone on this machine who knows their ids."""

    client: Client
    grace: float
    nursery: trio.Nursery
    stories: dict[str, Story] = attrs.field(factory=dict[str, Story])

    async def run(self, name: str, story: Story, prompt: str) -> None:
        """Run a turn to its end, or until nobody has read it for a while."""
        with story.scope:
            async with self.client.open_session() as session:
                async with session.turn(prompt, idle_timeout=120) as turn:
                    async for event in turn:
                        match event:
                            case TextDelta(agent_id=None) as delta:
                                story.tell("delta", text=delta.separator + delta.text)
                            case ToolCall(name=tool):
                                story.tell("tool", name=tool)
                            case TurnEnd(reason=reason, error=error):
                                story.tell("end", reason=reason, error=str(error or ""))
                            case _:
                                pass
        story.over = True
        story.news.set()
        await trio.sleep(KEPT)
        del self.stories[name]

    async def start(self, request: Request) -> Response:
        """Start a turn and return its id."""
        if request.headers.get("content-type") != "application/json":
            # Other types can come from any page, without asking first.
            return Response(status_code=415)
        name = secrets.token_urlsafe()
        story = self.stories[name] = Story(self.grace)
        self.nursery.start_soon(self.run, name, story, str(await request.json()))
        return PlainTextResponse(name, status_code=201)

    async def read(self, request: Request) -> Response | Reading:
        """Read a turn, from the first event that the reader lacks."""
        story = self.stories.get(request.path_params["name"])
        if story is None:
            return Response(status_code=404)
        position = int(request.headers.get("last-event-id", -1)) + 1
        if story.over and position >= len(story.events):
            return Response(status_code=204)  # tells EventSource not to ask again
        return Reading(story, position)


async def main(port: int, grace: float) -> None:
    """Serve until Ctrl-C."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    async with open_client() as client, trio.open_nursery() as nursery:
        server = Server(client, grace, nursery)
        routes = [
            Route("/turns", server.start, methods=["POST"]),
            Route("/turns/{name}", server.read),
        ]
        guard = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
        app = Starlette(routes=routes, middleware=[guard])
        urls: list[str] = await nursery.start(serve, app, config)  # pyright: ignore[reportUnknownArgumentType]  # likewise
        print(*urls, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="0 for a free one")
    parser.add_argument(
        "--grace",
        type=float,
        default=30,
        help="seconds that a turn runs without a reader",
    )
    options = parser.parse_args()
    trio.run(main, options.port, options.grace)
