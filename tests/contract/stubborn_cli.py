"""A CLI in a process that ignores what a test chooses, and reports what it gets.

It is the scripted CLI behind the stdio of a process. It has a child that is in its group,
holds its pipes and ignores SIGTERM, so that only the death of the group ends it.

What it notices goes through a named pipe, which outlives it: `connect`, `session.abort`,
`session.detach`, `runtime.shutdown`, `end of stdin`, `SIGTERM`, `SIGINT`. Each but the last
can be ignored; SIGINT always is.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import trio

from trio_copilot.testing import Reply, open_scripted_cli

METHODS = ("connect", "session.abort", "session.detach", "runtime.shutdown")

LONG = Reply("word " * 999, delay=0.02)


@attrs.define
class StubbornCli:
    """How to start it, and what it has reported."""

    command: list[str]
    _reports: int
    _text: str = ""

    @property
    def noticed(self) -> list[str]:
        """What it has noticed so far, in order."""
        with suppress(BlockingIOError):
            while chunk := os.read(self._reports, 4096):
                self._text += chunk.decode()
        return self._text.splitlines()

    async def wait_for(self, notice: str) -> None:
        """Wait until it has noticed that."""
        while notice not in self.noticed:
            await trio.lowlevel.wait_readable(self._reports)

    @property
    def pids(self) -> list[int]:
        """The process and its child."""
        [line] = [line for line in self.noticed if line.startswith("pids ")]
        return [int(pid) for pid in line.split()[1:]]


@contextmanager
def stubborn_cli(directory: Path, *ignored: str) -> Iterator[StubbornCli]:
    """Make one that ignores these; `command` starts it."""
    path = directory / "reports"
    os.mkfifo(path)
    reports = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # so that it never ends
    words = [str(path), ",".join(ignored)]
    unmeasured = [f"-u{name}" for name in os.environ if name.startswith("COVERAGE_")]
    try:
        yield StubbornCli(
            ["env", *unmeasured, sys.executable, __file__, *words], reports
        )
    finally:
        os.close(reports)


def is_dead(pid: int) -> bool:
    """Whether a process that has been killed is dead, which may take it a moment."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 5)[0])
    finally:
        os.close(fd)


def is_reaped(pid: int) -> bool:
    """Whether our child has been waited for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


# -- the other side: the process


def main(path: str, ignored: list[str]) -> None:
    """Run the CLI until it notices something that it does not ignore."""
    reports = os.open(path, os.O_WRONLY)

    def report(notice: str) -> None:
        os.write(reports, f"{notice}\n".encode())

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"])
    obey = signal.SIG_DFL
    signal.signal(
        signal.SIGTERM, (lambda *_: report("SIGTERM")) if "SIGTERM" in ignored else obey
    )
    signal.signal(signal.SIGINT, lambda *_: report("SIGINT"))
    report(f"pids {os.getpid()} {child.pid}")
    trio.run(serve, ignored, report)
    os._exit(0)  # which leaves the child alone


async def serve(ignored: list[str], report: Callable[[str], None]) -> None:
    """Be the scripted CLI on stdin and stdout until either side hangs up."""

    async def watch(method: str) -> None:
        await cli.wait_for(method)
        report(method)

    async def hear() -> None:
        async for chunk in trio.lowlevel.FdStream(0):
            await cli.stream.send_all(chunk)
        report("end of stdin")
        if "end of stdin" not in ignored:
            nursery.cancel_scope.cancel()

    async with (
        open_scripted_cli([LONG], ignore=ignored) as cli,
        trio.open_nursery() as nursery,
    ):
        for method in METHODS:
            nursery.start_soon(watch, method)
        nursery.start_soon(hear)
        stdout = trio.lowlevel.FdStream(1)
        async for chunk in cli.stream:
            await stdout.send_all(chunk)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
