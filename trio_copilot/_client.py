"""Owns a CLI and the connection to it: start, handshake, sessions, end.

Three blocks inside each other: the transport owns the process or the socket, the peer
the connection, the client the sessions. They are left in the reverse order, whatever
happens: sessions are stopped and released, the CLI is asked to shut down, its stdin
ends, and if that is not enough its process group is terminated and killed.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import trio

from ._errors import (
    CliExitedError,
    CliUnresponsiveError,
    ConnectError,
    CopilotError,
    IncompatibleCliError,
    ProtocolError,
    RpcError,
)
from ._json import as_array, as_object, as_text
from ._peer import Peer, beat, open_peer
from ._resource_errors import SessionClosedError
from ._scopes import as_block, impatient, last_words, open_block, require_trio
from ._session.open_session import close_session, open_session
from ._session.options import SessionOptions
from ._session.session import Session
from ._session.statistics import ClientStatistics, Tally
from ._transport.link import Connection, LaunchOptions, Link, open_link
from ._transport.process import SHUTDOWN_TIMEOUT

logger = logging.getLogger("trio_copilot.client")

PROTOCOL_VERSION = 3
"""The version of the protocol that this client speaks."""

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a CLI may take to answer for the first time: a cold start unpacks 235 MB
and was seen to take 5 s on a fast disk."""

TURN_TIMEOUT = 2.0
"""Seconds that leaving waits for turns of other tasks; what ends the CLI ends them."""

SHUTDOWN_REQUEST_TIMEOUT = 1.0
"""Seconds to wait for the answer to `runtime.shutdown`; the CLI needs 0.03."""

METHOD_NOT_FOUND = -32601


@attrs.define(eq=False)
class Client:
    """A running CLI; made by `open_client`."""

    _peer: Peer = attrs.field(init=False, repr=False)
    _link: Link = attrs.field(repr=False)
    _default_directory: str = attrs.field(repr=False)
    _cli_environment: Mapping[str, str] = attrs.field(repr=False)
    """Of a CLI that this client has started; empty for any other."""
    _sessions: dict[str, Session] = attrs.field(factory=dict[str, Session], init=False)
    _tally: Tally = attrs.field(factory=Tally, init=False, repr=False)
    protocol_version: int = attrs.field(default=0, init=False)
    """The version of the protocol that the CLI speaks."""
    cli_version: str = attrs.field(default="", init=False)
    """The version of the CLI."""

    def __repr__(self) -> str:
        sessions = f"{len(self._sessions)} session(s)"
        state = type(self._peer.end).__name__ if self._peer.end else sessions
        return f"<Client of CLI {self.cli_version}, pid {self.pid}: {state}>"

    @property
    def pid(self) -> int | None:
        """The process id of the CLI; `None` if this client did not start it."""
        return self._link.pid

    def open_session(
        self, options: SessionOptions | None = None, **keywords: Any
    ) -> AbstractAsyncContextManager[Session]:
        """Begin a conversation: `async with client.open_session(...) as session`.

        Leaving the block stops an open turn, lets `on` handlers see the last events,
        and releases the session at the CLI; it can be resumed by its id. An exception
        in a handler of the session comes out of the block.

        Args:
          options: where to start from.
          keywords: the fields of `SessionOptions`, by name; they win over `options`.

        Raises:
          TypeError, ValueError: an option does not exist, or does not fit.
          RpcError: the CLI refused.
          CliExitedError, ProtocolError: the connection was lost.

        Protocol: `session.create`, `session.detach`.
        """
        options = SessionOptions.of(options, keywords)
        session_id = options.session_id or str(uuid.uuid4())
        return self._open(options, session_id, "session.create")

    def resume_session(
        self, session_id: str, options: SessionOptions | None = None, **keywords: Any
    ) -> AbstractAsyncContextManager[Session]:
        """Go on with a conversation: as `open_session`, by the id it had.

        The CLI remembers what was said and forgets the options: pass them again.

        Raises:
          RpcError: there is no such session, and others as for `open_session`.

        Protocol: `session.resume`, `session.detach`.
        """
        options = SessionOptions.of(options, keywords)
        return self._open(options, session_id, "session.resume")

    def statistics(self) -> ClientStatistics:
        """Return what is open now and what has happened so far."""
        sessions = tuple(self._sessions.values())
        tally = self._tally
        return ClientStatistics(
            open_sessions=len(sessions),
            open_turns=sum(session._turn is not None for session in sessions),
            open_requests=tuple(
                label for session in sessions for label in session._open_requests
            ),
            pending_calls=self._peer.pending_calls,
            subscriptions=tuple(
                each for session in sessions for each in session._fanout.statistics()
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

    async def ping(self, message: str = "") -> Any:
        """Call `ping` and return the CLI's answer. `Cancelled` leaves nothing behind."""
        return await self.call("ping", {"message": message})

    async def status(self) -> Any:
        """Return the version of the CLI and of its protocol (`status.get`)."""
        return await self.call("status.get")

    async def auth_status(self) -> Any:
        """Return whether and how the CLI is authenticated (`auth.getStatus`)."""
        return await self.call("auth.getStatus")

    async def list_models(self) -> list[Any]:
        """Return the models that the account can use (`models.list`).

        Raises:
          RpcError: nobody is logged in.
        """
        result = await self.call("models.list")
        return as_array(as_object(result).get("models"))

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call any method of the CLI and return its result as it is on the wire.

        The door for what has no method here. `Cancelled` leaves at once; the CLI is
        told by `$/cancelRequest`, and a late answer is dropped.

        Raises:
          RpcError: the CLI answered with an error.
          ClientClosedError: the client's block was left.
          CliExitedError, ProtocolError: the connection was lost.
        """
        return await self._peer.request(method, dict(params or {}))

    def _open(
        self, options: SessionOptions, session_id: str, method: str
    ) -> AbstractAsyncContextManager[Session]:
        if session_id in self._sessions:
            raise ValueError(f"The session {session_id!r} is open in this client")
        return open_session(
            self._peer,
            self._link.kill,
            options.filled_from(self._cli_environment),
            session_id,
            method=method,
            default_directory=self._default_directory,
            sessions=self._sessions,
            tally=self._tally,
        )

    # -- called by the reader of the connection: synchronous

    def _notified(self, method: str, params: Any) -> None:
        said = as_object(params)
        session = self._sessions.get(as_text(said.get("sessionId")))
        if session is None:
            return
        if method == "session.event":
            session._receive(as_object(said.get("event")))
        elif method == "session.lifecycle" and said.get("type") == "session.deleted":
            # The only thing that is said of it, also to a turn that was running.
            session._lose(SessionClosedError("The session has been deleted"))

    def _ended(self, error: CopilotError) -> None:
        if isinstance(error, CliUnresponsiveError):
            self._link.give_up()
        for session in tuple(self._sessions.values()):
            session._lose(error)

    # -- the life of the block

    async def _serve(self, method: str, params: Any) -> Any:
        """Answer a request of the CLI: all that this client invites are a session's."""
        await trio.lowlevel.checkpoint()
        said = as_object(params)
        session = self._sessions.get(as_text(said.get("sessionId")))
        if session is None:
            raise RpcError(METHOD_NOT_FOUND, f"This client does not serve {method}")
        return await session._serve_request(method, said)

    async def _shake_hands(self) -> None:
        with trio.move_on_after(HANDSHAKE_TIMEOUT) as patience:
            await self._connect()
        if patience.cancelled_caught:
            raise ConnectError(
                f"{self._link.label} did not answer as a Copilot CLI within "
                f"{HANDSHAKE_TIMEOUT:g} seconds"
            )
        if self.protocol_version != PROTOCOL_VERSION:
            raise IncompatibleCliError(
                cli_version=self.cli_version or None,
                cli_protocol=self.protocol_version or None,
                supported=PROTOCOL_VERSION,
            )

    async def _connect(self) -> None:
        params: dict[str, Any] = {"supportedTaskKinds": ["agent", "client", "shell"]}
        if self._link.token is not None:
            params["token"] = self._link.token
        try:
            facts = await self._first_facts(params)
        except RpcError as error:
            raise ConnectError(
                f"{self._link.label} refused the connection: {error.message}"
            ) from error
        version = facts.get("protocolVersion")
        self.protocol_version = version if isinstance(version, int) else 0
        self.cli_version = as_text(facts.get("version"))

    async def _first_facts(self, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._first_call("connect", params)
        except RpcError as error:
            if error.code != METHOD_NOT_FOUND:
                raise
        return await self._first_call("ping", {})  # as older CLIs have it

    async def _first_call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return as_object(await self._peer.request(method, params))
        except ProtocolError as error:
            raise ConnectError(
                f"{self._link.label} does not speak as a Copilot CLI does: {error}"
            ) from error
        except CliExitedError as error:
            error.add_note(
                f"{self._link.label} ended before it answered {method!r}. Is it a "
                "Copilot CLI?"
            )
            raise

    async def _close(self) -> None:
        """Stop all sessions side by side, then ask the CLI to shut down."""
        async with trio.open_nursery() as nursery:
            for session in tuple(self._sessions.values()):
                nursery.start_soon(close_session, session, TURN_TIMEOUT)
        if self._link.owned and self._peer.end is None:
            with last_words(SHUTDOWN_REQUEST_TIMEOUT) as patience:
                await self._peer.submit_nowait("runtime.shutdown", {}).settled()
            if patience.cancelled_caught:
                logger.warning(
                    "%s did not answer within %g s of runtime.shutdown: ending its input",
                    *(self._link.label, SHUTDOWN_REQUEST_TIMEOUT),
                )


@as_block
async def open_client(
    connection: Connection = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    log_level: str | None = None,
    home: str | os.PathLike[str] | None = None,
    github_token: str | None = None,
    use_logged_in_user: bool = True,
    telemetry: Mapping[str, str] | None = None,
    shutdown_timeout: float = SHUTDOWN_TIMEOUT,
    heartbeat: float | None = None,
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
      cwd: the working directory of the CLI and of sessions that do not say their own.
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

    Raises:
      CliNotFoundError: there is no CLI; says where it was looked for.
      ConnectError: nobody listens there, it is not executable, or no Copilot CLI.
      CliExitedError: the CLI ended at once; says what it wrote to stderr.
      IncompatibleCliError: it speaks another version of the protocol.
      RuntimeError: not called from within Trio.

    Protocol: `connect`, `runtime.shutdown`.
    """
    require_trio()
    if heartbeat is not None and not heartbeat > 0:
        raise ValueError(f"heartbeat is a number of seconds, not {heartbeat!r}")
    launch = LaunchOptions(
        env=env,
        cwd=cwd,
        log_level=log_level,
        home=home,
        github_token=github_token,
        use_logged_in_user=use_logged_in_user,
        telemetry=telemetry,
        shutdown_timeout=shutdown_timeout,
    )
    async with open_link(connection, launch) as link:
        directory = os.fspath(cwd) if cwd is not None else os.getcwd()
        started = link.pid is not None
        client = Client(link, directory, launch.environment() if started else {})
        async with open_peer(
            link.stream,
            on_notification=client._notified,
            on_end=client._ended,
            why_ended=link.exit_error,
            serve=client._serve,
        ) as peer:
            client._peer = peer
            try:
                await client._shake_hands()
                async with open_block() as nursery:
                    if heartbeat is not None:
                        nursery.start_soon(beat, peer, heartbeat)
                    yield client
                    nursery.cancel_scope.cancel()
            finally:
                with impatient(link.kill):
                    await client._close()  # noqa: ASYNC102  # shields its steps itself
