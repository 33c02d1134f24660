"""What users hold of a CLI: its sessions, calls and figures.

The block that owns it is in `open_client`. The file is long because the docstrings of the
public methods are here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Unpack

import attrs

from .._blocks import called
from .._checks import seconds
from .._errors import RpcError
from .._json import as_array, as_object, as_text
from .._paths import PathLike, PathRule
from .._peer import Peer
from .._protocol.roots import server_rpc
from .._resource_errors import ClientClosedError
from .._session.buffer import Overflow
from .._session.fanout import DEFAULT_CAPACITY, Subscription, check_types
from .._session.missing import about_session
from .._session.statistics import ClientStatistics
from .._transport.link import Link
from .._wire.codes import INTERNAL_ERROR
from .catalogue import LIFECYCLE_TYPES, SessionChange, SessionMetadata
from .connect import CliFacts
from .routes import Routes
from .status import AuthStatus, CliStatus

if TYPE_CHECKING:
    from .._protocol.generated.rpc.general import PingResult
    from .._protocol.generated.rpc.models import Model
    from .._protocol.generated.rpc.roots import ServerRpc
    from .._session.keywords import SessionKeywords
    from .._session.options import SessionOptions
    from .._session.session import Session

OPEN_TIMEOUT = 120.0
"""Seconds that a CLI may take to open a session: it needs 0.1, and a minute for an MCP
server that does not start."""


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

        Leaving the block stops an open turn, lets `on` handlers see the last events, and
        releases the session at the CLI; it can be resumed by its id. An exception in a
        handler of the session comes out of the block.

        Args:
          options: the options that `keywords` override.
          session_id: an id of your choice; `None` takes the one in `options`, or a new
            one.
          open_timeout: seconds that the CLI may take to open the session, MCP servers
            that start slowly included; `None` is for ever. A session that opens later is
            released.
          keywords: the fields of `SessionOptions`, by name.

        Raises:
          TypeError, ValueError: an option does not exist, or does not fit.
          RpcError: the CLI refused.
          CliUnresponsiveError: the CLI did not answer within `open_timeout`.
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
        """Continue a conversation by its id; otherwise as `open_session`.

        The CLI remembers the conversation and the working directory, but no other
        option: pass those again.

        Raises:
          SessionNotFoundError: no such session exists. It was deleted, or it never had a
            prompt.
          RpcError: the CLI cannot read the session's file.
          TypeError: and the other errors of `open_session`.

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
        """Every method of the CLI that is not about one session, typed.

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
        """Return the sessions that can be resumed: those that ever had a prompt.

        Each argument narrows the result.

        Args:
          working_directory: where the session worked.
          git_root: the root of the repository that it worked in.
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
        """Return what the CLI stores about a session; `None` if it does not know the id.

        Protocol: `session.getMetadata`.
        """
        result = await self.call("session.getMetadata", {"sessionId": session_id})
        raw = as_object(as_object(result).get("session"))
        return SessionMetadata.from_wire(raw) if raw else None

    async def last_session_id(self) -> str | None:
        """Return the id of the most recently used session, if there is one.

        Protocol: `session.getLastId`.
        """
        result = await self.call("session.getLastId")
        return as_text(as_object(result).get("sessionId")) or None

    async def delete_session(self, session_id: str) -> None:
        """Delete a session for ever, with everything that the CLI stores about it.

        An open turn of this session ends with `SessionClosedError`.

        Raises:
          SessionNotFoundError: the CLI has no such session.
          RpcError: the CLI could not delete it.

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
        """Follow every session of the CLI: `async with client.lifecycle() as changes`.

        This includes the sessions of other clients. The CLI may repeat a change.

        Args:
          types: such as `session.deleted`; none means all.
          capacity: how many changes may wait.
          overflow: what happens beyond that; `coalesce` keeps the newest update of each
            session.
          allow_unknown: accept types that only a newer CLI may send.

        Raises:
          ValueError: a type or the overflow rule does not exist, or the capacity is below
            1.

        Protocol: `session.lifecycle`.
        """
        check_types(types, None if allow_unknown else LIFECYCLE_TYPES)
        block = self._routes.lifecycle.subscribe(
            types, capacity=capacity, overflow=overflow
        )
        return called("client.lifecycle", block)

    async def wait_closed(self) -> None:
        """Wait until the client's block has been left or the connection is lost.

        `Cancelled` leaves nothing behind.

        Raises:
          CliExitedError, ProtocolError: the connection was lost.
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
        """Return whether an account is logged in, and which. Protocol: `auth.getStatus`."""
        return AuthStatus.from_wire(as_object(await self.call("auth.getStatus")))

    async def list_models(self) -> tuple[Model, ...]:
        """Return the models that the account can use. Protocol: `models.list`.

        Raises:
          RpcError: no account is logged in.
        """
        return (await self.rpc.models.list()).models

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call any method of the CLI and return its result as it is on the wire.

        For methods that `rpc` does not have. `Cancelled` returns at once, sends
        `$/cancelRequest`, and drops a late answer.

        Raises:
          TypeError: JSON cannot express the parameters.
          ValueError: the CLI could not read them: they are nested too deep, or a name
            that must be exact contains half of a UTF-16 pair. In other text U+FFFD
            replaces it.
          RpcError: the CLI answered with an error. Code -32700 means that it could not
            read some message, and this call had no answer a second later.
          ClientClosedError: the client's block was left.
          CliExitedError, ProtocolError: the connection was lost.
        """
        params = dict(params or {})
        with about_session(params.get("sessionId")):
            return await self._peer.request(method, params)

    def resolve_options(
        self, options: SessionOptions | None = None, **keywords: Unpack[SessionKeywords]
    ) -> SessionOptions:
        """Return the options as `open_session` would use them.

        Every path is absolute, and the provider is filled in if the CLI's environment
        names one. Use it to find mistakes before you open a session.

        Raises:
          TypeError, ValueError: as `open_session`.
        """
        return self._defaults.resolve(options, keywords)

    def kill(self) -> None:
        """Kill the CLI at once, if this client started it, as a second Ctrl-C does.

        Everything that waits for the CLI raises `CliExitedError`.
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
        # Our own id lets us register the session before the request is written, so that
        # no event is lost. In the cloud the CLI chooses the id.
        if session_id is None and resolved.cloud is None:
            session_id = resolved.session_id or str(uuid.uuid4())
        # The CLI would allow it, but sends each event once: only one of the two `Session`
        # objects would see it.
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
    """What the way in which a CLI was started decides for its sessions."""

    paths: PathRule
    working_directory: str | None = None
    """Where new sessions work by default."""
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """The CLI's, which may name a provider; empty if this client did not start it."""

    def resolve(
        self, options: SessionOptions | None, keywords: Mapping[str, Any]
    ) -> SessionOptions:
        """See `Client.resolve_options`."""
        from .._session.options import SessionOptions

        resolved = SessionOptions.of(options, keywords)
        resolved = resolved.located(resolved.paths(self.paths))
        return resolved.filled_from(self.environment)
