"""Turns over plain HTTP: begin one, listen to its events, come back, stop it.

| request                    |                                                          |
|----------------------------|----------------------------------------------------------|
| `POST /turns`              | begins a turn; needs the token; answers its id           |
| `GET /turns/{id}/events`   | its messages as server-sent events, from the last known  |
| `POST /turns/{id}/answers` | decides on a permission that one of them asked for       |
| `DELETE /turns/{id}`       | stops it                                                 |

Strategy: listening never runs anything, so that a browser may come back as often as it
likes; `EventSource` cannot send a header, therefore the id is all that it takes. The
stream is an ASGI application by hand: to see the listener go while nothing is said takes
two tasks, and an async generator would be left behind by the one that is cancelled.

This module does not know what listens at which port.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from typing import Any, TypeVar

import attrs
import msgspec
import trio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .._did_you_mean import did_you_mean
from .._scopes import open_block
from ..bridge._access import Access
from ..bridge._messages import (
    Answer,
    BadMessageError,
    ClientMessage,
    Prompt,
    decode,
    encode,
)
from ._turn_log import Place
from ._turns import KeptTurn, TooManyTurnsError, Turns

M = TypeVar("M", bound=ClientMessage)

HANG_UP = 0.05
"""Seconds in which a peer that has hung up is seen to be gone before it gets the id of
its turn: nobody else knows it, so that the turn would keep its place for nothing."""

SHOWN = 40
"""Characters that are shown of a field's name that is none."""

HEARTBEAT = b": still there\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would wait for more
]


@attrs.define(eq=False)
class TurnRoutes:
    """The requests about turns."""

    _turns: Turns
    _access: Access
    _body_size: int
    """Bytes of a body."""

    def routes(self) -> list[Route]:
        """Return them for a Starlette application."""
        turn = "/turns/{turn}"
        return [
            Route("/turns", self._begin, methods=["POST"]),
            Route(f"{turn}/events", self._listen, methods=["GET"]),
            Route(f"{turn}/answers", self._answer, methods=["POST"]),
            Route(turn, self._stop, methods=["DELETE"]),
        ]

    async def _begin(self, request: Request) -> Response:
        self._check_token(request)
        body = await self._body(request, ("prompt",))
        prompt = _message(Prompt, {"turn": "-", "text": body.get("prompt")})
        try:
            turn = self._turns.begin(prompt.text)
        except TooManyTurnsError:
            too_many = HTTPException(503, "as many turns run as may")
            too_many.headers = {"Retry-After": "1"}
            raise too_many from None
        with turn.listened(), trio.move_on_after(HANG_UP) as hearing:
            await _until_gone(request.receive, hearing)
            turn.stop()
        location = {"Location": f"/turns/{turn.id}"}
        return JSONResponse({"id": turn.id}, 201, headers=location)

    async def _listen(self, request: Request) -> Response | _EventStream:
        turn = self._turn(request)
        try:
            place = Place.of(request.headers.get("last-event-id") or str(Place()))
        except ValueError as error:
            raise HTTPException(400, f"Last-Event-ID: {error}") from error
        if turn.log.ended.is_set() and turn.log.after(place) is None:
            return Response(status_code=204)  # tells a browser not to come back
        limits = self._turns.limits
        return _EventStream(turn, place, limits.heartbeat, limits.retry)

    async def _answer(self, request: Request) -> Response:
        turn = self._turn(request)
        body = await self._body(request, ("request", "decision", "reason"))
        answer = _message(Answer, body)
        if not turn.permissions.answer(answer):
            raise HTTPException(409, "this request is not open")
        return Response(status_code=204)

    async def _stop(self, request: Request) -> Response:
        self._turn(request).stop()
        return Response(status_code=204)

    def _turn(self, request: Request) -> KeptTurn:
        turn = self._turns.get(request.path_params["turn"])
        if turn is None:
            raise HTTPException(404, "there is no such turn, or not any more")
        return turn

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._access.has_token(token.strip()):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "the access token is missing", challenge)

    async def _body(self, request: Request, known: Collection[str]) -> dict[str, Any]:
        """Return the body of a request, which has no other fields than these."""
        try:
            text = await self._read(request)
        except ClientDisconnect as gone:
            raise HTTPException(400, "the body is cut short") from gone
        try:
            body = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise HTTPException(400, "the body is no JSON object") from error
        for name in body:
            if name not in known:
                raise HTTPException(400, _unknown(name, known))
        return body

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > self._body_size:
                    too_big = f"a body has {self._body_size} bytes at most"
                    raise HTTPException(413, too_big)
        return bytes(body)


def _unknown(name: str, known: Collection[str]) -> str:
    hint = did_you_mean(name, known) or f", only {', '.join(known)}"
    return f"there is no field {name[:SHOWN]!a}{hint}"


def _message(of: type[M], body: dict[str, Any]) -> M:
    """Return a body as a message of the protocol, checked as that is."""
    wire = {**body, "type": of.type}
    try:
        message = decode(msgspec.json.encode(wire).decode())
    except BadMessageError as error:
        raise HTTPException(400, str(error)) from error
    assert isinstance(message, of)
    return message


@attrs.define(eq=False)
class _EventStream:
    """The answer that is a stream of events: an ASGI application."""

    _turn: KeptTurn
    _place: Place
    _heartbeat: float
    _retry: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ended = False
        with self._turn.listened():
            async with open_block() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                await self._tell(send)
                ended = True
                nursery.cancel_scope.cancel()
        if ended:  # outside: a server says that we are gone while this is being sent
            await send({"type": "http.response.body", "body": b""})

    async def _tell(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        await send(start)
        await _send(send, f"retry: {self._retry * 1000:.0f}\n\n".encode())
        while True:
            step = self._turn.log.after(self._place)
            if step is not None:
                self._place, message = step
                event = f"id: {self._place}\ndata: {encode(message)}\n\n"
                await _send(send, event.encode())
            elif self._turn.log.ended.is_set():
                return
            else:
                await self._more(send)

    async def _more(self, send: Send) -> None:
        with trio.move_on_after(self._heartbeat) as silence:
            await self._turn.log.more()
        if silence.cancelled_caught:
            await _send(send, HEARTBEAT)


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _until_gone(receive: Receive, listening: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listening.cancel()
