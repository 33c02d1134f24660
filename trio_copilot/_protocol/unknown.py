"""Stand-ins for payloads that this version of the package cannot read.

Nothing that the CLI sends may raise or get lost: a newer CLI sends event types, tags and
fields that did not exist when the vocabulary was generated.
"""

from __future__ import annotations

import reprlib
from typing import Any

import attrs


@attrs.frozen
class UnknownEvent:
    """The payload of an event whose type is not in the vocabulary.

    Attributes:
      type: the wire type; empty if the event had none.
      raw: the payload as received, usually a dict; `None` if there was none.
    """

    type: str
    raw: Any = attrs.field(repr=reprlib.repr, hash=False)


@attrs.frozen
class MalformedEvent:
    """A payload that does not fit its event type.

    Attributes:
      type: the wire type.
      raw: the payload as received.
      error: which field does not fit, and why. It holds no values.
    """

    type: str
    raw: Any = attrs.field(repr=reprlib.repr, hash=False)
    error: str


@attrs.frozen
class UnknownVariant:
    """An object inside a payload whose tag is not in the vocabulary.

    Attributes:
      tag: the value that should name the class; `None` if it is not a string.
      raw: the object as received.
    """

    tag: str | None
    raw: dict[str, Any] = attrs.field(repr=reprlib.repr, hash=False)
