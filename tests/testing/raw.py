"""A client that knows only frames: it reads what the CLI sent, in order."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_copilot._wire.framing import FrameDecoder, encode_frame
from trio_copilot._wire.messages import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    decode_message,
    encode_message,
)
from trio_copilot.testing import ScriptedCli, open_scripted_cli

TIMEOUT = 100  # seconds, simulated ones where the CLI is scripted

LOOK = {
    "name": "look",
    "description": "Looks",
    "parameters": {"type": "object", "properties": {}},
}
FREE_LOOK = {**LOOK, "skipPermission": True}
ANSWER_CALL = "session.tools.handlePendingToolCall"
ANSWER_USER_INPUT = "session.ui.handlePendingUserInput"
ANSWER_ELICITATION = "session.ui.handlePendingElicitation"
ANSWER_PERMISSION = "session.permissions.handlePendingPermissionRequest"


class RefusedError(Exception):
    """The CLI answered with an error."""

    def __init__(self, error: ErrorResponse) -> None:
        super().__init__(error.code, error.message)
        self.code, self.message = error.code, error.message


class RawClient:
    """Writes requests and reads messages, up to the one that it waits for.

    It talks about one session at a time, and overhears no other.
    """

    def __init__(
        self, send: trio.abc.SendStream, receive: trio.abc.ReceiveStream
    ) -> None:
        self.send, self.receive = send, receive
        self.session = "the-session"
        self.decoder = FrameDecoder()
        self.ids = itertools.count(1)
        self.heard: list[Message] = []
        self.read_up_to = 0  # what `event` has looked at
        self.asked_up_to = 0  # what `next_request` has looked at

    async def write(self, method: str, **params: Any) -> int:
        """Make a request, about the session by default; return its id."""
        number = next(self.ids)
        about = {"sessionId": self.session} if method.startswith("session.") else {}
        request = Request(number, method, {**about, **params})
        await self.send.send_all(encode_frame(encode_message(request)))
        return number

    async def answer(self, number: int) -> Any:
        """Read up to the answer to a request and return its result."""
        for position in itertools.count():
            message = await self.at(position)
            if isinstance(message, Response) and message.id == number:
                return message.result
            if isinstance(message, ErrorResponse) and message.id == number:
                raise RefusedError(message)
        raise AssertionError

    async def call(self, method: str, **params: Any) -> Any:
        """Make a request and read up to its answer."""
        return await self.answer(await self.write(method, **params))

    async def event(self, kind: str) -> dict[str, Any]:
        """Read up to the next event of that type and return its payload."""
        while True:
            message = await self.at(self.read_up_to)
            self.read_up_to += 1
            event = self.event_of(message)
            if event is not None and event["type"] == kind:
                data = event["data"]
                assert isinstance(data, dict)
                return data

    async def next_request(self, method: str) -> Request:
        """Read up to the next request of the CLI of that kind."""
        while True:
            message = await self.at(self.asked_up_to)
            self.asked_up_to += 1
            if isinstance(message, Request) and message.method == method:
                return message

    async def reply(self, request: Request, answer: Any) -> None:
        """Answer a request of the CLI; with an exception it is an error."""
        message: Message = Response(request.id, answer)
        if isinstance(answer, Exception):
            message = ErrorResponse(request.id, -32000, str(answer))
        await self.send.send_all(encode_frame(encode_message(message)))

    async def at(self, position: int) -> Message:
        while len(self.heard) <= position:
            while (frame := self.decoder.next_frame()) is None:
                data = await self.receive.receive_some()
                if not data:
                    raise trio.EndOfChannel
                self.decoder.feed(bytes(data))
            self.heard.append(decode_message(frame))
        return self.heard[position]

    async def rest(self) -> bytes:
        """Read up to the end of the stream and return the rest that is not a frame."""
        tail = b""
        while data := await self.receive.receive_some():
            tail += data
        return tail

    # -- what was heard

    @property
    def events(self) -> list[dict[str, Any]]:
        found = [self.event_of(message) for message in self.heard]
        return [event for event in found if event is not None]

    def data(self, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["type"] == kind]

    @property
    def trace(self) -> list[str]:
        """What was heard of the session: types of events, and `answer N`."""
        sequence = []
        for message in self.heard:
            event = self.event_of(message)
            if event is not None:
                sequence.append(str(event["type"]))
            elif isinstance(message, Notification | Request):
                sequence.append(message.method)
            else:
                sequence.append(f"answer {message.id}")
        return sequence

    def event_of(self, message: Message) -> dict[str, Any] | None:
        if isinstance(message, Notification) and message.method == "session.event":
            event = message.params["event"]
            assert isinstance(event, dict)
            return event if message.params["sessionId"] == self.session else None
        return None

    def forget(self) -> None:
        """Start counting anew what is heard."""
        self.heard.clear()
        self.read_up_to = self.asked_up_to = 0

    # -- what every scenario does

    async def create(self, *tools: dict[str, Any], **options: Any) -> Any:
        """Create the session, with everything on."""
        on = {"streaming": True, "requestPermission": True, "tools": list(tools)}
        return await self.call("session.create", **{**on, **options})

    async def settle(self) -> None:
        """Read what has been sent so far, and forget it."""
        await self.call("ping")
        self.forget()

    async def prompt(self, text: str = "Hello?", **params: Any) -> str:
        """Send a prompt and return its message id."""
        result = await self.call("session.send", prompt=text, **params)
        return str(result["messageId"])

    async def turn(self, text: str = "Hello?") -> str:
        """Send a prompt and read up to its end."""
        message_id = await self.prompt(text)
        await self.event("session.idle")
        return message_id

    async def decide(self, request: dict[str, Any], kind: str, **more: Any) -> bool:
        """Answer a request for permission; return whether that was accepted."""
        result = {"kind": kind, **more}
        answer = await self.call(
            ANSWER_PERMISSION, requestId=request["requestId"], result=result
        )
        return bool(answer["success"])

    async def answer_hooks(self, until: str, **outputs: Any) -> None:
        """Answer hooks, by default with nothing, up to one of that type."""
        kind = ""
        while kind != until:
            request = await self.next_request("hooks.invoke")
            assert isinstance(request.params, dict)
            kind = request.params["hookType"]
            output = outputs.get(kind)
            failed = isinstance(output, Exception)
            await self.reply(request, output if failed else {"output": output})

    async def hook(self, kind: str) -> Request:
        """Answer hooks with nothing up to one of that type, and leave that one."""
        while True:
            request = await self.next_request("hooks.invoke")
            assert isinstance(request.params, dict)
            if request.params["hookType"] == kind:
                return request
            await self.reply(request, {"output": None})

    async def deliver(self, request: dict[str, Any], **outcome: Any) -> bool:
        """Answer a tool call; return whether that was accepted."""
        answer = await self.call(ANSWER_CALL, requestId=request["requestId"], **outcome)
        return bool(answer["success"])


@asynccontextmanager
async def open_raw(
    script: Any = (), **behaviour: Any
) -> AsyncIterator[tuple[ScriptedCli, RawClient]]:
    with trio.fail_after(TIMEOUT):
        async with open_scripted_cli(script, **behaviour) as cli:
            yield cli, RawClient(cli.stream, cli.stream)


@asynccontextmanager
async def session(
    script: Any = (), *tools: Any, **behaviour: Any
) -> AsyncIterator[tuple[ScriptedCli, RawClient]]:
    async with open_raw(script, **behaviour) as (cli, client):
        await client.create(*tools)
        yield cli, client
