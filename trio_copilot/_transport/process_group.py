"""How to signal a process together with its children, on either kind of system.

On POSIX the process leads a group of its own, so that the terminal's Ctrl-C does not
reach it and one signal reaches its children. On Windows a group can be asked, but only
the process itself can be killed.
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

if sys.platform == "win32":  # pragma: no cover - this half runs on Windows only
    OWN_GROUP: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def terminate_group(process: trio.Process) -> None:
        """Ask every process of the group to exit."""
        with suppress(OSError):
            process.send_signal(signal.CTRL_BREAK_EVENT)

    def kill_group(process: trio.Process) -> None:
        """Kill the process at once."""
        with suppress(OSError):
            process.kill()

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
