"""What users hold of a CLI: sessions, calls, figures; and the block that owns it.

Three blocks inside each other: the transport owns the process or the socket, the peer
the connection, the client the sessions. They are left in the reverse order, whatever
happens: sessions are stopped and released, the CLI is asked to shut down, its stdin
ends, and if that is not enough its process group is terminated and killed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Unpack

import attrs
import trio

from .._blocks import as_block, called
from .._checks import check_type, seconds
from .._errors import RpcError
from .._json import as_array, as_object, as_text
from .._paths import PathLike, PathRule
from .._peer import Peer, beat, open_peer
from .._protocol.roots import check_handlers, server_rpc
from .._resource_errors import ClientClosedError
from .._scopes import impatient, open_block, require_trio
from .._session.buffer import Overflow
from .._session.fanout import DEFAULT_CAPACITY, Subscription, check_types
from .._session.missing import about_session
from .._session.statistics import ClientStatistics
from .._transport.link import Connection, LaunchOptions, Link, open_link, paths_of
from .._transport.process import SHUTDOWN_TIMEOUT
from .._wire.codes import INTERNAL_ERROR
from .catalogue import LIFECYCLE_TYPES, SessionChange, SessionMetadata
from .connect import CliFacts, announce, greet
from .routes import Routes
from .status import AuthStatus, CliStatus

if TYPE_CHECKING:
    from .._protocol.generated.rpc.general import PingResult
    from .._protocol.generated.rpc.handlers import ClientHandlers
    from .._protocol.generated.rpc.models import Model
    from .._protocol.generated.rpc.roots import ServerRpc
    from .._session.keywords import SessionKeywords
    from .._session.options import SessionOptions
    from .._session.session import Session

logger = logging.getLogger("trio_copilot.client")

OPEN_TIMEOUT = 120.0
"""Seconds that a CLI may take to open a session: it needs 0.1, and a minute for an MCP
server that does not start."""

TURN_TIMEOUT = 2.0
"""Seconds that leaving waits for turns of other tasks; the end of the CLI ends them too."""

SHUTDOWN_REQUEST_TIMEOUT = 1.0
"""Seconds to wait for the answer to `runtime.shutdown`; the CLI needs 0.03."""


@attrs.define(eq=False)
class Client:
    """A running CLI; made by `open_client`."""

    _peer: Peer
    _link: Link
    _routes: Routes
    _facts: CliFacts
    _defaults: SessionDefaults

    def __repr__(self) -> str:
        sessions = f"{len(self._routes.sessions)} session(s)"
        state = type(self._peer.end).__name__ if self._peer.end else sessions
        return f"<Client of CLI {self.cli_version}, pid {self.pid}: {state}>"

    @property
    def cli_version(self) -> str:
        """The version of the CLI."""
        return self._facts.version

    @property
    def protocol_version(self) -> int:
        """The version of the protocol that the CLI speaks."""
        return self._facts.protocol_version

    @property
    def pid(self) -> int | None:
        """The process id of the CLI; `None` if this client did not start it."""
        return self._link.pid

    def open_session(
        self,
        options: SessionOptions | None = None,
        *,
        session_id: str | None = None,
        open_timeout: float | None = OPEN_TIMEOUT,
        **keywords: Unpack[SessionKeywords],
    ) -> AbstractAsyncContextManager[Session]:
        """Begin a conversation: `async with client.open_session(...) as session`.

        Leaving the block stops an open turn, lets `on` handlers see the last events,
        and releases the session at the CLI; it can be resumed by its id. An exception
        in a handler of the session comes out of the block.

        Args:
          options: where to start from.
          session_id: an id of your choice; `None` is that of `options`, or a new one.
          open_timeout: seconds that the CLI may take to open it, MCP servers that are
            slow to start included; `None` is for ever. If it is opened later all the
            same, it is released.
          keywords: the fields of `SessionOptions`, by name; they win over `options`.

        Raises:
          TypeError, ValueError: an option does not exist, or does not fit.
          RpcError: the CLI refused.
          CliUnresponsiveError: it did not answer within `open_timeout`.
          CliExitedError, ProtocolError: the connection was lost.

        Protocol: `session.create`, `session.detach`.
        """
        given: dict[str, Any] = {**keywords}
        if session_id is not None:
            given["session_id"] = session_id
        block = self._open("session.create", None, options, open_timeout, given)
        return called("client.open_session", block)

    def resume_session(
        self,
        session_id: str,
        options: SessionOptions | None = None,
        *,
        open_timeout: float | None = OPEN_TIMEOUT,
        **keywords: Unpack[SessionKeywords],
    ) -> AbstractAsyncContextManager[Session]:
        """Go on with a conversation: as `open_session`, by the id it had.

        The CLI remembers what was said and where the agent works, and forgets the other
        options: pass them again.

        Raises:
          SessionNotFoundError: there is no such session: it was deleted, or nothing was
            ever said in it.
          RpcError: the CLI cannot read its file; and others as for `open_session`.

        Protocol: `session.resume`, `session.detach`.
        """
        method = "session.resume"
        block = self._open(method, session_id, options, open_timeout, keywords)
        return called("client.resume_session", block)

    def statistics(self) -> ClientStatistics:
        """Return what is open now and what has happened so far."""
        sessions = tuple(self._routes.sessions.values())
        tally = self._routes.tally
        return ClientStatistics(
            open_sessions=len(sessions),
            open_turns=sum(session.turn is not None for session in sessions),
            open_requests=tuple(
                label for session in sessions for label in session.open_requests
            ),
            pending_calls=self._peer.pending_calls,
            subscriptions=(
                *self._routes.lifecycle.statistics(),
                *(each for s in sessions for each in s.fanout.statistics()),
            ),
            bytes_received=self._peer.bytes_received,
            bytes_sent=self._peer.bytes_sent,
            events=dict(tally.events),
            repeated_events=tally.repeated_events,
            ended_turns=dict(tally.ended_turns),
            drains=tally.drains,
            drain_time=tally.drain_time,
            longest_drain=tally.longest_drain,
        )

    @property
    def rpc(self) -> ServerRpc:
        """Every method of the CLI that is about no session, typed.

        `await client.rpc.models.list()` calls `models.list`. See `trio_copilot.rpc`.
        """
        return server_rpc(self.call)

    async def list_sessions(
        self,
        *,
        working_directory: PathLike | None = None,
        git_root: PathLike | None = None,
        repository: str | None = None,
        branch: str | None = None,
    ) -> list[SessionMetadata]:
        """Return the sessions that can be resumed: those in which something was said.

        Args:
          working_directory: only those that worked there; the others likewise.
          git_root: the root of the repository they worked in.
          repository: `owner/name`.
          branch: the branch that was checked out.

        Protocol: `session.list`.
        """
        absolute = self._defaults.paths.absolute
        wire_filter: dict[str, str] = {}
        if working_directory is not None:
            wire_filter["cwd"] = absolute(working_directory, "working_directory")
        if git_root is not None:
            wire_filter["gitRoot"] = absolute(git_root, "git_root")
        if repository is not None:
            wire_filter["repository"] = repository
        if branch is not None:
            wire_filter["branch"] = branch
        params = {"filter": wire_filter} if wire_filter else {}
        result = await self.call("session.list", params)
        sessions = as_array(as_object(result).get("sessions"))
        return [SessionMetadata.from_wire(as_object(raw)) for raw in sessions]

    async def session_metadata(self, session_id: str) -> SessionMetadata | None:
        """Return what the CLI keeps of a session; `None` if it does not know it.

        Protocol: `session.getMetadata`.
        """
        result = await self.call("session.getMetadata", {"sessionId": session_id})
        raw = as_object(as_object(result).get("session"))
        return SessionMetadata.from_wire(raw) if raw else None

    async def last_session_id(self) -> str | None:
        """Return the id of the session that was used last, if there is one.

        Protocol: `session.getLastId`.
        """
        result = await self.call("session.getLastId")
        return as_text(as_object(result).get("sessionId")) or None

    async def delete_session(self, session_id: str) -> None:
        """Delete a session for ever, with all that the CLI keeps of it.

        A turn of it that is open ends with `SessionClosedError`.

        Raises:
          SessionNotFoundError: the CLI has no such session.
          RpcError: it could not delete it.

        Protocol: `session.delete`.
        """
        method = "session.delete"
        result = as_object(await self.call(method, {"sessionId": session_id}))
        if result.get("success") is not True:
            reason = as_text(result.get("error")) or "The session was not deleted"
            with about_session(session_id):
                raise RpcError(INTERNAL_ERROR, reason, method=method)

    def lifecycle(
        self,
        *types: str,
        capacity: int = DEFAULT_CAPACITY,
        overflow: Overflow | str = Overflow.COALESCE,
        allow_unknown: bool = False,
    ) -> AbstractAsyncContextManager[Subscription[SessionChange]]:
        """Hear of every session of the CLI: `async with client.lifecycle() as changes`.

        Those of other clients are among them. The CLI may say the same twice.

        Args:
          types: such as `session.deleted`; none is all of them.
          capacity: how many changes may wait.
          overflow: what happens beyond that; `coalesce` keeps the newest update of each
            session.
          allow_unknown: take types that no CLI is known to send: a newer one may.

        Raises:
          ValueError: there is no such type, no such overflow rule, or the capacity is
            none.

        Protocol: `session.lifecycle`.
        """
        check_types(types, None if allow_unknown else LIFECYCLE_TYPES)
        block = self._routes.lifecycle.subscribe(
            types, capacity=capacity, overflow=overflow
        )
        return called("client.lifecycle", block)

    async def wait_closed(self) -> None:
        """Wait until the connection to the CLI is over: the block is left, or it is lost.

        `Cancelled` leaves nothing behind.

        Raises:
          CliExitedError, ProtocolError: the connection was lost; says how.
        """
        await self._routes.ended.wait()
        error = self._peer.end
        if error is not None and not isinstance(error, ClientClosedError):
            raise error.renewed()

    async def ping(self, message: str = "") -> PingResult:
        """Call `ping` and return the CLI's answer. `Cancelled` leaves nothing behind."""

        async def call(method: str, params: dict[str, Any]) -> Any:
            raw = as_object(await self.call(method, params))
            # CLIs up to 1.0.50 send milliseconds, newer ones an ISO time.
            return {**raw, "timestamp": str(raw.get("timestamp", ""))}

        return await server_rpc(call).ping(message=message)

    async def status(self) -> CliStatus:
        """Return the version of the CLI and of its protocol. Protocol: `status.get`."""
        return CliStatus.from_wire(as_object(await self.call("status.get")))

    async def auth_status(self) -> AuthStatus:
        """Return whether somebody is logged in. Protocol: `auth.getStatus`."""
        return AuthStatus.from_wire(as_object(await self.call("auth.getStatus")))

    async def list_models(self) -> tuple[Model, ...]:
        """Return the models that the account can use. Protocol: `models.list`.

        Raises:
          RpcError: nobody is logged in.
        """
        return (await self.rpc.models.list()).models

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call any method of the CLI and return its result as it is on the wire.

        The door for what `rpc` does not have. `Cancelled` leaves at once; the CLI is
        told by `$/cancelRequest`, and a late answer is dropped.

        Raises:
          TypeError: JSON cannot express the parameters.
          ValueError: the CLI could not read them: they are too deep, or half of a UTF-16
            pair is in a name that must be exact. In other text U+FFFD takes its place.
          RpcError: the CLI answered with an error. With code -32700 it could not read
            some message, and this call had no answer a second later.
          ClientClosedError: the client's block was left.
          CliExitedError, ProtocolError: the connection was lost.
        """
        params = dict(params or {})
        with about_session(params.get("sessionId")):
            return await self._peer.request(method, params)

    def resolve_options(
        self, options: SessionOptions | None = None, **keywords: Unpack[SessionKeywords]
    ) -> SessionOptions:
        """Return the options with which `open_session` would open a session.

        Every path is absolute, and a provider that the CLI's environment names is filled
        in. Use it to find a mistake before there is a session.

        Raises:
          TypeError, ValueError: as `open_session`.
        """
        return self._defaults.resolve(options, keywords)

    def kill(self) -> None:
        """Kill the CLI at once, if this client started it.

        What a second Ctrl-C does. Everything that waits for the CLI raises
        `CliExitedError`.
        """
        self._link.kill()

    def _open(
        self,
        method: str,
        session_id: str | None,
        options: SessionOptions | None,
        open_timeout: float | None,
        keywords: Mapping[str, Any],
    ) -> AbstractAsyncContextManager[Session]:
        from .._session.session import open_session

        resolved = self._defaults.resolve(options, keywords)
        if method == "session.create" and resolved.working_directory is None:
            resolved = attrs.evolve(
                resolved, working_directory=self._defaults.working_directory
            )
        if session_id is None and resolved.cloud is None:
            session_id = resolved.session_id or str(uuid.uuid4())
        if session_id in self._routes.sessions:
            raise ValueError(f"The session {session_id!r} is open in this client")
        return open_session(
            self._peer,
            self._link.kill,
            resolved,
            session_id,
            resolved.paths(self._defaults.paths),
            method=method,
            timeout=seconds("open_timeout", open_timeout),
            sessions=self._routes.sessions,
            tally=self._routes.tally,
        )


@attrs.frozen
class SessionDefaults:
    """What the start of a CLI means for the sessions on it."""

    paths: PathRule
    working_directory: str | None = None
    """Where a session works that is created and does not say where."""
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """Of a CLI that this client has started; it may name a provider."""

    def resolve(
        self, options: SessionOptions | None, keywords: Mapping[str, Any]
    ) -> SessionOptions:
        """See `Client.resolve_options`."""
        from .._session.options import SessionOptions

        made = SessionOptions.of(options, keywords)
        located = made.located(made.paths(self.paths))
        return located.filled_from(self.environment)


async def _close(peer: Peer, link: Link, routes: Routes, *, greeted: bool) -> None:
    """Stop all sessions side by side, then ask the CLI to shut down."""
    farewell = peer.farewell
    farewell.begin()
    async with open_block() as nursery:
        for session in tuple(routes.sessions.values()):
            nursery.start_soon(session.close, TURN_TIMEOUT)
    # A CLI that is still starting does not answer: the end of its input must do.
    if link.owned and greeted and peer.end is None:
        with farewell.last_words(SHUTDOWN_REQUEST_TIMEOUT) as patience:
            await peer.submit_nowait("runtime.shutdown", {}).settled()
        if patience.cancelled_caught:
            logger.warning(
                "%s did not answer runtime.shutdown: ending its input", link.label
            )


async def _begin_farewell_when_cancelled(peer: Peer) -> None:
    """Let all drains share one time as soon as the client's block is being left."""
    try:
        await trio.sleep_forever()
    finally:
        peer.farewell.begin()


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

    When the block is left, however it is left, every session has been stopped and
    released, and a process that was started here has been reaped: its work is aborted,
    it is asked to shut down, its stdin ends, its process group is terminated, then
    killed, each step bounded, and 10 seconds in all. Usually this takes 0.1 seconds. `Cancelled` during start
    or end leaves no process behind either. A second Ctrl-C kills it at once.

    An exception raised in the block leaves it as itself.

    Args:
      connection: `None` finds the CLI (see `find_cli`) and speaks to it over stdio. A
        path, or a list of a program and its arguments, is short for `Stdio`. `Tcp`
        connects to a CLI that runs already and is left running. Any
        `trio.abc.Stream` stands for the stdio of a CLI, for tests: it is closed at
        the end.
      env: the environment of the CLI: `None` inherits this process's, a mapping takes
        its place. `COPILOT_CLI_PATH` and `PATH` of it say where to find the CLI.
      cwd: where the CLI is started, and where sessions work that are created and do
        not say where. `None` is this process's directory. As every path it starts at
        this process's directory and home; so does `home`.
      log_level: what the CLI logs: none, error, warning, info, debug, all.
      home: where the CLI keeps its state (`COPILOT_HOME`).
      github_token: a GitHub token to authenticate with.
      use_logged_in_user: whether the CLI may use the account that is logged in.
      telemetry: variables of OpenTelemetry for the CLI, such as
        `OTEL_EXPORTER_OTLP_ENDPOINT` or `COPILOT_OTEL_FILE_EXPORTER_PATH`.
      shutdown_timeout: seconds that the end of the process may take before it is
        killed, without what sessions need.
      heartbeat: ping the CLI every so many seconds, and give it up when it does not
        answer within as many: everyone who waits gets `CliUnresponsiveError`, and the
        process is terminated when the block is left. `None` trusts in it.
      handlers: a `trio_copilot.rpc.ClientHandlers`: what answers requests of the CLI
        that are about no session, such as calls of models. An exception in one cancels
        the block and comes out of it.

    Raises:
      CliNotFoundError: there is no CLI; says where it was looked for.
      ValueError: `cwd` does not exist, or another option makes no sense.
      ConnectError: nobody listens there, it is not executable, or no Copilot CLI.
      CliExitedError: the CLI ended at once; says what it wrote to stderr.
      IncompatibleCliError: it speaks another version of the protocol.
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
    async with open_link(connection, launch) as link, open_block() as nursery:
        import_module("trio_copilot._session.session")  # while the CLI starts
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
                greeted = True
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
