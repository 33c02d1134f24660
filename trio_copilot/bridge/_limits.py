"""How much a bridge takes from its peers, and how long it waits for them."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from .._did_you_mean import checks_options


@checks_options
@attrs.frozen(kw_only=True)
class BridgeLimits:
    """Limits of a bridge; times are in seconds."""

    connections: int = attrs.field(default=32, validator=ge(1))
    """Sessions at the same time; one more is closed with 1013. As many sockets may be on
    their way in; more are dropped."""
    message_size: int = attrs.field(default=2**20, validator=ge(1))
    """Characters in a message of a peer; a bigger one is closed with 1009."""
    backlog: int = attrs.field(default=1024, validator=ge(1))
    """Messages that may wait for a peer, not counting those of turns, which are joined."""
    hello_timeout: float = attrs.field(default=10.0, validator=gt(0))
    """Until the peer's first message, the HTTP handshake included."""
    permission_timeout: float = attrs.field(default=300.0, validator=gt(0))
    """Until a request for permission that nobody answers is denied."""
    ping_interval: float = attrs.field(default=20.0, validator=gt(0))
    """Between two pings."""
    ping_timeout: float = attrs.field(default=20.0, validator=gt(0))
    """Until a peer that does not answer one is given up."""
