"""What model calls used, in one turn or in a whole session.

Strategy: a frozen sum; each `assistant.usage` makes a new one. The latency between tokens
cannot be summed, so it is kept as seconds and a number of gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .._json import as_object

LARGEST = 2**63
"""Beyond any real count, cost or time; sums of larger numbers might overflow a float."""


@attrs.frozen(kw_only=True)
class Usage:
    """What the model calls of a turn or of a session used, sub-agents included.

    Add two with `+`.
    """

    calls: int = 0
    """Model calls."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float = 0.0
    """In the CLI's own unit; 0 with your own provider."""
    duration: float = 0.0
    """Seconds spent in model calls."""
    time_to_first_token: float | None = None
    """Seconds from the start of the first call to its first token; `None` if the CLI does
    not report it."""
    streaming: float = 0.0
    """Seconds between the first and the last token of each call, where reported."""
    gaps: int = 0
    """The number of gaps between tokens that these seconds cover."""

    @property
    def inter_token_latency(self) -> float | None:
        """Average seconds from one token to the next; `None` if the CLI does not report it."""
        return self.streaming / self.gaps if self.gaps else None

    def plus(self, data: Mapping[str, Any]) -> Usage:
        """Return the sum of this and one `assistant.usage` payload."""
        return self + _of_call(data)

    def plus_compaction(self, data: Mapping[str, Any]) -> Usage:
        """Return the sum of this and one `session.compaction_complete` payload."""
        used = as_object(data.get("compactionTokensUsed"))
        if not used:
            return self
        return self + _of_call(used, calls=int(_number(used.get("requestCount", 1))))

    def __add__(self, other: Usage) -> Usage:
        """Return the sum; the calls of `self` came first."""
        summed = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        first = self if self.calls else other
        return Usage(**summed, time_to_first_token=first.time_to_first_token)


_SUMMED = tuple(
    field.name for field in attrs.fields(Usage) if field.name != "time_to_first_token"
)


def _of_call(data: Mapping[str, Any], *, calls: int = 1) -> Usage:
    """Read the payload of `assistant.usage`; a CLI may leave out any field."""

    def number(key: str) -> Any:
        return _number(data.get(key))

    first = number("timeToFirstTokenMs")
    latency = number("interTokenLatencyMs") / 1000
    gaps = max(number("outputTokens") - 1, 0) if latency else 0
    return Usage(
        calls=calls,
        input_tokens=number("inputTokens"),
        output_tokens=number("outputTokens"),
        cache_read_tokens=number("cacheReadTokens"),
        cache_write_tokens=number("cacheWriteTokens"),
        reasoning_tokens=number("reasoningTokens"),
        cost=number("cost"),
        duration=number("duration") / 1000,
        time_to_first_token=first / 1000 if first else None,
        streaming=latency * gaps,
        gaps=gaps,
    )


def _number(value: object) -> int | float:
    """Return a number that can be summed, or 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    # Arithmetic on larger ones may overflow.
    return value if abs(value) < LARGEST else 0
