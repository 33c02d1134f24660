"""How to reach a Copilot CLI, as values: nothing here opens a connection."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import attrs
from attrs.validators import optional

from .._checks import check_type, of_type, wrong_type
from .._did_you_mean import checks_options

DEFAULT_HOST = "127.0.0.1"
"""The only address where `copilot --headless --port N` listens."""

_ADDRESS = re.compile(
    r"(?:(?:tcp|http)://)?"
    r"(?:(?:\[(?P<ipv6>[^\[\]/@]+)\]|(?P<name>[^\[\]/@:\s]+)):)?"
    r"(?P<port>[0-9]{1,9})/?"
)


def _words(args: Iterable[str]) -> tuple[str, ...]:
    check_type("args", args, Iterable)
    words = args if isinstance(args, str) else tuple(args)
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers vary
        kinds = sorted({type(word).__name__ for word in words})
        given = "str" if isinstance(words, str) else f"one of {', '.join(kinds)}"
        raise TypeError(f"args must be a sequence of strings, not {given}")
    return words


def _check_host(_tcp: Tcp, attribute: attrs.Attribute[str], host: str) -> None:
    check_type(attribute.name, host, str)
    if not host:
        raise ValueError("host must not be empty")


def _check_port(_tcp: Tcp, _attribute: attrs.Attribute[int], port: object) -> None:
    if isinstance(port, bool) or not isinstance(port, int):
        raise wrong_type("port", "an int", port)
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be within 1..65535, not {port}")


@checks_options
@attrs.frozen
class Stdio:
    """Start a CLI and talk over its standard input and output.

    Attributes:
      path: the executable; `None` finds one: see `find_cli`.
      args: more arguments for it, besides those of this package.
    """

    path: str | os.PathLike[str] | None = None
    args: tuple[str, ...] = attrs.field(
        default=(),
        converter=_words,
        repr=lambda words: f"<{len(words)}>",  # one may be a token
    )


@checks_options
@attrs.frozen
class Tcp:
    """Connect to a CLI that somebody started with `copilot --headless --port N`.

    Attributes:
      host: its name or address.
      port: 1 to 65535.
      token: the CLI's COPILOT_CONNECTION_TOKEN, if it has one; never shown.
    """

    host: str = attrs.field(validator=_check_host)
    port: int = attrs.field(validator=_check_port)
    token: str | None = attrs.field(
        default=None, repr=False, validator=optional(of_type(str))
    )

    @classmethod
    def at(cls, address: str, *, token: str | None = None) -> Tcp:
        """Return the connection for an address in text.

        Args:
          address: `"host:port"`, `"port"` (on this machine) or `"[::1]:port"`, each
              also after `tcp://` or `http://`.
          token: see the class.

        Raises:
          ValueError: it has another form, or the port is not within 1..65535.
        """
        match = _ADDRESS.fullmatch(address.strip())
        if match is None or not 1 <= int(match["port"]) <= 65535:
            # Leave out what may be a password or a token.
            shown = address.rpartition("@")[2].partition("?")[0]
            raise ValueError(
                f"{shown!r} is not the address of a CLI: expected 'host:port', 'port' or "
                "'[::1]:port' with a port within 1..65535"
            )
        host = match["ipv6"] or match["name"] or DEFAULT_HOST
        return cls(host, int(match["port"]), token)
