"""A scripted model for a real CLI: an OpenAI-compatible server on loopback.

Strategy: one task per connection answers one request after the other. While it answers a
model call, a second task watches for the end of the connection: that is how the CLI gives
up a call, and tests ask for it.

This module knows neither the format of an answer (`_openai`) nor HTTP (`_http`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial

import trio

from .._blocks import as_block
from .._scopes import open_block
from . import _openai as openai
from ._http import HttpConnection
from ._record import CallRecord, ModelRecord
from ._script import ModelRequest, Reply, Script

__all__ = ["ScriptedModel", "open_scripted_model"]


class ScriptedModel(ModelRecord):
    """A model that answers as its script says; made by `open_scripted_model`.

    Attributes:
      name: the only model that the server has.
      base_url: `"http://127.0.0.1:PORT/v1"`.
    """

    def __init__(self, calls: CallRecord, base_url: str) -> None:
        super().__init__(calls)
        self.name = openai.MODEL
        self.base_url = base_url

    def __repr__(self) -> str:
        calls, gone = len(self.requests), len(self.disconnected)
        return f"<ScriptedModel {self.base_url}, {calls} call(s), {gone} disconnected>"

    @property
    def provider(self) -> dict[str, str]:
        """The `provider=` of a session that asks this model.

        Needed only on a CLI that was not started with `cli_environment`.
        """
        return {"type": "openai", "base_url": self.base_url}


class _Server:
    """Answers the requests of all connections."""

    def __init__(self, calls: CallRecord) -> None:
        self._calls = calls

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer the requests of one connection."""
        connection = HttpConnection(stream)
        with suppress(trio.BrokenResourceError):  # gone while it was being refused
            while request := await connection.next_request():
                match request.method, request.path:
                    case "POST", "/v1/chat/completions":
                        await self._answer_call(connection, json.loads(request.body))
                    case "GET", "/v1/models":
                        await connection.answer(200, openai.model_list())
                    case method, path:
                        message = f"a scripted model knows no {method} {path}"
                        await connection.answer(404, openai.error(message, 404))

    async def _answer_call(self, connection: HttpConnection, body: openai.Json) -> None:
        request, reply = self._calls.begin(body)

        async def watch(answering: trio.CancelScope) -> None:
            await connection.wait_closed()
            if not connection.answered:
                self._calls.give_up(request)
            answering.cancel()

        try:
            async with open_block() as nursery:
                nursery.start_soon(watch, nursery.cancel_scope)
                try:
                    await _send(connection, request, reply)
                except trio.BrokenResourceError:
                    # `watch` has noticed it, too, and cancels.
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()
        finally:
            self._calls.finish(request)


async def _send(
    connection: HttpConnection, request: ModelRequest, reply: Reply
) -> None:
    """Send the reply; one that is dropped is just not ended."""
    await trio.sleep(reply.before)
    if reply.status != 200:
        message = reply.content or f"scripted error {reply.status}"
        wait = reply.retry_after
        headers = {} if wait is None else {"retry-after": f"{wait:g}"}
        body = openai.error(message, reply.status)
        await connection.answer(reply.status, body, headers)
    elif request.stream:
        await _send_stream(connection, request, reply)
    else:
        pauses = len(list(openai.deltas(request, reply))) - 1
        await trio.sleep(reply.delay * max(pauses, 0))
        if reply.then == "hang":
            await trio.sleep_forever()
        if reply.then == "end":
            await connection.answer(200, openai.completion(request, reply))


async def _send_stream(
    connection: HttpConnection, request: ModelRequest, reply: Reply
) -> None:
    async def send(event: openai.Json) -> None:
        await connection.send_event(json.dumps(event))

    await connection.start_events()
    await send(openai.chunk(request, {"role": "assistant", "content": ""}))
    for number, delta in enumerate(openai.deltas(request, reply)):
        await trio.sleep(reply.delay if number else 0)
        await send(openai.chunk(request, delta))
    if reply.then == "hang":
        await trio.sleep_forever()
    if reply.then == "end":
        await send(openai.chunk(request, {}, finish_reason=reply.ends_with))
        if openai.wants_usage(request):
            await send(openai.usage_chunk(request, reply))
        await connection.end_events("[DONE]")


@as_block
async def open_scripted_model(
    script: Script | Reply, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[ScriptedModel, None]:
    """Serve a scripted model while the block runs.

    Model calls get their replies in order of arrival; several connections are answered
    side by side. The delays of the script are real seconds. If the script is a function
    and raises, the block is cancelled and the exception leaves it.

    Args:
      script: see `Script`.
      host: the address to listen at.
      port: the port; 0 is any that is free.

    Cancelled: all connections are closed at once, as they are when the block is left.
    """
    async with open_block() as nursery:
        listeners = await trio.open_tcp_listeners(port, host=host)
        bound: int = listeners[0].socket.getsockname()[1]
        calls = CallRecord(script)
        model = ScriptedModel(calls, f"http://{host}:{bound}/v1")
        serve = partial(trio.serve_listeners, handler_nursery=nursery)
        nursery.start_soon(serve, _Server(calls).serve, listeners)  # noqa: ASYNC113  # they listen already
        yield model
        nursery.cancel_scope.cancel()
