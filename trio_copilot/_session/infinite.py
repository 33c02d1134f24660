"""When the CLI summarises the beginning of a conversation to make room.

This is a class because the CLI ignores unknown keys of a mapping, misspelt ones included.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs import validators

from .._checks import of_type
from .._did_you_mean import checks_options
from .wire_fields import wire_fields

_SHARE = (of_type(int, float), validators.ge(0.0), validators.le(1.0))


@checks_options
@attrs.frozen(kw_only=True)
class InfiniteSessions:
    """How full the model's context may get; thresholds are shares between 0 and 1.

    The CLI checks when a turn begins. A summary takes one more model call. Subscribers
    see `session.compaction_start` and `session.compaction_complete`; the latter may come
    after the turn has ended. Leaving the session abandons it.
    """

    enabled: bool = attrs.field(default=True, validator=of_type(bool))
    """Whether the CLI summarises at all."""
    background_compaction_threshold: float = attrs.field(default=0.8, validator=_SHARE)
    """From this share on the CLI summarises the beginning while turns continue."""
    buffer_exhaustion_threshold: float = attrs.field(default=0.95, validator=_SHARE)
    """From this share on a turn waits until that is done."""

    def __attrs_post_init__(self) -> None:
        if self.background_compaction_threshold > self.buffer_exhaustion_threshold:
            raise ValueError(
                "Compaction has to begin before the context is exhausted: "
                "background_compaction_threshold is above buffer_exhaustion_threshold"
            )

    def to_wire(self) -> dict[str, Any]:
        """Return the wire form of the thresholds."""
        return wire_fields(attrs.asdict(self))
