"""`trio-copilot serve` as a process, with the real CLI and a scripted model behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from tests.app.command import Command, Running
from trio_copilot.testing import (
    Reply,
    Script,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

INTERRUPTED = 130
TOKEN_VARIABLE = "TRIO_COPILOT_BRIDGE_TOKEN"


@attrs.frozen
class Site:
    """A page that is served."""

    model: ScriptedModel
    running: Running
    address: str
    """With the token in its fragment."""

    @property
    def origin(self) -> str:
        return self.address.partition("/#")[0]

    @property
    def token(self) -> str:
        return self.address.partition("#token=")[2]


@attrs.frozen
class Sites:
    """Serves sites, one for each test."""

    _cli: Path
    _home: Path

    @asynccontextmanager
    async def serve(
        self, script: Script | Reply, *arguments: str, token: str = ""
    ) -> AsyncGenerator[Site]:
        """Serve as long as the block lasts, and end as at Ctrl-C."""
        async with open_scripted_model(script) as model:
            environment = cli_environment(model, self._home)
            command = Command.at(self._home, **environment)
            command = command.with_env(
                COPILOT_CLI_PATH=str(self._cli), **{TOKEN_VARIABLE: token}
            )
            words = ("serve", "--port", "0", "--cwd", str(self._home), *arguments)
            async with command.started(*words) as running:
                await running.read_until("\n")
                yield Site(model, running, running.out.decode().strip())
                running.interrupt()
                ended = await running.ended()
                assert ended.status == INTERRUPTED, ended
