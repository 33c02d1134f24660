"""Runs the real command in its own process, as a shell would."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

import trio_copilot
from tests.ports import serve_stream
from trio_copilot.testing import Reply, Script, ScriptedCli, open_scripted_cli

PATIENCE = 45.0
"""Seconds until a test fails that waits for a process; a busy machine needs some."""

ARGV = (sys.executable, "-m", "trio_copilot")

# Where the package is, and what measures the coverage of processes that tests start.
_SOURCE = str(Path(trio_copilot.__file__).parents[1])
_COVERAGE = {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}


@attrs.frozen
class Ended:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str


@attrs.frozen
class Command:
    """The command in its own environment, which has nothing of the user."""

    env: Mapping[str, str]

    @classmethod
    def at(cls, home: Path, **env: str) -> Command:
        """Return the command for a user with this home and nothing else."""
        empty = {
            "HOME": str(home),
            "PATH": str(home / "no-programs"),
            "LANG": "C.UTF-8",
        }
        return cls({**empty, "PYTHONPATH": _SOURCE, **_COVERAGE, **env})

    def with_env(self, **env: str) -> Command:
        """Return the same with more, or other, environment variables."""
        return Command({**self.env, **env})

    async def run(
        self, *arguments: str | Path, stdin: bytes = b"", redirection: str = ""
    ) -> Ended:
        """Run to the end; `redirection` is a shell's, such as `>&-`."""
        argv = [*ARGV, *map(str, arguments)]
        if redirection:
            argv = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *argv]
        with trio.fail_after(PATIENCE):
            process = await trio.run_process(
                argv,
                env=dict(self.env),
                stdin=stdin,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        return Ended(
            process.returncode,
            process.stdout.decode("utf-8", "backslashreplace"),
            process.stderr.decode("utf-8", "backslashreplace"),
        )

    @asynccontextmanager
    async def started(
        self, *arguments: str | Path, **options: Any
    ) -> AsyncGenerator[Running]:
        """Run it as long as the block lasts; killed then, if it has not ended."""
        with trio.fail_after(PATIENCE):
            process = await trio.lowlevel.open_process(
                [*ARGV, *map(str, arguments)],
                env=dict(self.env),
                **{"stdin": -3, "stdout": -1, "stderr": -1, **options},
            )
            try:
                yield Running(process)
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                    for stream in (process.stdout, process.stderr):
                        if stream is not None:
                            await stream.aclose()


@attrs.define
class Running:
    """A command that runs, with pipes at its stdout and stderr."""

    process: trio.Process
    out: bytes = b""
    err: bytes = b""

    async def read_until(self, text: str) -> None:
        """Read its stdout up to a text."""
        while text.encode() not in self.out:
            self.out += await _some_of(self.process.stdout)

    async def read_err_until(self, text: str) -> None:
        """Read its stderr up to a text."""
        while text.encode() not in self.err:
            self.err += await _some_of(self.process.stderr)

    async def stop_reading(self) -> None:
        """Close the pipe at its stdout."""
        assert self.process.stdout is not None
        await self.process.stdout.aclose()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Send Ctrl-C, or another signal."""
        self.process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait for its end without reading stdout."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.err += chunk
        status = await self.process.wait()
        return Ended(status, self.out.decode(), self.err.decode())


async def _some_of(stream: trio.abc.ReceiveStream | None) -> bytes:
    assert stream is not None
    chunk = await stream.receive_some()
    assert chunk, "it ended before it printed what the test waits for"
    return bytes(chunk)


@asynccontextmanager
async def served(
    script: Script | Reply, **behaviour: Any
) -> AsyncGenerator[tuple[ScriptedCli, str]]:
    """Serve a scripted CLI for one client over TCP; gives it and its address."""
    async with open_scripted_cli(script, **behaviour) as cli:
        async with serve_stream(cli.stream) as port:
            yield cli, f"127.0.0.1:{port}"


def exists(pid: int) -> bool:
    """Return whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
