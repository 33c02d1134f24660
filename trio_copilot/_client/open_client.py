"""The block that owns a CLI: start, handshake, sessions, end.

Three blocks inside each other: the link owns the process or the socket, the peer the
connection, the client the sessions. They are left in reverse order, whatever happens:
sessions are stopped and released, the CLI is asked to shut down, its stdin ends, and if
that is not enough its process group is terminated and killed.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import trio

from .._blocks import as_block
from .._checks import check_type
from .._paths import PathLike
from .._peer import Peer, beat, open_peer
from .._protocol.roots import check_handlers
from .._scopes import impatient, open_block, require_trio
from .._transport.link import Connection, LaunchOptions, Link, open_link, paths_of
from .._transport.process import SHUTDOWN_TIMEOUT
from .client import Client, SessionDefaults
from .connect import announce, greet
from .routes import Routes

if TYPE_CHECKING:
    from .._protocol.generated.rpc.handlers import ClientHandlers

logger = logging.getLogger("trio_copilot.client")

TURN_TIMEOUT = 2.0
"""Seconds that leaving waits for turns of other tasks; they end with the CLI anyway."""

SHUTDOWN_REQUEST_TIMEOUT = 1.0
"""Seconds to wait for the answer to `runtime.shutdown`; the CLI needs 0.03."""


@as_block
async def open_client(
    connection: Connection = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: PathLike | None = None,
    log_level: str | None = None,
    home: PathLike | None = None,
    github_token: str | None = None,
    use_logged_in_user: bool = True,
    telemetry: Mapping[str, str] | None = None,
    shutdown_timeout: float = SHUTDOWN_TIMEOUT,
    heartbeat: float | None = None,
    handlers: ClientHandlers | None = None,
) -> AsyncGenerator[Client, None]:
    """Start a CLI, or connect to one, for the length of the block.

    Once the block has been left, however it was left, every session has been stopped and
    released, and the process that it started has been reaped. Leaving aborts the work,
    asks the CLI to shut down and ends its stdin. If that is not enough, its process group
    is terminated, and then killed. This usually takes 0.1 seconds and at most 10.
    `Cancelled` during start or end leaves no process behind either. A second Ctrl-C kills
    the CLI at once.

    An exception raised in the block leaves it as itself.

    Args:
      connection: `None` finds the CLI (see `find_cli`) and talks to it over stdio. A
        path, or a list of a program and its arguments, is short for `Stdio`. `Tcp`
        connects to a running CLI and leaves it running. Any `trio.abc.Stream` stands for
        the stdio of a CLI, for tests; it is closed at the end.
      env: the environment of the CLI: `None` inherits this process's, a mapping replaces
        it. Its `COPILOT_CLI_PATH` and `PATH` are used to find the CLI.
      cwd: the directory of the CLI, and of new sessions by default. `None` is this
        process's directory. Relative paths start there, `~` is this process's home.
      log_level: what the CLI logs: none, error, warning, info, debug, all.
      home: where the CLI keeps its state (`COPILOT_HOME`); a path as `cwd`.
      github_token: a GitHub token to authenticate with.
      use_logged_in_user: whether the CLI may use the account that is logged in.
      telemetry: variables of OpenTelemetry for the CLI, such as
        `OTEL_EXPORTER_OTLP_ENDPOINT` or `COPILOT_OTEL_FILE_EXPORTER_PATH`.
      shutdown_timeout: seconds that the end of the process may take before it is killed,
        besides the time that sessions need.
      heartbeat: seconds between pings of the CLI, and the time that it has to answer
        each. If it does not, everything that waits raises `CliUnresponsiveError`, and
        leaving the block terminates the process. `None` sends no pings.
      handlers: a `trio_copilot.rpc.ClientHandlers` for requests of the CLI that are not
        about a session, such as calls of models. An exception in a handler cancels the
        block and comes out of it.

    Raises:
      CliNotFoundError: no CLI was found; says where it looked.
      ValueError: `cwd` does not exist, or another option makes no sense.
      ConnectError: nothing listens there, or it is not executable or not a Copilot CLI.
      CliExitedError: the CLI ended at once; shows what it wrote to stderr.
      IncompatibleCliError: the CLI speaks another version of the protocol.
      RuntimeError: not called from within Trio.

    Protocol: `connect`, `runtime.shutdown`.
    """
    require_trio()
    if heartbeat is not None:
        check_type("heartbeat", heartbeat, int, float)
        if not heartbeat > 0:
            raise ValueError(f"heartbeat must be above 0 seconds, and is {heartbeat}")
    check_handlers(handlers, "ClientHandlers")
    paths = paths_of(connection)
    launch = LaunchOptions(
        env=env,
        cwd=None if cwd is None else paths.directory(cwd, "cwd"),
        log_level=log_level,
        home=None if home is None else paths.absolute(home, "home"),
        github_token=github_token,
        use_logged_in_user=use_logged_in_user,
        telemetry=telemetry,
        shutdown_timeout=shutdown_timeout,
    )
    # The nursery is outside the peer's block because the peer needs the routes, and the
    # routes need the nursery.
    async with open_link(connection, launch) as link, open_block() as nursery:
        import_module("trio_copilot._session.session")  # costs no time: the CLI starts
        defaults = SessionDefaults(
            paths,
            launch.cwd if paths.ours else None,
            launch.environment() if link.pid is not None else {},
        )
        routes = Routes(handlers, nursery, link.give_up)
        async with open_peer(
            link.stream,
            take_frame=routes.take_frame,
            on_notification=routes.notify,
            on_end=routes.end,
            why_ended=link.exit_error,
            answer=routes.answer,
        ) as peer:
            greeted = False
            try:
                facts = await greet(peer, link, handlers)
                greeted = True  # so it can be asked to shut down, whatever its version
                facts.check_compatible()
                await announce(peer, handlers)
                async with open_block() as watchers:
                    watchers.start_soon(_begin_farewell_when_cancelled, peer)
                    if heartbeat is not None:
                        watchers.start_soon(beat, peer, heartbeat)
                    yield Client(peer, link, routes, facts, defaults)
                    watchers.cancel_scope.cancel()
            finally:
                with impatient(link.kill):
                    await _close(peer, link, routes, greeted=greeted)  # noqa: ASYNC102  # shields its steps itself
                nursery.cancel_scope.cancel()


async def _close(peer: Peer, link: Link, routes: Routes, *, greeted: bool) -> None:
    """Stop all sessions side by side, then ask the CLI to shut down."""
    farewell = peer.farewell
    farewell.begin()
    async with open_block() as nursery:
        for session in tuple(routes.sessions.values()):
            nursery.start_soon(session.close, TURN_TIMEOUT)
    # A CLI that is still starting would not answer; ending its input has to be enough.
    if link.owned and greeted and peer.end is None:
        with farewell.last_words(SHUTDOWN_REQUEST_TIMEOUT) as patience:
            await peer.submit_nowait("runtime.shutdown", {}).settled()
        if patience.cancelled_caught:
            logger.warning(
                "%s did not answer runtime.shutdown: ending its input", link.label
            )


async def _begin_farewell_when_cancelled(peer: Peer) -> None:
    """Let all last words share one time as soon as the client's block is cancelled.

    Blocks of sessions inside it are left before `_close` can do that.
    """
    try:
        await trio.sleep_forever()
    finally:
        peer.farewell.begin()
