"""A CLI, scripted or real, and all that a client needs to use it.

The same test can run on both: on the scripted CLI in simulated time and without a process,
on the real one with a scripted model behind it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .._blocks import as_block
from .._client.client import Client
from .._client.open_client import open_client
from .._session.session import Session
from ._environment import cli_environment
from ._script import Reply, Script
from ._scripted_cli import ScriptedCli, open_scripted_cli

if TYPE_CHECKING:
    from ._scripted_model import ScriptedModel

__all__ = ["Stage", "open_stage"]


@attrs.define(eq=False)
class Stage:
    """Where a test runs; made by `open_stage`.

    Attributes:
      model: the record of the model calls: the scripted CLI, or the scripted model
          behind a real one.
      scope: around everything that `cancel_everywhere` has opened.
    """

    model: ScriptedCli | ScriptedModel
    _open_client: Callable[..., AbstractAsyncContextManager[Client]]
    _client: Client | None = attrs.field(default=None, init=False)
    _session: Session | None = attrs.field(default=None, init=False)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    @property
    def cli(self) -> ScriptedCli | None:
        """The scripted CLI; `None` on a real one."""
        return self.model if isinstance(self.model, ScriptedCli) else None

    @property
    def client(self) -> Client:
        """The client that was opened last, by the test or for it.

        Raises:
          RuntimeError: none has been opened.
        """
        if self._client is None:
            raise RuntimeError(
                "This stage has no client yet: enter open_client() first"
            )
        return self._client

    @property
    def session(self) -> Session:
        """The session that was opened last, by the test or for it.

        Raises:
          RuntimeError: none has been opened.
        """
        if self._session is None:
            raise RuntimeError(
                "This stage has no session yet: enter open_session() first"
            )
        return self._session

    @as_block
    async def open_client(self, **options: Any) -> AsyncGenerator[Client, None]:
        """Open a client on this CLI; see `trio_copilot.open_client` for the options."""
        async with self._open_client(**options) as client:
            self._client = client
            yield client

    @as_block
    async def open_session(self, **options: Any) -> AsyncGenerator[Session, None]:
        """Open a session of this stage's client; see `Client.open_session`."""
        async with self.client.open_session(**options) as session:
            self._session = session
            yield session

    def cancel(self) -> None:
        """Cancel everything that `cancel_everywhere` has opened."""
        self.scope.cancel()

    def kill_cli(self) -> None:
        """Kill the CLI at once."""
        if self.cli is not None:
            self.cli.kill()
        elif self._client is not None:
            self._client.kill()

    def abort_remotely(self) -> None:
        """Abort what the session is doing, as another client of the scripted CLI would."""
        assert self.cli is not None, "only the scripted CLI has this second client"
        if self._session is not None:
            self.cli.abort(self._session.id)


@as_block
async def open_stage(
    script: Script | Reply = (),
    *,
    cli: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
    scripted: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Stage, None]:
    """Set up a CLI and its model for as long as the block lasts.

    Args:
      script: what the model answers; see `Script`.
      cli: the executable of a real CLI; `None` is the scripted one.
      home: a home for the real CLI, an empty folder.
      scripted: further arguments of `open_scripted_cli`.
    """
    if cli is None:
        async with open_scripted_cli(script, **(scripted or {})) as peer:

            def on_stream(**options: Any) -> AbstractAsyncContextManager[Client]:
                return open_client(peer.stream, **options)

            yield Stage(peer, on_stream)
        return
    if home is None:
        raise ValueError("A real CLI needs its own home: home=, an empty folder")

    from ._scripted_model import open_scripted_model  # needs the extra `testing`

    async with open_scripted_model(script) as model:
        # The environment names the model, so sessions need no `provider=`.
        defaults: dict[str, Any] = {"env": cli_environment(model, home), "cwd": home}

        def on_process(**options: Any) -> AbstractAsyncContextManager[Client]:
            return open_client(cli, **{**defaults, **options})

        yield Stage(model, on_process)
