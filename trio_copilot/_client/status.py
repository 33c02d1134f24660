"""The status of a CLI: its version, and the account that is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .._json import as_text


@attrs.frozen(kw_only=True)
class CliStatus:
    """The version of a CLI, and of the protocol that it speaks."""

    version: str
    """The version of the CLI."""
    protocol_version: int | None = None
    """The version of the protocol; `None` if the CLI does not report it."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The whole answer, as it is on the wire."""

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> CliStatus:
        """Return the result of a `status.get`."""
        protocol = raw.get("protocolVersion")
        return cls(
            version=as_text(raw.get("version")),
            protocol_version=protocol if isinstance(protocol, int) else None,
            details=raw,
        )


@attrs.frozen(kw_only=True)
class AuthStatus:
    """Whether an account is logged in, and which."""

    is_authenticated: bool
    """Whether an account is logged in."""
    status_message: str = ""
    """The same in the CLI's words, for a person."""
    auth_type: str = ""
    """The way of logging in: `user`, `env`, `gh-cli`, `token`, ...; empty without one."""
    host: str = ""
    """The address of the GitHub server."""
    login: str = ""
    """The name of the account."""
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """The whole answer, as it is on the wire."""

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> AuthStatus:
        """Return the result of an `auth.getStatus`."""
        return cls(
            is_authenticated=raw.get("isAuthenticated") is True,
            status_message=as_text(raw.get("statusMessage")),
            auth_type=as_text(raw.get("authType")),
            host=as_text(raw.get("host")),
            login=as_text(raw.get("login")),
            details=raw,
        )
