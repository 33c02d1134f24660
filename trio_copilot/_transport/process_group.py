"""How to signal a process together with its children, on either kind of system.

On POSIX the process leads a group of its own, so that the terminal's Ctrl-C does not
reach it and one signal reaches its children. On Windows a group of its own does not hear
Ctrl-C either, and is asked by Ctrl-Break; there is no signal to kill it, so `taskkill`
kills the process and its descendants. What a process leaves behind when it exits by
itself cannot be found there any more.

The half for Windows has been tested on the calls that it makes, not on Windows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import trio

__all__ = ["OWN_GROUP", "kill_group", "terminate_group"]

if sys.platform == "win32":
    OWN_GROUP: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    TASKKILL_TIMEOUT = 2.0
    """Seconds that everything stands still for `taskkill`; it needs some 0.1 of them."""

    def terminate_group(process: trio.Process) -> None:
        """Ask every process of the group to exit."""
        with suppress(OSError):  # it is gone, or has no console in common with us
            process.send_signal(signal.CTRL_BREAK_EVENT)

    def kill_group(process: trio.Process) -> None:
        """Kill the process and its descendants, and wait for that."""
        if process.returncode is not None:
            return
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603  # a constant and a number
                [_taskkill(), "/T", "/F", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TASKKILL_TIMEOUT,
                check=False,
            )
        with suppress(OSError):
            process.kill()  # in case that there was no `taskkill`

    def _taskkill() -> str:
        # By its path: a bare name is looked up in the current directory first.
        root = os.environ.get("SYSTEMROOT", r"C:\Windows")
        return rf"{root}\System32\taskkill.exe"

else:
    OWN_GROUP: dict[str, Any] = {"start_new_session": True}

    def terminate_group(process: trio.Process) -> None:
        """Ask every process of the group to exit."""
        _signal_group(process, signal.SIGTERM)

    def kill_group(process: trio.Process) -> None:
        """Kill every process of the group at once."""
        _signal_group(process, signal.SIGKILL)

    def _signal_group(process: trio.Process, sig: signal.Signals) -> None:
        # Nobody is left (on macOS: nobody but zombies, which is a PermissionError).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sig)
