"""How many turns over HTTP may run, and how long they are kept."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from .._did_you_mean import checks_options


@checks_options
@attrs.frozen(kw_only=True)
class TurnLimits:
    """Limits of turns that are begun over HTTP; times are in seconds."""

    running: int = attrs.field(default=8, validator=ge(1))
    """Turns at the same time; one more is answered with 503."""
    kept: int = attrs.field(default=16, validator=ge(1))
    """Turns that are kept after their end; the oldest is dropped first."""
    keep: float = attrs.field(default=300.0, validator=ge(0))
    """How long a turn is kept after its end."""
    grace: float = attrs.field(default=10.0, validator=ge(0))
    """Until a turn without listeners is stopped."""
    size: int = attrs.field(default=2**22, validator=ge(1))
    """Characters that are kept of a turn; it is stopped when there are more."""
    heartbeat: float = attrs.field(default=15.0, validator=gt(0))
    """Between two comments in a silent stream, which show that it is alive."""
    retry: float = attrs.field(default=1.0, validator=ge(0))
    """How long a browser waits before it comes back."""
