"""The sessions that a CLI knows: what it stores about them, and how they change."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any

import attrs

from .._json import as_object, as_text
from .._session.coalesce import Coalescer


@attrs.frozen(kw_only=True)
class SessionMetadata:
    """What a CLI stores about a session that can be resumed."""

    session_id: str
    start_time: datetime | None = None
    modified_time: datetime | None = None
    summary: str = ""
    is_remote: bool = False
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """Everything that the CLI reports, as it is on the wire."""

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> SessionMetadata:
        """Return one of the sessions of a `session.list`."""
        return cls(
            session_id=as_text(raw.get("sessionId")),
            start_time=time_of(raw.get("startTime")),
            modified_time=time_of(raw.get("modifiedTime")),
            summary=as_text(raw.get("summary")),
            is_remote=raw.get("isRemote") is True,
            details=raw,
        )


LIFECYCLE_TYPES = (
    "session.created",
    "session.updated",
    "session.deleted",
    "session.foreground",
    "session.background",
)
"""How a session can change; the last two happen in a terminal."""


@attrs.frozen(kw_only=True)
class SessionChange:
    """A session of the CLI was created, updated, deleted, or moved in its terminal."""

    type: str
    """`session.created`, `session.updated`, `session.deleted`, `session.foreground`,
    `session.background`, or a type of a newer CLI."""
    session_id: str
    start_time: datetime | None = None
    modified_time: datetime | None = None
    summary: str = ""

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> SessionChange:
        """Return the change of a `session.lifecycle`."""
        metadata = as_object(params.get("metadata"))
        return cls(
            type=as_text(params.get("type")),
            session_id=as_text(params.get("sessionId")),
            start_time=time_of(metadata.get("startTime")),
            modified_time=time_of(metadata.get("modifiedTime")),
            summary=as_text(metadata.get("summary")),
        )


def time_of(value: object) -> datetime | None:
    """Return a time of the CLI, or `None` if the value is not one."""
    try:
        return datetime.fromisoformat(as_text(value))
    except ValueError:
        return None


class _ChangeRules(Coalescer[SessionChange]):
    """The rules for a slow subscriber: it needs the newest update of each session."""

    def progress_key(self, item: SessionChange) -> Hashable | None:
        return item.session_id if item.type == "session.updated" else None


SESSION_CHANGES: Coalescer[SessionChange] = _ChangeRules()
