"""When the CLI sums up the beginning of a conversation to make room.

A mapping would do, but the CLI ignores a key that it does not know, a misspelt one too.
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
    """How full the model's context may get; shares between 0 and 1.

    The CLI looks when a turn begins. Summing up is a model call beside those of the turn;
    subscribers see `session.compaction_start` and `session.compaction_complete`, the
    second perhaps after the turn has ended. Leaving the session gives it up.
    """

    enabled: bool = attrs.field(default=True, validator=of_type(bool))
    background_compaction_threshold: float = attrs.field(default=0.8, validator=_SHARE)
    """From here on the beginning is summed up, while turns go on."""
    buffer_exhaustion_threshold: float = attrs.field(default=0.95, validator=_SHARE)
    """From here on a turn waits until that is done."""

    def __attrs_post_init__(self) -> None:
        if self.background_compaction_threshold > self.buffer_exhaustion_threshold:
            raise ValueError(
                "Compaction has to begin before the context is exhausted: "
                "background_compaction_threshold is above buffer_exhaustion_threshold"
            )

    def to_wire(self) -> dict[str, Any]:
        """Return the thresholds as the CLI wants them."""
        return wire_fields(attrs.asdict(self))
