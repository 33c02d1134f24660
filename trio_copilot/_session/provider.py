"""The provider of a session's model, if it is not the Copilot service.

In a terminal the CLI reads it from its environment, but not for the sessions of a client.
So we read the same variables when we start a CLI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import attrs
from attrs import validators

from .._checks import of_strings, of_type, one_of, safe_repr
from .._did_you_mean import checks_options
from .wire_fields import wire_fields

TYPES = ("openai", "azure", "anthropic")
WIRE_APIS = ("completions", "responses")


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class Provider:
    """A model provider of your own (BYOK), instead of the Copilot service.

    The model's name is an option of the session: `open_session(provider=..., model=...)`.
    """

    __repr__ = safe_repr

    base_url: str = attrs.field(validator=of_type(str))
    """Such as `http://127.0.0.1:11434/v1`."""
    type: Literal["openai", "azure", "anthropic"] = attrs.field(
        default="openai", validator=one_of(TYPES)
    )
    """The protocol that the provider speaks."""
    api_key: str | None = attrs.field(
        default=None, validator=validators.optional(of_type(str))
    )
    """Sent in the header that the protocol has for keys."""
    bearer_token: str | None = attrs.field(
        default=None, validator=validators.optional(of_type(str))
    )
    """Sent as `Authorization: Bearer`, and wins over `api_key`."""
    wire_api: Literal["completions", "responses"] | None = attrs.field(
        default=None, validator=validators.optional(one_of(WIRE_APIS))
    )
    """Which of OpenAI's interfaces the provider has; `None` is `completions`."""
    headers: Mapping[str, str] | None = attrs.field(
        default=None, validator=validators.optional(of_strings)
    )
    """Additional HTTP headers of each request."""

    def __attrs_post_init__(self) -> None:
        if not self.base_url:
            raise ValueError("base_url must not be empty")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Provider | None:
        """Return the provider that the CLI's variables name, or `None`.

        These are `COPILOT_PROVIDER_BASE_URL`, `_TYPE`, `_API_KEY`, `_BEARER_TOKEN`,
        `_WIRE_API` and `_HEADERS` (lines of `Name: value`).

        Raises:
          ValueError: one of them has a value that the CLI does not know.
        """

        def variable(name: str) -> Any:
            return environment.get(f"COPILOT_PROVIDER_{name}") or None

        base_url = variable("BASE_URL")
        if base_url is None:
            return None
        lines = cast("str", variable("HEADERS") or "").splitlines()
        pairs = [line.partition(":") for line in lines if ":" in line]
        return cls(
            base_url=base_url,
            type=variable("TYPE") or "openai",
            api_key=variable("API_KEY"),
            bearer_token=variable("BEARER_TOKEN"),
            wire_api=variable("WIRE_API"),
            headers={name.strip(): value.strip() for name, _, value in pairs} or None,
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the wire form of the provider."""
        return wire_fields(attrs.asdict(self, recurse=False))
