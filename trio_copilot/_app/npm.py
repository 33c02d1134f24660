"""Installs a Copilot CLI through npm into our cache, completely or not at all.

Strategy: npm works in a temporary folder beside the target, the result is tried out, and
one rename puts it in place. An interrupt leaves at most that folder, which is removed on
the way out. The registry is a matter of npm's own configuration.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import trio

from trio_copilot._scopes import open_block
from trio_copilot._transport.find_cli import cache_dir, cached_cli

PACKAGE = "@github/copilot"

TRIAL_TIMEOUT = 120.0
"""Seconds for `copilot --version`, which unpacks 235 MB on its first run, usually in 5."""

LINES_KEPT = 15
"""Lines of npm's output that the error shows."""

Progress = Callable[[str], object]


class InstallError(click.ClickException):
    """The CLI could not be installed; the message gives the reason and what to do."""


async def install(version: str, on_progress: Progress) -> Path:
    """Install the CLI of `version` into our cache and return its path.

    It replaces one that is there. `Cancelled` leaves what was there before, and nothing
    else.

    Args:
      version: of the CLI, such as `1.0.102`.
      on_progress: called with each line that npm prints.

    Raises:
      InstallError: there is no npm, it failed, or what it installed does not run.
    """
    binary, root = cached_cli(version), cache_dir() / "cli" / version
    npm = find_npm()
    with _workshop(root.parent) as workshop:
        new = workshop / "new"
        new.mkdir()
        await _run_npm(npm, new, version, on_progress)
        on_progress(f"trying {binary.name} --version")
        installed = new / binary.relative_to(root)
        if not installed.exists():
            raise InstallError(
                f"npm has installed {PACKAGE} without {installed.parent.name}, the "
                "executable for this system. Is there one, in this version?"
            )
        await _try_out(installed, version)
        try:
            if root.exists():
                root.rename(workshop / "old")
            new.rename(root)
        except OSError as error:
            raise InstallError(f"{root} cannot be written: {error.strerror}") from error
    return binary


def find_npm() -> str:
    """Return the path of npm.

    Raises:
      InstallError: it is not on PATH.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError(
            "npm is not on PATH. It comes with Node.js: install that with the package "
            "manager of your system (apt install npm, dnf install npm, brew install "
            "node, winget install OpenJS.NodeJS) and try again."
        )
    return npm


@contextmanager
def _workshop(parent: Path) -> Generator[Path]:
    """Make a temporary folder in `parent`, and remove it with all that is left in it."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".installing-", dir=parent)
    except OSError as error:
        raise InstallError(
            f"{parent} cannot be written: {error.strerror}. Set TRIO_COPILOT_CACHE to a "
            "folder that can."
        ) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder)


async def _run_npm(npm: str, folder: Path, version: str, on_progress: Progress) -> None:
    command = [npm, "install", "--prefix", str(folder), f"{PACKAGE}@{version}"]
    # The package has no scripts to run; its executable is an optional dependency.
    command += ["--ignore-scripts", "--include=optional", "--no-audit", "--no-fund"]
    command += ["--loglevel=http", "--no-progress"]
    output: list[str] = []
    async with open_block() as nursery:
        run = partial(
            trio.run_process,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        process: trio.Process = await nursery.start(run, command)
        assert process.stdout is not None
        rest = b""
        async for chunk in process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                output.append(line.decode("utf-8", "replace").rstrip())
                on_progress(output[-1])
    if process.returncode != 0:
        tail = "\n".join(f"  {line}" for line in output[-LINES_KEPT:])
        raise InstallError(
            f"npm failed with status {process.returncode}; its last lines:\n{tail}"
        )


async def _try_out(binary: Path, version: str) -> None:
    """Run what npm has installed.

    Raises:
      InstallError: it does not run, or is of another version.
    """
    try:
        with trio.fail_after(TRIAL_TIMEOUT):
            trial = await trio.run_process(
                [binary, "--version"],
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    except OSError as error:
        raise InstallError(f"{binary.name} does not run: {error.strerror}") from error
    except trio.TooSlowError:
        raise InstallError(
            f"`{binary.name} --version` did not end within {TRIAL_TIMEOUT:g} s"
        ) from None
    output = (trial.stdout + trial.stderr).decode("utf-8", "replace").strip()
    if trial.returncode != 0 or version not in output:
        raise InstallError(
            f"`{binary.name} --version` ended with status {trial.returncode} and printed "
            f"{output or 'nothing'!r}, not {version}"
        )
