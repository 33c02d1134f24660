"""Raw payloads to typed ones and back."""

from __future__ import annotations

from typing import Any

from .unknown import UnknownEvent


def structure_data(wire_type: str, raw_data: Any) -> object:
    """Return the typed payload of an event; never raises."""
    return UnknownEvent(wire_type, raw_data)
