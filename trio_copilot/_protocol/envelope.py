"""The part of a wire event that every event has.

Strategy: the reader gets thousands of events a second, and most are filtered out or merged
unseen. So `read_event` picks out what routing needs, in one pass over the JSON; a
`SessionEvent` is made only for takers, and keeps its frame until somebody looks into it.
Whatever the CLI sends makes an event.

This module must not know what the payloads mean: `codec` does, and is imported when the
first payload is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast

import attrs
import msgspec
from msgspec import Raw

from .._json import as_object, as_text, decode_json, misfit

_UNREAD = Raw(b"")
_UNSEEN = object()
_new = object.__new__


class Head(msgspec.Struct, rename="camel", gc=False):
    """What routing needs to know about an event."""

    type: str = ""
    id: str | None = None
    agent_id: str | None = None
    ephemeral: bool = False
    data: Raw = _UNREAD

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Head:
        """Return the head of any JSON object; fields of a wrong type are left out."""
        return cls(
            type=as_text(raw.get("type")),
            id=_text(raw.get("id")),
            agent_id=_text(raw.get("agentId")),
            ephemeral=raw.get("ephemeral") is True,
        )


class Arrival(msgspec.Struct, rename="camel", gc=False):
    """The session that an event is for, and its head."""

    session_id: str
    event: Head


class _Notification(msgspec.Struct, gc=False):
    params: Arrival


_BEGINNING = b'{"jsonrpc":"2.0","method":"session.event",'
_read = msgspec.json.Decoder(_Notification).decode


def read_event(body: bytes) -> Arrival | None:
    """Return the event in the body of a frame, if it is written as all CLIs do.

    Nearly all traffic is events, so they are recognised by their first bytes. Bodies in
    any other form go through the general decoder.
    """
    if not body.startswith(_BEGINNING):
        return None
    try:
        if not body.isascii():
            str(body, "utf-8")  # msgspec does not check the parts that stay raw
        return _read(body).params
    except (ValueError, RecursionError):
        return None


@cache
def _codec() -> Any:
    from . import codec

    return codec


@attrs.define(init=False, repr=False, eq=False)
class SessionEvent:
    """One event of a session, as the CLI sent it.

    Two events are equal if the same JSON was sent. The typed payload is made once, when it
    is first read, so that `match` is the natural way to read events::

        match event:
            case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
                ...

    Args:
      raw: `params.event` of a `session.event` notification. The event keeps it; do not
          change it afterwards.
    """

    _head: Head
    _body: bytes  # of its frame; unset if the event was made of `raw`
    _raw: Mapping[str, Any]  # unset until first read
    _data: object  # `_UNSEEN` until first read

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._head = Head.of(raw)
        self._raw = raw
        self._data = _UNSEEN

    @property
    def raw(self) -> Mapping[str, Any]:
        """The event as received."""
        try:
            return self._raw
        except AttributeError:  # the first read
            self._raw = as_object(decode_json(self._body)["params"]["event"])
            return self._raw

    @property
    def type(self) -> str:
        """The wire type, such as `assistant.message_delta`; empty if the event has none."""
        return self._head.type

    @property
    def id(self) -> str | None:
        """The event's id; the CLI may send an event again with the same id."""
        return self._head.id

    @property
    def timestamp(self) -> datetime | None:
        """When the CLI made the event, with its time zone."""
        try:
            moment = datetime.fromisoformat(as_text(self.raw.get("timestamp")))
        except ValueError:
            return None
        return moment if moment.tzinfo is not None else None

    @property
    def parent_id(self) -> str | None:
        """The id of the event before this one in the session's log."""
        return _text(self.raw.get("parentId"))

    @property
    def agent_id(self) -> str | None:
        """The sub-agent that the event is about; `None` is the main agent."""
        return self._head.agent_id

    @property
    def ephemeral(self) -> bool:
        """Whether the event is only sent live, and not kept in the session's log."""
        return self._head.ephemeral

    @property
    def data(self) -> object:
        """The payload: one of the classes in `trio_copilot.events`.

        An `UnknownEvent` if the type is unknown, a `MalformedEvent` if the payload does
        not fit the type.
        """
        if self._data is _UNSEEN:
            unread = self._head.data
            if unread is _UNREAD:
                raw_data = self.raw.get("data")
                self._data = _codec().structure_data(self._head.type, raw_data)
            else:
                self._data = _codec().read_data(self._head.type, unread)
        return self._data

    @property
    def payload(self) -> Any:
        """The payload as JSON values."""
        unread = self._head.data
        return self.raw.get("data") if unread is _UNREAD else decode_json(unread)

    @classmethod
    def _structure(cls, value: Any) -> SessionEvent:
        if not isinstance(value, dict):
            raise misfit(value, dict)
        return cls(cast("dict[str, Any]", value))

    def _unstructure(self) -> Any:
        return self.raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionEvent):
            return NotImplemented
        return self.raw == other.raw

    def __hash__(self) -> int:
        return hash((self.type, self.id))

    def __reduce__(self) -> tuple[object, ...]:
        return SessionEvent, (self.raw,)

    def __repr__(self) -> str:
        parts = [self.type[:80] or "without a type"]
        if self.id is not None:
            parts.append(f"id={self.id[:80]}")
        if self.agent_id is not None:
            parts.append(f"agent_id={self.agent_id[:80]}")
        return f"<SessionEvent {' '.join(parts)}>"


def event_of(head: Head, body: bytes) -> SessionEvent:
    """Return the event whose head `read_event` took from the body of a frame."""
    # A second constructor, outside of the class because users must not find it there, and
    # without a call because thousands of events arrive each second.
    event = _new(SessionEvent)
    event._head = head  # noqa: SLF001  # a constructor
    event._body = body  # noqa: SLF001  # likewise
    event._data = _UNSEEN  # noqa: SLF001  # likewise
    return event


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
