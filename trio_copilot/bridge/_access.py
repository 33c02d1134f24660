"""Who may come in: the token, the page's origin, the name that the server goes by.

Strategy: three checks, each for what the others cannot see. The token is what lets
anybody in. A browser says in `Origin` which page speaks, and a foreign page is turned
away before it can guess. A foreign name in `Host` is a page that has had its name
resolved to this machine (DNS rebinding): names are only accepted if they are ours, and
addresses always, since those cannot be rebound.

This module knows headers and words, and no connection.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

import attrs

_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?",
    re.ASCII | re.IGNORECASE,
)


def make_token() -> str:
    """Return a new access token: 256 random bits, safe in a URL's fragment."""
    return secrets.token_urlsafe(32)


def is_origin(text: str) -> bool:
    """Return whether this is an origin as browsers write it: `http://host:port`."""
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname) and text == (
            f"{parts.scheme}://{parts.netloc}".lower()
        )
    except ValueError:
        return False


def _origin(text: str) -> str:
    if not is_origin(text):
        raise ValueError(
            f"{text!r} is no origin: one is a scheme, a host and a port if it is not "
            "the usual one, such as http://127.0.0.1:8400"
        )
    return text


@attrs.define
class Access:
    """What it takes to come in."""

    _token: str = attrs.field(repr=False)
    host: str
    """What the server is bound to: an address or a name."""
    _origins: set[str] = attrs.field(factory=set[str], init=False)

    def allow(self, origins: Iterable[str]) -> None:
        """Let pages of these origins in, too.

        Raises:
          ValueError: one is no origin.
        """
        self._origins.update(map(_origin, origins))

    def has_token(self, token: str) -> bool:
        """Return whether this is the access token, in a time that does not tell more."""
        given, mine = (
            each.encode("utf-8", "surrogatepass") for each in (token, self._token)
        )
        return hmac.compare_digest(given, mine)

    def admits_origin(self, origin: str | None) -> bool:
        """Return whether a request with this header `Origin` may go on.

        `None` is no header at all: no page, but a program, which needs the token too.
        """
        return origin is None or origin in self._origins

    def admits_host(self, host: str) -> bool:
        """Return whether a request with this header `Host` may go on."""
        name = name_of(host)
        return name is not None and (_is_address(name) or name in self._names())

    def _names(self) -> set[str]:
        of_pages = {name_of(urlsplit(each).netloc) or "" for each in self._origins}
        return {"localhost", self.host.lower(), *of_pages} - {""}


def name_of(host: str) -> str | None:
    """Return the name or address in a header `Host`; `None` if that is not well-formed.

    What is returned can go into a header or a URL: it holds letters, digits and `.:-_`.
    """
    match = _HOST.fullmatch(host)
    return (match["ipv6"] or match["name"]).lower() if match else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
