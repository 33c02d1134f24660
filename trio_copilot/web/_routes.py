"""Requests about turns: begin one, listen to it, answer it, stop it.

| request                    |                                                          |
|----------------------------|----------------------------------------------------------|
| `POST /turns`              | begins a turn; needs the token; responds with its id     |
| `GET /turns/{id}/events`   | its messages as server-sent events, from the last known  |
| `POST /turns/{id}/answers` | decides on a permission that one of them asks for        |
| `DELETE /turns/{id}`       | stops it                                                 |

Strategy: listening never runs anything, so a browser may come back as often as it likes.
`EventSource` cannot send a header, so knowing the id is enough to listen.

This module does not know what listens at which port.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from typing import Any

import attrs
import msgspec
import trio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .._did_you_mean import did_you_mean
from ..bridge._access import Access
from ..bridge._messages import BadMessageError, DecidePermission, from_mapping
from ._sse import EventStream, cancel_when_gone
from ._turn_log import Place
from ._turns import LoggedTurn, TooManyTurnsError, Turns

HANG_UP = 0.05
"""Seconds to find out that a peer has hung up before it gets the id of its turn. Nobody
else knows the id, so the turn would take up a place in vain."""

SHOWN = 40
"""Characters of an unknown field's name that an error shows."""


@attrs.define(eq=False)
class TurnRoutes:
    """The requests about turns; a method each."""

    _turns: Turns
    _access: Access
    _body_size: int
    """Bytes in a body, at most."""

    def routes(self) -> list[Route]:
        """Return routes for a Starlette application."""
        turn = "/turns/{turn}"
        return [
            Route("/turns", self.begin, methods=["POST"]),
            Route(f"{turn}/events", self.listen, methods=["GET"]),
            Route(f"{turn}/answers", self.answer, methods=["POST"]),
            Route(turn, self.stop, methods=["DELETE"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Begin a turn."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._access.has_token(token.strip()):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "the access token is missing or wrong", challenge)
        prompt = (await self._fields(request, ("prompt",))).get("prompt")
        if not isinstance(prompt, str):
            raise HTTPException(400, "prompt is missing, or is not a string")
        try:
            turn = self._turns.begin(prompt)
        except TooManyTurnsError:
            later = {"Retry-After": "1"}
            raise HTTPException(503, "too many turns are running", later) from None
        with turn.listened(), trio.move_on_after(HANG_UP) as hearing:
            await cancel_when_gone(request.receive, hearing)
            turn.stop()
        location = {"Location": f"/turns/{turn.id}"}
        return JSONResponse({"id": turn.id}, 201, headers=location)

    async def listen(self, request: Request) -> Response | EventStream:
        """Stream the events of a turn."""
        turn = self._turn(request)
        try:
            place = Place.of(request.headers.get("last-event-id") or str(Place()))
        except ValueError as error:
            raise HTTPException(400, f"Last-Event-ID: {error}") from error
        if turn.log.ended.is_set() and turn.log.after(place) is None:
            return Response(status_code=204)  # keeps `EventSource` from coming back
        return EventStream(turn, place, self._turns.limits)

    async def answer(self, request: Request) -> Response:
        """Decide on a permission."""
        turn = self._turn(request)
        fields = await self._fields(request, ("request", "decision", "reason"))
        try:
            message = from_mapping(DecidePermission, fields)
        except BadMessageError as error:
            raise HTTPException(400, str(error)) from error
        if not turn.permissions.decide(message):
            raise HTTPException(409, "this request is not open")
        return Response(status_code=204)

    async def stop(self, request: Request) -> Response:
        """Stop a turn."""
        self._turn(request).stop()
        return Response(status_code=204)

    def _turn(self, request: Request) -> LoggedTurn:
        turn = self._turns.get(request.path_params["turn"])
        if turn is None:
            raise HTTPException(404, "there is no such turn, or it was dropped")
        return turn

    async def _fields(self, request: Request, known: Collection[str]) -> dict[str, Any]:
        """Return the JSON object in a body; fields other than the known are refused."""
        body = bytearray()
        try:
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > self._body_size:
                        too_big = f"a body has {self._body_size} bytes at most"
                        raise HTTPException(413, too_big)
        except ClientDisconnect as gone:
            raise HTTPException(400, "the body is cut short") from gone
        try:
            fields = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise HTTPException(400, "the body is not a JSON object") from error
        for name in fields.keys() - known:
            hint = did_you_mean(name, known) or f", only {', '.join(known)}"
            raise HTTPException(400, f"there is no field {name[:SHOWN]!a}{hint}")
        return fields
