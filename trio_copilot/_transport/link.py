"""From where the user says that the CLI is, to a stream of bytes."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs
import trio
from attrs.validators import optional

from .._checks import of_strings, of_type, one_of
from .._errors import CliExitedError
from .._paths import ELSEWHERE, OF_A_STREAM, OF_OUR_CLI, PathRule
from .._scopes import closing
from .connections import Stdio, Tcp
from .find_cli import find_cli
from .process import open_process
from .tcp import open_tcp

LOG_LEVELS = ("none", "error", "warning", "info", "debug", "all")
TOKEN_VARIABLE = "COPILOT_SDK_AUTH_TOKEN"  # noqa: S105  # the name, not the token

Connection = (
    Stdio | Tcp | str | os.PathLike[str] | Sequence[str] | trio.abc.Stream | None
)


@attrs.frozen
class Link:
    """A stream to a CLI, and what is known about it."""

    stream: trio.abc.Stream = attrs.field(repr=False)
    label: str
    """Its name in errors: a path, an address."""
    exit_error: Callable[[], Awaitable[CliExitedError]] = attrs.field(repr=False)
    """Makes the error with the reason why the stream ended; bounded."""
    owned: bool
    """Whether the CLI ends with us."""
    kill: Callable[[], None] = attrs.field(repr=False)
    """Ends it at once, if it is ours to end: what a second Ctrl-C asks for."""
    give_up: Callable[[], None] = attrs.field(repr=False, default=lambda: None)
    """Called when it does not answer: then ending it does not wait long."""
    pid: int | None = None
    token: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class LaunchOptions:
    """How to start a CLI; see `open_client`."""

    env: Mapping[str, str] | None = attrs.field(
        default=None, repr=False, validator=optional(of_strings)
    )
    cwd: str | None = None
    """An absolute path."""
    log_level: str | None = attrs.field(
        default=None,
        validator=optional(one_of(LOG_LEVELS)),
    )
    home: str | None = None
    """An absolute path."""
    github_token: str | None = attrs.field(
        default=None, repr=False, validator=optional(of_type(str))
    )
    use_logged_in_user: bool = attrs.field(default=True, validator=of_type(bool))
    telemetry: Mapping[str, str] | None = attrs.field(
        default=None, repr=False, validator=optional(of_strings)
    )
    shutdown_timeout: float = attrs.field(validator=of_type(int, float))

    def arguments(self) -> list[str]:
        """Return the arguments that make the CLI a server on its stdio."""
        arguments = ["--headless", "--no-auto-update"]
        if self.log_level is not None:
            arguments += ["--log-level", self.log_level]
        if self.github_token is not None:
            arguments += ["--auth-token-env", TOKEN_VARIABLE]
        if not self.use_logged_in_user:
            arguments.append("--no-auto-login")
        return [*arguments, "--stdio"]

    def environment(self) -> dict[str, str]:
        """Return the environment of the CLI."""
        environment = dict(os.environ if self.env is None else self.env)
        environment.update(self.telemetry or {})
        if self.home is not None:
            environment["COPILOT_HOME"] = self.home
        if self.github_token is not None:
            environment[TOKEN_VARIABLE] = self.github_token
        return environment


@asynccontextmanager
async def open_link(
    connection: Connection, options: LaunchOptions
) -> AsyncGenerator[Link, None]:
    """Start a CLI or connect to one, for as long as the block lasts.

    Raises:
      TypeError: the connection has a type that nothing can connect to.
      CliNotFoundError, ConnectError: it could not be reached.
    """
    if isinstance(connection, trio.abc.Stream):
        async with closing(connection.aclose):
            yield Link(connection, "The peer", _closed, owned=True, kill=_nothing)
    elif isinstance(connection, Tcp):
        async with open_tcp(connection) as stream:
            label = f"The server at {connection.host}:{connection.port}"
            yield Link(
                stream,
                label,
                _closed,
                owned=False,
                kill=_nothing,
                token=connection.token,
            )
    else:
        stdio = as_stdio(connection)
        env = options.environment()
        path = os.fspath(find_cli(stdio.path, env=env))
        async with open_process(
            [path, *stdio.args, *options.arguments()],
            env=env,
            cwd=options.cwd,
            shutdown_timeout=options.shutdown_timeout,
        ) as process:
            yield Link(
                process.stream,
                path,
                process.exit_error,
                owned=True,
                kill=process.kill,
                give_up=process.give_up,
                pid=process.pid,
            )


def paths_of(connection: Connection) -> PathRule:
    """Return what paths mean that this CLI gets."""
    if isinstance(connection, trio.abc.Stream):
        return OF_A_STREAM
    return ELSEWHERE if isinstance(connection, Tcp) else OF_OUR_CLI


def as_stdio(
    connection: Stdio | str | os.PathLike[str] | Sequence[str] | None,
) -> Stdio:
    """Return the long form of a path or an argument list.

    Raises:
      TypeError: it is neither.
    """
    match connection:
        case Stdio():
            return connection
        case None:
            return Stdio()
        case str() | os.PathLike():
            return Stdio(connection)
        case [str() as path, *arguments]:
            return Stdio(path, tuple(arguments))
        case _:
            raise TypeError(
                "open_client takes Stdio, Tcp, a path, a list of a program and its "
                f"arguments, a trio.abc.Stream or None, not {type(connection).__name__}"
            )


def _nothing() -> None:
    """No-op: we do not own this process."""


async def _closed() -> CliExitedError:
    await trio.lowlevel.checkpoint()
    return CliExitedError(None)
