"""Where a conversation runs in tests: on the scripted CLI, or on the real one.

On the scripted CLI time is simulated, so that waiting costs nothing; on the real one a
scripted model stands behind a real process. Both offer the same. To start that process
takes longer than most conversations: tests may share one, which they reach by TCP.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from trio_copilot import Client, Session, Tcp, open_client
from trio_copilot.testing import (
    ModelRequest,
    Script,
    ScriptedCli,
    ScriptedModel,
    Stage,
    open_scripted_model,
    open_stage,
)

LISTENING = re.compile(rb"listening on port (\d+)\s")


@attrs.frozen
class Rig:
    """A client and a session, and what stands behind them."""

    client: Client
    session: Session
    model: ScriptedModel | ScriptedCli
    options: dict[str, Any]

    @property
    def scripted(self) -> ScriptedCli:
        """The scripted CLI, in tests that are about it."""
        assert isinstance(self.model, ScriptedCli)
        return self.model

    @property
    def requests(self) -> list[ModelRequest]:
        """The model calls so far."""
        return list(self.model.requests)

    async def wait_request(self, number: int = 1) -> None:
        """Wait for a model call."""
        await self.model.wait_request(number)

    async def wait_stopped(self, number: int = 1) -> None:
        """Wait until a model call has been given up by the CLI."""
        await self.model.wait_disconnect(number)

    def open_session(self, **options: Any) -> AbstractAsyncContextManager[Session]:
        """Open another session with the same model."""
        return self.client.open_session(**{**self.options, **options})


@attrs.frozen
class World:
    """Where a test runs."""

    name: str
    patience: float
    """Seconds until a test that waits for something fails."""
    stage: Callable[[Script], AbstractAsyncContextManager[Stage]]
    """A CLI of the test's own."""
    shared: int | None = None
    """The port of a real CLI for tests that only run a conversation on it."""

    @property
    def real(self) -> bool:
        """Whether it is the real CLI."""
        return self.name == "real"

    @asynccontextmanager
    async def run(self, script: Any, **options: Any) -> AsyncIterator[Rig]:
        """Open one client and one session on a script."""
        if self.shared is not None:
            async with (
                open_scripted_model(script) as model,
                open_client(Tcp("127.0.0.1", self.shared)) as client,
            ):
                options = {"model": model.name, "provider": model.provider, **options}
                async with client.open_session(**options) as session:
                    yield Rig(client, session, model, options)
            return
        async with (
            self.stage(script) as stage,
            stage.open_client() as client,
            client.open_session(**options) as session,
        ):
            yield Rig(client, session, stage.model, options)


def scripted_world() -> World:
    """Return the world of the scripted CLI."""
    return World("scripted", 600, open_stage)


def real_world(cli_path: Path, cli_home: Path, shared: int | None = None) -> World:
    """Return the world of the real CLI."""
    return World("real", 60, partial(open_stage, cli=cli_path, home=cli_home), shared)


@asynccontextmanager
async def serving(
    cli_path: Path, env: dict[str, str], cwd: Path | None = None, **extra: str
) -> AsyncIterator[int]:
    """A CLI that another program has started and that listens; yields its port."""
    argv = [cli_path, "--headless", "--no-auto-update"]
    process = await trio.lowlevel.open_process(
        [str(a) for a in argv], env={**env, **extra}, cwd=cwd, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        said = b""
        while not (port := LISTENING.search(said)):
            said += await process.stdout.receive_some()
        yield int(port[1])
    finally:
        process.terminate()
        with trio.CancelScope(shield=True), trio.move_on_after(10):
            await process.wait()
        await process.stdout.aclose()
