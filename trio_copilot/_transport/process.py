"""Starts a CLI, owns it, and leaves nothing behind.

Strategy: the process leads its own group. Two tasks attend to it: one waits for its exit,
one keeps the end of its stderr. When the block is left, for whatever reason, the shutdown
ladder follows, each step bounded:

| step            | share of `shutdown_timeout` | then                               |
|-----------------|-----------------------------|------------------------------------|
| end of stdin    | 3/8                         | normally it exits within 0.06 s    |
| SIGTERM (group) | 3/8                         | for one that does not read stdin   |
| SIGKILL (group) | 2/8                         | also one that is stopped; reaped   |

A block that is left because of a cancellation or Ctrl-C still takes every step, under a
shield. One that arrives *while* the ladder is climbed skips to SIGKILL. On every path the
process is reaped, and what it left in its group is killed.

The output ends with the process, even if a child that it started keeps the pipe open: see
`_Output`.

This module does not know what the bytes mean. `runtime.shutdown`, the step before the end
of stdin, belongs to the client.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial

import trio

from .._blocks import as_block
from .._errors import CliExitedError, ConnectError
from .._scopes import closing, last_words, open_block, open_service
from .pipes import (
    ReadingInterrupted,
    as_stream,
    descriptor,
    interrupt_reading,
    read_some,
    unread,
    widen,
)
from .process_group import OWN_GROUP, kill_group, terminate_group

logger = logging.getLogger("trio_copilot.transport")

STDERR_TAIL = 8 * 1024
"""Bytes of stderr to keep for an error message: a stack trace or two."""

SHUTDOWN_TIMEOUT = 5.0
"""Seconds for the whole ladder; the CLI needs 0.06, a loaded machine more.

Together with the last words that `Farewell` allows before it: 10 seconds."""

PATIENCE = 3 / 8
"""The share of the time that each polite step gets; SIGKILL gets the rest."""

LAST_BYTES_TIMEOUT = 0.2
"""Seconds to read on after the exit, where the system cannot tell how much is left."""

EXIT_STATUS_TIMEOUT = 1.0
"""Seconds to wait for the exit status after stdout has ended; it takes milliseconds."""

CLOSE_TIMEOUT = 1.0
"""Seconds for closing our ends of the pipes, which normally waits for nothing."""


class _Output(trio.abc.ReceiveStream):
    """An output of a process, which ends when the process exits.

    The pipe itself ends with the last process that holds it, perhaps a child of the CLI
    that lives on and writes. So what is in the pipe at the exit counts as the rest.
    """

    def __init__(self, pipe: trio.abc.ReceiveStream) -> None:
        self._pipe = pipe
        self._exited = False
        self._left: int | None = None  # unread bytes at the exit, if known
        self._reading = trio.CancelScope()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._exited and descriptor(self._pipe) is not None:
            # The fast path: a cancel scope costs as much as the rest of a small read.
            with suppress(ReadingInterrupted):
                return self._took(await read_some(self._pipe, max_bytes))
        if self._left == 0:
            await trio.lowlevel.checkpoint()
            return b""
        if self._left is not None:
            size = min(self._left, max_bytes or self._left)
            return self._took(await read_some(self._pipe, size))
        with trio.CancelScope() as self._reading:
            if self._exited:
                self._reading.deadline = trio.current_time() + LAST_BYTES_TIMEOUT
            return await read_some(self._pipe, max_bytes)
        return b""

    def _took(self, data: bytes) -> bytes:
        if self._left is not None:  # the exit may have come during this read
            self._left = max(0, self._left - len(data))
        return data

    def process_exited(self) -> None:
        self._exited = True
        self._left = unread(self._pipe)
        self._reading.deadline = trio.current_time() + LAST_BYTES_TIMEOUT
        interrupt_reading(self._pipe)

    async def aclose(self) -> None:
        await self._pipe.aclose()


class CliProcess:
    """A running CLI, made by `open_process`.

    Attributes:
      stream: its stdin and stdout.
      pid: the id of the process, and of its group.
    """

    stream: trio.abc.Stream
    pid: int

    def __init__(self, process: trio.Process, stderr_limit: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin = process.stdin
        widen(process.stdout)
        self._stdout = _Output(process.stdout)
        self._stderr = _Output(process.stderr)
        self._stderr_limit = stderr_limit
        self._tail = b""
        self._tail_is_whole = trio.Event()
        self._has_exited = False
        self._given_up = False
        self.stream = as_stream(self._stdin, self._stdout)
        self.pid = process.pid

    def __repr__(self) -> str:
        status = self.returncode
        state = "running" if status is None else f"exited with {status}"
        return f"<CliProcess {self.pid}, {state}>"

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; `None` while it runs."""
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The end of its stderr so far."""
        return self._tail.decode("utf-8", "replace")

    async def exit_error(self) -> CliExitedError:
        """Return the error with the reason why the stream has ended.

        Waits for the exit status and the rest of stderr, but at most
        `EXIT_STATUS_TIMEOUT`: a CLI may close its stdout and keep running, and then the
        error has no status. `Cancelled` changes nothing.
        """
        with trio.move_on_after(EXIT_STATUS_TIMEOUT):
            await self._wait()
            await self._tail_is_whole.wait()
        return CliExitedError(self.returncode, self.stderr_tail)

    def kill(self) -> None:
        """Kill the whole group at once; leaving the block reaps it."""
        if not self._has_exited:
            kill_group(self._process)

    def give_up(self) -> None:
        """Skip the first step when the block is left: the CLI does not answer."""
        self._given_up = True

    async def _wait(self) -> None:
        """Wait for the exit, and kill what the process has left in its group."""
        await self._process.wait()
        if not self._has_exited:
            self._has_exited = True
            kill_group(self._process)  # at once, before its id can be reused
            self._stdout.process_exited()
            self._stderr.process_exited()

    async def _keep_stderr(self) -> None:
        async for chunk in self._stderr:
            kept = self._tail + chunk
            self._tail = kept[max(0, len(kept) - self._stderr_limit) :]
        self._tail_is_whole.set()

    @asynccontextmanager
    async def owned(self, shutdown_timeout: float) -> AsyncGenerator[None, None]:
        """Attend to the process, and shut it down when the block is left."""
        async with closing(partial(self._shut_down, shutdown_timeout)):
            async with open_service(self._wait, self._keep_stderr):
                yield

    async def _shut_down(self, timeout: float) -> None:
        """Climb the ladder. Whatever is raised in here, the process is gone afterwards."""
        # The effective deadline is -inf in a cancelled scope: leave politely all the same.
        cancelled_before = trio.current_effective_deadline() == -math.inf
        try:
            with last_words(timeout) if cancelled_before else nullcontext():
                await self._ask_to_exit(timeout * PATIENCE)
        finally:
            self.kill()
            async with open_block() as nursery:  # noqa: ASYNC102  # its task shields
                # In its own task: Ctrl-C interrupts the main task in spite of a shield,
                # but the nursery still waits for its child.
                nursery.start_soon(self._reap, timeout * (1 - 2 * PATIENCE))

    async def _ask_to_exit(self, patience: float) -> None:
        async def discard_stdout() -> None:
            with suppress(trio.ClosedResourceError):  # the stream's user closed it
                async for _ in self._stdout:
                    pass

        async with open_block() as nursery:
            # A process that is blocked on a full pipe cannot exit: keep reading.
            nursery.start_soon(discard_stdout)
            nursery.start_soon(self._keep_stderr)
            await self._stdin.aclose()
            if not await self._exits_within(0 if self._given_up else patience):
                self._log_step("end of stdin", patience, "SIGTERM")
                terminate_group(self._process)
                if not await self._exits_within(patience):
                    self._log_step("SIGTERM", patience, "SIGKILL")
            nursery.cancel_scope.cancel()

    async def _exits_within(self, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            await self._wait()
        return self._has_exited

    def _log_step(self, last_step: str, patience: float, next_step: str) -> None:
        logger.warning(
            "The Copilot CLI (pid %d) did not exit within %.3g s of %s: sending %s",
            *(self.pid, patience, last_step, next_step),
        )

    @trio.lowlevel.enable_ki_protection
    async def _reap(self, timeout: float) -> None:
        with last_words(timeout) as scope:
            await self._wait()
        if scope.cancelled_caught:
            logger.error("The Copilot CLI (pid %d) cannot be killed", self.pid)
        with last_words(CLOSE_TIMEOUT):
            async with self._stdin, self._stdout, self._stderr:
                pass


@as_block
async def open_process(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    stderr_limit: int = STDERR_TAIL,
    shutdown_timeout: float = SHUTDOWN_TIMEOUT,
) -> AsyncGenerator[CliProcess, None]:
    """Start a CLI and own it for as long as the block lasts.

    Once the block has been left, the process has exited and been reaped, and its group is
    empty, whatever was raised or cancelled, even while it was being started or stopped;
    see the ladder in this module's docstring. `Cancelled` propagates afterwards.

    The stream ends when the process exits; `exit_error` has the reason.

    Args:
      argv: the executable and its arguments.
      env: the environment; `None` inherits ours, a mapping replaces it.
      cwd: the directory to start it in; `None` is ours.
      stderr_limit: bytes of stderr to keep.
      shutdown_timeout: seconds for the whole ladder, divided among its steps.

    Raises:
      ConnectError: it cannot be started; the error has the path and the reason.
    """
    try:  # Cancelled in here leaves no process: Trio's spawning is not interrupted
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
            **OWN_GROUP,
        )
    except OSError as error:
        where = f" in {os.fspath(cwd)!r}" if cwd is not None else ""
        raise ConnectError(
            f"The Copilot CLI {os.fspath(argv[0])!r} cannot be started{where}: "
            f"{error.strerror}"
        ) from error
    cli = CliProcess(process, stderr_limit)
    async with cli.owned(shutdown_timeout):
        yield cli
