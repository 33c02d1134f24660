"""The half for Windows of how to signal a process together with its children.

It is loaded as on Windows, with the functions replaced that only exist there. The half
for POSIX is tested on processes, in `test_process.py`.
"""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from typing import Any

import attrs
import pytest

from trio_copilot._transport import process_group

CREATE_NEW_PROCESS_GROUP = 0x200
CTRL_BREAK_EVENT = 1
TASKKILL = r"C:\Windows\System32\taskkill.exe"


@attrs.define
class FakeProcess:
    """A process that notes what is done to it."""

    returncode: int | None = None
    pid: int = 4711
    done: list[object] = attrs.field(factory=list[object])
    refuses: bool = False

    def send_signal(self, number: int) -> None:
        self._note(number)

    def kill(self) -> None:
        self._note("kill")

    def _note(self, what: object) -> None:
        self.done.append(what)
        if self.refuses:
            raise PermissionError


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the module has there."""
    flag, event = CREATE_NEW_PROCESS_GROUP, CTRL_BREAK_EVENT
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        windows.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", flag, raising=False)
        module = runpy.run_path(process_group.__file__)
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", event, raising=False)
    monkeypatch.setenv("SYSTEMROOT", r"C:\Windows")
    return module


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that were run."""
    them: list[list[str]] = []

    def run(argv: list[str], **options: Any) -> None:
        them.append(argv)
        assert options["timeout"] <= 2
        assert {options[name] for name in ("stdin", "stdout", "stderr")} == {
            subprocess.DEVNULL
        }

    monkeypatch.setattr(subprocess, "run", run)
    return them


def test_the_process_leads_a_group_that_ctrl_c_does_not_reach(on_windows) -> None:
    assert on_windows["OWN_GROUP"] == {"creationflags": CREATE_NEW_PROCESS_GROUP}


@pytest.mark.parametrize("refuses", [False, True])
def test_the_group_is_asked_by_ctrl_break(on_windows, refuses: bool) -> None:
    process = FakeProcess(refuses=refuses)
    on_windows["terminate_group"](process)
    assert process.done == [CTRL_BREAK_EVENT]


@pytest.mark.parametrize("refuses", [False, True])
def test_the_tree_is_killed_before_the_process(on_windows, runs, refuses: bool) -> None:
    process = FakeProcess(refuses=refuses)
    on_windows["kill_group"](process)
    assert runs == [[TASKKILL, "/T", "/F", "/PID", "4711"]]
    assert process.done == ["kill"]


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), subprocess.TimeoutExpired("taskkill", 2)]
)
def test_without_taskkill_the_process_alone_is_killed(
    on_windows, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    process = FakeProcess()
    on_windows["kill_group"](process)
    assert process.done == ["kill"]


def test_the_id_of_one_that_has_exited_may_be_anothers(on_windows, runs) -> None:
    process = FakeProcess(returncode=0)
    on_windows["kill_group"](process)
    assert (runs, process.done) == ([], [])
