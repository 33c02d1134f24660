"""Runs the examples as programs: on the real CLI, or on the scripted one.

On the real CLI a scripted model of the test answers. The scripted CLI is an object of
the test, too; the program that the example starts is a relay to it. Both give the test
the same: how the example ended, what it said and what the model was asked.
"""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs
import trio

from tests.ports import serve_stream
from trio_copilot.testing import (
    Reply,
    Script,
    ScriptedCli,
    ScriptedModel,
    cli_environment,
    open_scripted_cli,
    open_scripted_model,
)

ROOT = Path(__file__).parents[2]

PATIENCE = 60.0
"""Seconds until a test fails that waits for a program."""

LATER = 10.0
"""Seconds that a test may still take once its program has ended."""

HANGING: Script = itertools.repeat(Reply(then="hang"))

# What measures the coverage of processes that tests start.
_COVERAGE = {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}

Model: TypeAlias = ScriptedModel | ScriptedCli
Meanwhile: TypeAlias = Callable[[trio.Process, Model], Awaitable[None]]


@attrs.frozen
class Ended:
    """How an example ended, what it said, and the model that it asked."""

    status: int
    out: str
    err: str
    model: Model

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@attrs.frozen
class Behind:
    """What an example talks to, and the environment that leads there."""

    model: Model
    env: dict[str, str]


@attrs.frozen
class Serving:
    """An example that serves, what it said, and the model that it asks."""

    said: str
    model: Model
    env: dict[str, str]


@attrs.frozen
class Examples:
    """Runs examples as a user with a CLI and a model would.

    Attributes:
      world: "real" or "scripted".
    """

    world: str
    _open: Callable[..., AbstractAsyncContextManager[Behind]]

    async def run(
        self,
        name: str,
        script: Script | Reply,
        *arguments: str | Path,
        cwd: Path = ROOT,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        meanwhile: Meanwhile | None = None,
        stopped: Iterable[int] = (),
        behaviour: Mapping[str, Any] = MappingProxyType({}),
    ) -> Ended:
        """Run an example to its end.

        Args:
          name: the example.
          script: what the model answers.
          arguments: of the command line.
          cwd: where it runs.
          stdin: what it can read.
          env: more environment variables, or others.
          meanwhile: runs beside it.
          stopped: the model calls that have to be given up before they are answered.
          behaviour: of the scripted CLI, see `open_scripted_cli`; no other takes notice.
        """
        ended: list[Ended] = []
        program = [sys.executable, str(ROOT / "examples" / f"{name}.py")]

        async def run(task_status: trio.TaskStatus[trio.Process]) -> None:
            it = await trio.run_process(
                [*program, *map(str, arguments)],
                env={**behind.env, **(env or {})},
                cwd=cwd,
                stdin=stdin,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                task_status=task_status,
            )
            out, err = it.stdout.decode(), it.stderr.decode()
            ended.append(Ended(it.returncode, out, err, behind.model))
            in_time.deadline = min(in_time.deadline, trio.current_time() + LATER)

        with trio.move_on_after(PATIENCE) as in_time:
            async with self._open(script, behaviour) as behind:
                async with trio.open_nursery() as nursery:
                    process: trio.Process = await nursery.start(run)
                    if meanwhile is not None:
                        await meanwhile(process, behind.model)
                for number in stopped:
                    await behind.model.wait_disconnect(number)
        assert not in_time.cancelled_caught, f"waited in vain; {ended}"
        return ended[0]

    @asynccontextmanager
    async def serve(
        self,
        name: str,
        script: Script | Reply,
        *arguments: str,
        env: dict[str, str] | None = None,
    ) -> AsyncGenerator[Serving]:
        """Run an example that serves, until the block is left: then it gets a Ctrl-C.

        Args:
          name, script, arguments, env: as for `run`.
        """
        program = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments]
        with trio.fail_after(PATIENCE):
            async with self._open(script, {}) as behind, trio.open_nursery() as nursery:
                process: trio.Process = await nursery.start(
                    partial(
                        trio.run_process,
                        program,
                        env={**behind.env, **(env or {})},
                        stdout=subprocess.PIPE,
                        check=False,
                    )
                )
                assert process.stdout is not None
                said = await process.stdout.receive_some()
                yield Serving(said.decode().strip(), behind.model, behind.env)
                process.send_signal(signal.SIGINT)


def real_examples(cli_path: Path, home: Path) -> Examples:
    """Return what runs examples on the real CLI."""
    return Examples("real", partial(_open_real, cli_path, home))


def scripted_examples(folder: Path) -> Examples:
    """Return what runs examples on the scripted CLI.

    Args:
      folder: an empty one, for the program that is a relay.
    """
    return Examples("scripted", partial(_open_scripted, folder))


@asynccontextmanager
async def _open_real(
    cli_path: Path, home: Path, script: Script | Reply, _: Mapping[str, Any]
) -> AsyncGenerator[Behind]:
    async with open_scripted_model(script) as model:
        env = cli_environment(model, home)
        yield Behind(model, {**env, **_always(cli_path)})


@asynccontextmanager
async def _open_scripted(
    folder: Path, script: Script | Reply, behaviour: Mapping[str, Any]
) -> AsyncGenerator[Behind]:
    relay = folder / "copilot"
    command = [sys.executable, "-IS", str(Path(__file__).with_name("relay.py"))]
    relay.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    relay.chmod(0o700)
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    async with (
        open_scripted_cli(script, **behaviour) as cli,
        serve_stream(cli.stream) as port,
    ):
        port_env = {"SCRIPTED_CLI_PORT": str(port)}
        yield Behind(cli, {**env, **_always(relay), **port_env})


def _always(cli_path: Path) -> dict[str, str]:
    return {**_COVERAGE, "COPILOT_CLI_PATH": str(cli_path), "PYTHONPATH": str(ROOT)}
