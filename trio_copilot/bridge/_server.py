"""The server: a bridge for the length of a block.

Strategy: when the block is left, no more connections are accepted, and all sockets are
closed side by side while their turns are stopped and their sessions released. Leaving waits
for that, for a bounded time.

This module does not know how a connection is made: see `_connections`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import attrs
import trio

from trio_copilot import Client, CopilotError, SessionOptions

from .._blocks import as_block
from .._checks import check_type
from .._scopes import impatient, open_block
from ._access import Access, make_token
from ._closing import Close, CloseCode
from ._connections import Connections
from ._limits import BridgeLimits

if TYPE_CHECKING:
    from trio_copilot import SessionKeywords


@attrs.define(eq=False)
class Bridge:
    """A server that browsers and programs talk to; made by `open_bridge`."""

    client: Client
    """The client whose CLI the sessions are of."""
    options: SessionOptions
    """The options of every session."""
    limits: BridgeLimits
    access: Access
    port: int | None
    """The TCP port; `None` if `listeners=` have none."""
    _connections: Connections

    def __repr__(self) -> str:
        return (
            f"<Bridge at {self.url or 'listeners'}: {self.connections} connection(s)>"
        )

    @property
    def token(self) -> str:
        """The access token, which a peer sends in its first message."""
        return self.access.token

    @property
    def url(self) -> str | None:
        """The address of the WebSocket; `None` without a TCP port."""
        if self.port is None:
            return None
        host = self.access.host
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def connections(self) -> int:
        """How many peers are connected, not counting those on their way in."""
        return len(self._connections)

    async def wait_connections(self, at_most: int = 0) -> None:
        """Wait until no more than `at_most` peers are connected.

        `Cancelled` changes nothing.
        """
        await self._connections.wait_for(at_most)

    def allow_origins(self, *origins: str) -> None:
        """Admit pages of these origins from now on, such as `http://127.0.0.1:8400`.

        Raises:
          ValueError: one is not an origin.
        """
        self.access.allow(origins)


@as_block
async def open_bridge(
    client: Client,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    listeners: Sequence[trio.abc.Listener[Any]] | None = None,
    token: str | None = None,
    origins: Iterable[str] = (),
    limits: BridgeLimits | None = None,
    options: SessionOptions | None = None,
    **keywords: Unpack[SessionKeywords],
) -> AsyncGenerator[Bridge, None]:
    """Serve WebSockets for the length of the block, each with its own session.

    When a peer is gone, however it went, its turn is stopped and its session released.
    Once the block has been left, however it was left, all turns have been stopped, the
    sessions released and the sockets closed with 1001. This takes some tens of
    milliseconds, and 10 seconds at most. A second Ctrl-C kills the CLI at once.

    Args:
      client: the client whose CLI the sessions are of; opened around this block.
      host: the address or name to listen at. Anybody who reaches it and knows the token
        can do with your CLI what the sessions may: beyond loopback, put TLS in front.
      port: 0 picks a free one; see `Bridge.port`.
      listeners: use these, such as TLS or a Unix socket, instead of opening any; leaving
        the block closes them. `host` is the name that reaches them.
      token: the access token. `None` makes one: `Bridge.token`.
      origins: the origins of pages that may connect, such as `http://127.0.0.1:8400`; see
        `Bridge.allow_origins`. Programs, which send no `Origin`, need none.
      limits: sizes, numbers and times.
      options: those of every session. Without `on_permission_request` the peer decides.
      keywords: the fields of `SessionOptions`, by name; they win over `options`.

    Raises:
      OSError: the address is taken, or does not belong to this machine.
      ValueError: the token is empty, an origin is not one, or the options name a
        session, or a provider without a model.
      CliExitedError, ProtocolError: the connection to the CLI was lost; all sockets have
        been closed with 1011.
      Exception: what a handler in the options raised; its socket was closed with 1011.
    """
    options = client.resolve_options(options, **keywords)
    if options.session_id is not None:
        raise ValueError("Every connection has its own session: pass no session_id")
    token = make_token() if token is None else token
    check_type("token", token, str)
    if not token:
        raise ValueError(
            "An empty token would let anybody in: pass None to have one made"
        )
    limits = limits or BridgeLimits()
    access = Access(token, host)
    access.allow(origins)
    if listeners is None:
        listeners = await trio.open_tcp_listeners(port, host=host)
    connections = Connections(client, options, limits, access)
    bridge = Bridge(
        client, options, limits, access, _port_of(listeners[0]), connections
    )

    async def watch_client() -> None:
        try:
            await client.wait_closed()
        except CopilotError:
            lost = Close(CloseCode.INTERNAL, "the CLI is lost")
            await connections.end(lost)  # noqa: ASYNC120  # shields its steps itself
            raise

    async with open_block() as nursery:
        nursery.start_soon(connections.accept, listeners, nursery)
        nursery.start_soon(watch_client)
        try:
            yield bridge
        finally:
            with impatient(client.kill):
                close = Close(CloseCode.GOING_AWAY, "the server ends")
                await connections.end(close)  # noqa: ASYNC102  # shields its steps itself
        nursery.cancel_scope.cancel()


def _port_of(listener: trio.abc.Listener[Any]) -> int | None:
    if not isinstance(listener, trio.SocketListener):
        return None
    if listener.socket.family not in (trio.socket.AF_INET, trio.socket.AF_INET6):
        return None
    port: int = listener.socket.getsockname()[1]
    return port
