"""Who runs the model of a session, if it is not the Copilot service.

The CLI has variables for that and obeys them in a terminal. A session of a client has to
be told: so we read the variables of the CLI that we start, and tell it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import attrs
from attrs import validators

from .._checks import check_type, of_type, of_words, one_of, set_fields
from .._did_you_mean import checks_options

TYPES = ("openai", "azure", "anthropic")
WIRE_APIS = ("completions", "responses")


def _not_empty(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    check_type(attribute.name, value, str)
    if not value:
        raise ValueError(f"{attribute.name} must not be empty")


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class Provider:
    """A model provider of your own (BYOK), instead of the Copilot service.

    The model's name is an option of the session: `open_session(provider=..., model=...)`.
    """

    __repr__ = set_fields

    base_url: str = attrs.field(validator=_not_empty)
    """Such as `http://127.0.0.1:11434/v1`."""
    type: Literal["openai", "azure", "anthropic"] = attrs.field(
        default="openai", validator=one_of(TYPES)
    )
    api_key: str | None = attrs.field(
        default=None, validator=validators.optional(of_type(str))
    )
    bearer_token: str | None = attrs.field(
        default=None, validator=validators.optional(of_type(str))
    )
    wire_api: Literal["completions", "responses"] | None = attrs.field(
        default=None, validator=validators.optional(one_of(WIRE_APIS))
    )
    headers: Mapping[str, str] | None = attrs.field(
        default=None, validator=validators.optional(of_words)
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Provider | None:
        """Return the provider that the CLI's variables name, or `None`.

        These are `COPILOT_PROVIDER_BASE_URL`, `_TYPE`, `_API_KEY`, `_BEARER_TOKEN`,
        `_WIRE_API` and `_HEADERS` (lines of `Name: value`).

        Raises:
          ValueError: one of them has a value that the CLI does not know.
        """

        def said(name: str) -> Any:
            return environment.get(f"COPILOT_PROVIDER_{name}") or None

        base_url = said("BASE_URL")
        if base_url is None:
            return None
        return cls(
            base_url=base_url,
            type=said("TYPE") or "openai",
            api_key=said("API_KEY"),
            bearer_token=said("BEARER_TOKEN"),
            wire_api=said("WIRE_API"),
            headers=_headers(cast("str", said("HEADERS") or "")),
        )


def _headers(text: str) -> dict[str, str] | None:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs} or None
