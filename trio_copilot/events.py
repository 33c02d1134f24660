"""Every event that the Copilot CLI sends.

Importing this module loads none of the payload classes; the first use of a name loads
the module that it lives in.
"""

from __future__ import annotations

from ._protocol.envelope import SessionEvent as SessionEvent
from ._protocol.unknown import (
    MalformedEvent as MalformedEvent,
    UnknownEvent as UnknownEvent,
    UnknownVariant as UnknownVariant,
)
