"""Calls the HTTP application of a bridge in memory, so that time can be simulated."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from tests.bridge.peer import PATIENCE, TOKEN, Scene, open_scene
from trio_copilot.testing import Reply, Script
from trio_copilot.web import TurnLimits
from trio_copilot.web._application import application
from trio_copilot.web._turns import Turns

Json = dict[str, Any]
BEARER = f"Bearer {TOKEN}"


@attrs.frozen
class HttpResponse:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@attrs.define(eq=False)
class Listener:
    """A stream of events as it arrives."""

    _body: trio.MemoryReceiveChannel[bytes]
    status: int
    headers: dict[str, str]
    _pending: str = ""
    ids: list[str] = attrs.field(factory=list)
    heard: list[Json] = attrs.field(factory=list)

    async def block(self) -> list[str]:
        """Return the next event or comment, as its lines; none is the end."""
        while "\n\n" not in self._pending:
            try:
                with trio.fail_after(PATIENCE):
                    chunk = await self._body.receive()
            except trio.EndOfChannel:
                return []
            self._pending += chunk.decode()
        block, _, self._pending = self._pending.partition("\n\n")
        return block.split("\n")

    async def hear(self) -> Json:
        """Return the next message."""
        while lines := await self.block():
            fields = dict(line.split(": ", 1) for line in lines)
            if "data" in fields:
                self.ids.append(fields["id"])
                self.heard.append(json.loads(fields["data"]))
                return self.heard[-1]
        raise AssertionError("the stream has ended")

    async def hear_until(self, name: str) -> Json:
        """Read up to a message of this type."""
        while (message := await self.hear())["type"] != name:
            pass
        return message

    @property
    def text(self) -> str:
        return "".join(m["text"] for m in self.heard if m["type"] == "delta")


@attrs.define(eq=False)
class Web:
    """The application, and what stands behind it."""

    scene: Scene
    app: Any
    turns: Turns

    async def request(
        self, method: str, path: str, body: Json | bytes = b"", **headers: str
    ) -> HttpResponse:
        """Ask once. `Origin` and the like are keywords, `_` for `-`."""
        async with self.stream(method, path, body, **headers) as answer:
            with trio.fail_after(PATIENCE):
                content = b"".join([chunk async for chunk in answer._body])
        return HttpResponse(answer.status, answer.headers, content)

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: Json | bytes = b"", **headers: str
    ) -> AsyncGenerator[Listener]:
        """Ask, and hang up when the block is left."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"host": "localhost:8400", **headers}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [
                (name.replace("_", "-").lower().encode(), value.encode())
                for name, value in fields.items()
            ],
        }
        requests = iter([{"type": "http.request", "body": content, "more_body": False}])
        gone = trio.Event()
        to_start, from_start = trio.open_memory_channel[Json](1)
        to_body, from_body = trio.open_memory_channel[bytes](0)

        async def receive() -> Json:
            for request in requests:
                return request
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Json) -> None:
            if message["type"] == "http.response.start":
                await to_start.send(message)
            elif message["body"]:
                await to_body.send(message["body"])

        async def run() -> None:
            with to_body, to_start:
                await self.app(scope, receive, send)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            with trio.fail_after(PATIENCE):
                start = await from_start.receive()
            answered = {k.decode(): v.decode() for k, v in start["headers"]}
            try:
                yield Listener(from_body, start["status"], answered)
            finally:
                gone.set()
                with trio.move_on_after(1, shield=True):  # for it to hear that
                    async for _ in from_body:
                        pass
                nursery.cancel_scope.cancel()

    async def start_turn(self, prompt: str = "Go") -> str:
        """Begin a turn and return its path."""
        body = {"prompt": prompt}
        answer = await self.request("POST", "/turns", body, authorization=BEARER)
        assert answer.status == 201, answer
        return f"/turns/{answer.json['id']}"

    @asynccontextmanager
    async def listen(self, turn: str, last: str = "") -> AsyncGenerator[Listener]:
        """Listen to a turn, from behind an event or from the beginning."""
        async with self.stream("GET", f"{turn}/events", last_event_id=last) as listener:
            assert listener.status == 200
            yield listener


@asynccontextmanager
async def open_web(
    script: Script | Reply = (), *, limits: TurnLimits | None = None, **options: Any
) -> AsyncGenerator[Web]:
    """Open the application of a bridge on a scripted CLI."""
    async with open_scene(script, **options) as scene:
        turns = Turns(scene.client, scene.bridge.options, limits or TurnLimits(), 300)
        app = application(scene.bridge, turns, None)
        async with turns.open():
            yield Web(scene, app, turns)
