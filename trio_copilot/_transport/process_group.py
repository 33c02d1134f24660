"""How to signal a process together with its children, on either kind of system.

On POSIX the process leads its own group, so that the terminal's Ctrl-C does not reach it
and one signal reaches its children. On Windows its own group does not get Ctrl-C either;
Ctrl-Break asks it to exit, and `taskkill` kills the process with its descendants, for
want of a signal that does. What a process leaves behind there when it exits by itself
cannot be found anymore.

The half for Windows has been tested by the calls that it makes, not on Windows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

import trio

if sys.platform == "win32":
    OWN_GROUP: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    TASKKILL_TIMEOUT = 2.0
    """Seconds that everything waits for `taskkill`, which needs about 0.1."""

    def terminate_group(process: trio.Process) -> None:
        """Ask every process of the group to exit."""
        with suppress(OSError):  # it has exited, or does not share our console
            process.send_signal(signal.CTRL_BREAK_EVENT)

    def kill_group(process: trio.Process) -> None:
        """Kill the process and its descendants, and wait until they are gone."""
        if process.returncode is not None:
            return
        # By its path: a bare name is looked up in the current directory first.
        windows = os.environ.get("SYSTEMROOT", r"C:\Windows")
        taskkill = rf"{windows}\System32\taskkill.exe"
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603  # a constant and a number
                [taskkill, "/T", "/F", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TASKKILL_TIMEOUT,
                check=False,
            )
        with suppress(OSError):
            process.kill()  # in case there is no `taskkill`

else:
    OWN_GROUP: dict[str, Any] = {"start_new_session": True}

    def terminate_group(process: trio.Process) -> None:
        """Ask every process of the group to exit."""
        _signal_group(process, signal.SIGTERM)

    def kill_group(process: trio.Process) -> None:
        """Kill every process of the group at once."""
        _signal_group(process, signal.SIGKILL)

    def _signal_group(process: trio.Process, sig: signal.Signals) -> None:
        # None is left (on macOS: only zombies, for which killpg raises PermissionError).
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sig)
