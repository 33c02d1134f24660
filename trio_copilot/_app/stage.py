"""Where the demo plays: a real CLI kept offline, or a scripted one."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from trio_copilot import Client, open_client
from trio_copilot.testing import (
    Script,
    ScriptedCli,
    ScriptedModel,
    cli_environment,
    open_scripted_cli,
    open_scripted_model,
)


@attrs.frozen
class Stage:
    """A client of a CLI whose model follows a script."""

    client: Client
    model: ScriptedModel | ScriptedCli
    options: Mapping[str, Any]
    """What a session needs to talk to that model."""


@asynccontextmanager
async def open_stage(cli: Path | None, script: Script) -> AsyncGenerator[Stage]:
    """Start the CLI at this path, or a scripted one if there is no path.

    The real one sees nothing of the user: its home is a folder that goes with the block.
    """
    if cli is None:
        async with open_scripted_cli(script) as scripted:
            async with open_client(scripted.stream) as client:
                yield Stage(client, scripted, {})
        return
    with tempfile.TemporaryDirectory(prefix="trio-copilot-demo-") as home:
        async with open_scripted_model(script) as model:
            environment = cli_environment(model, home)
            async with open_client(cli, env=environment, cwd=home) as client:
                options = {"model": model.name, "provider": model.provider}
                yield Stage(client, model, options)
