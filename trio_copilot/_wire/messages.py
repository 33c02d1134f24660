"""JSON bodies become JSON-RPC 2.0 messages, and back.

Strategy: msgspec checks the envelope while it parses, at a fraction of the cost of a
dict. What it refuses but JavaScript sends is read leniently: halves of a UTF-16 pair (which
JSON can express and a string may hold), numbers beyond a double, anything deep. Four frozen classes are all that the layers above see. What is sent is written in `encoding`.

This module does not know any method; `params` and `result` are whatever JSON has. They
may hold tokens, so no repr shows them.
"""

from __future__ import annotations

from typing import Any, Literal, NoReturn, TypeAlias

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from .._errors import ProtocolError
from .._json import decode_leniently
from .codes import CANCEL_REQUEST
from .encoding import encode_as_cli, encode_for_cli, unsendable
from .excerpts import EXCERPT_SIZE, excerpt

__all__ = [
    "ErrorResponse",
    "Message",
    "Notification",
    "Request",
    "Response",
    "cancel_request",
    "decode_message",
    "encode_message",
]


@attrs.frozen
class Request:
    """A call that wants an answer; `params` of `None` are not sent."""

    id: int | str
    method: str
    params: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Notification:
    """A call that gets no answer; `params` of `None` are not sent."""

    method: str
    params: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Response:
    """The answer to the request of that id."""

    id: int | str
    result: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class ErrorResponse:
    """The failure of the request of that id, or of one whose id could not be read."""

    id: int | str | None
    code: int
    message: str
    data: Any = attrs.field(default=None, repr=False)


Message: TypeAlias = Request | Notification | Response | ErrorResponse


def cancel_request(id: int | str) -> Notification:  # noqa: A002 - JSON-RPC's own word
    """Return the notification that nobody waits for the answer to `id` any more."""
    return Notification(CANCEL_REQUEST, {"id": id})


class _Error(msgspec.Struct):
    code: int
    message: str
    data: Any = None


class _Envelope(msgspec.Struct):
    """The members of every kind of message; others are tolerated."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: int | str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Any = None
    result: Any = UNSET
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Envelope)


def decode_message(body: bytes) -> Message:
    """Return the message that the body of a frame is.

    Unknown members are ignored, and a missing `jsonrpc` is forgiven: the CLI always
    sends it, and nothing depends on it.

    Raises:
      ProtocolError: the body is no JSON, or no JSON-RPC 2.0 message (the CLI has no
          batches); the message shows its start.
    """
    try:
        envelope = _decoder.decode(body)
    except (ValueError, RecursionError):
        envelope = _decode_leniently(body)
    if isinstance(envelope.method, str):
        if envelope.id is UNSET:
            return Notification(envelope.method, envelope.params)
        if envelope.id is not None:
            return Request(envelope.id, envelope.method, envelope.params)
    elif envelope.id is not UNSET:
        if envelope.error is not None:
            error = envelope.error
            return ErrorResponse(envelope.id, error.code, error.message, error.data)
        if envelope.id is not None and envelope.result is not UNSET:
            return Response(envelope.id, envelope.result)
    raise _refusal(body, "this is neither a call nor an answer")


def _decode_leniently(body: bytes) -> _Envelope:
    try:
        tree = decode_leniently(body, parse_constant=_refuse_constant)
        return msgspec.convert(tree, _Envelope)
    except (ValueError, RecursionError) as error:
        raise _refusal(body, str(error)[:EXCERPT_SIZE]) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _refusal(body: bytes, reason: str) -> ProtocolError:
    return ProtocolError(
        f"Expected a JSON-RPC 2.0 message, got something else: {reason}. "
        f"It starts with {excerpt(body)}"
    )


def encode_message(message: Message, *, as_cli: bool = False) -> bytes:
    """Return the JSON body of `message`.

    `encode_json` says what can be expressed, and how.

    Args:
      message: what to send.
      as_cli: write it as a CLI does: halves of a UTF-16 pair are escaped, and anything
        may be as deep and as large as it likes. The CLI itself cannot read that.

    Raises:
      TypeError: something in the message has no form in JSON.
      ValueError: the CLI could not read it, because it is too deep, a number in it is
        too large, or half of a UTF-16 pair is where a text must be exact.
    """
    encode = encode_as_cli if as_cli else encode_for_cli
    try:
        return encode(_members(message))
    except (TypeError, ValueError, RecursionError) as error:
        raise unsendable(error, _label(message)) from error


def _label(message: Message) -> str:
    """Return what to call a message, whose values may be secret."""
    if isinstance(message, (Request, Notification)):
        return message.method
    return f"the answer to request {message.id!r:.100}"


def _members(message: Message) -> dict[str, Any]:
    members: dict[str, Any] = {"jsonrpc": "2.0"}
    if not isinstance(message, Notification):
        members["id"] = message.id
    if isinstance(message, Response):
        members["result"] = message.result
    elif isinstance(message, ErrorResponse):
        members["error"] = {"code": message.code, "message": message.message}
        if message.data is not None:
            members["error"]["data"] = message.data
    else:
        members["method"] = message.method
        if message.params is not None:
            members["params"] = message.params
    return members
