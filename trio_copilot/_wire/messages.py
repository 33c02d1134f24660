"""JSON bodies become JSON-RPC 2.0 messages, and back.

Strategy: msgspec checks the envelope while it parses, at a fraction of the cost of a
dict. A second, lenient reader takes what msgspec refuses but JavaScript sends: halves of
a UTF-16 pair, numbers beyond a double, deep nesting. The layers above see four frozen
classes and nothing else. `encoding` writes what is sent.

This module knows no method of Copilot; `params` and `result` are any JSON. They may hold
tokens, so no repr shows them.
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


@attrs.frozen
class Request:
    """A call that expects an answer; `params` are left out if they are `None`."""

    id: int | str
    method: str
    params: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Notification:
    """A call without an answer; `params` are left out if they are `None`."""

    method: str
    params: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class Response:
    """The answer to the request with that id."""

    id: int | str
    result: Any = attrs.field(default=None, repr=False)


@attrs.frozen
class ErrorResponse:
    """The failure of the request with that id; `None`: the peer could not read the id."""

    id: int | str | None
    code: int
    message: str
    data: Any = attrs.field(default=None, repr=False)


Message: TypeAlias = Request | Notification | Response | ErrorResponse


def cancel_request(id: int | str) -> Notification:  # noqa: A002 - JSON-RPC's own word
    """Return the notification that nobody waits for the answer to `id` anymore."""
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
    """Return the message in the body of a frame.

    Unknown members are ignored, and so is a missing `jsonrpc`: the CLI always sends it,
    and nothing depends on it.

    Raises:
      ProtocolError: the body is not JSON, or not a JSON-RPC 2.0 message (the CLI sends
          no batches); the error shows its start.
    """
    try:
        envelope = _decoder.decode(body)
    except (ValueError, RecursionError):
        try:
            tree = decode_leniently(body, parse_constant=_refuse_constant)
            envelope = msgspec.convert(tree, _Envelope)
        except (ValueError, RecursionError) as fault:
            raise _refusal(body, str(fault)[:EXCERPT_SIZE]) from fault
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
    raise _refusal(body, "it is neither a call nor an answer")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refusal(body: bytes, reason: str) -> ProtocolError:
    return ProtocolError(
        f"Expected a JSON-RPC 2.0 message, got something else: {reason}. "
        f"It starts with {excerpt(body)}"
    )


def encode_message(message: Message, *, as_cli: bool = False) -> bytes:
    """Return the JSON body of `message`; `encode_json` documents the forms of values.

    Args:
      message: what to send.
      as_cli: write it as a CLI does: halves of a UTF-16 pair are escaped, and values may
        have any depth and size. The CLI itself cannot read that.

    Raises:
      TypeError: a value in the message has no form in JSON.
      ValueError: the CLI could not read it: it is too deep, a number is too large, or
        half of a UTF-16 pair stands where text must be exact.
    """
    encode = encode_as_cli if as_cli else encode_for_cli
    try:
        return encode(_members(message))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(message, (Request, Notification)):
            label = message.method  # its values may be secret
        else:
            label = f"the answer to request {message.id!r:.100}"
        raise unsendable(error, label) from error


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
