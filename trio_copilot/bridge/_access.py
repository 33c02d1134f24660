"""Which peers may come in: the token, the page's origin, and the server's own names.

Strategy: three checks, each for what the others cannot see. The token admits a peer. The
`Origin` header, which only browsers send, names the page: foreign pages are refused before
they can guess a token. A foreign name in `Host` means that a page has had its own name
resolved to this machine (DNS rebinding), so only our names are accepted. Addresses are
always accepted, because they cannot be rebound.

This module knows headers and words, but no connection.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
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


@attrs.define
class Access:
    """The rules for coming in."""

    token: str = attrs.field(repr=False)
    host: str
    """The address or name that the server is bound to."""
    _origins: set[str] = attrs.field(factory=set[str], init=False)

    def allow(self, origins: Iterable[str]) -> None:
        """Admit pages of these origins, too.

        Raises:
          ValueError: one is not an origin.
        """
        for origin in origins:
            if not is_origin(origin):
                raise ValueError(
                    f"{origin!r} is not an origin: a scheme, a host, and a port unless "
                    "it is the default, such as http://127.0.0.1:8400"
                )
            self._origins.add(origin)

    def has_token(self, token: str) -> bool:
        """Return whether this is the access token, in constant time."""
        given, ours = (
            each.encode("utf-8", "surrogatepass") for each in (token, self.token)
        )
        return hmac.compare_digest(given, ours)

    def refusal(self, host: str, origins: Sequence[str]) -> HTTPStatus | None:
        """Return the status to refuse a request with; `None` if it may continue.

        Args:
          host: its `Host` header.
          origins: its `Origin` headers; a program sends none.
        """
        if len(origins) > 1 or not self._origins.issuperset(origins):
            return HTTPStatus.FORBIDDEN
        if not self._is_ours(host):
            return HTTPStatus.MISDIRECTED_REQUEST
        return None

    def admits_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may come in."""
        return origin in self._origins

    def _is_ours(self, host: str) -> bool:
        name = name_of(host)
        if name is None:
            return False
        with suppress(ValueError):
            ip_address(name)
            return True
        of_pages = {name_of(urlsplit(each).netloc) for each in self._origins}
        return name in {"localhost", self.host.lower(), *of_pages}


def name_of(host: str) -> str | None:
    """Return the name or address in a `Host` header; `None` if it is malformed.

    The result is safe in a header or a URL: it holds only letters, digits and `.:-_`.
    """
    match = _HOST.fullmatch(host)
    return (match["ipv6"] or match["name"]).lower() if match else None
