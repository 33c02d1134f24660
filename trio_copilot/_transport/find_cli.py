"""Which executable is the Copilot CLI: looks at the file system and nothing else.

A place that the user named is used or refused at once, never skipped in silence: somebody
who sets COPILOT_CLI_PATH wants that CLI, or the reason why not.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from .._errors import CliNotFoundError

PINNED_VERSION = "1.0.102"
"""The version of the CLI whose schemas the types are generated from."""

_PACKAGE = Path("node_modules", "@github", "copilot")
_LOADER = "npm-loader.js"
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}  # {ours: npm's}
_USER_CACHES = {  # {sys.platform: (environment variable, default below home)}
    "win32": ("LOCALAPPDATA", "AppData/Local"),
    "darwin": ("", "Library/Caches"),
}
_XDG_CACHE = ("XDG_CACHE_HOME", ".cache")


def find_cli(
    path: str | os.PathLike[str] | None = None, *, env: Mapping[str, str] | None = None
) -> Path:
    """Return the absolute path of the Copilot CLI to start.

    In this order: `path`; COPILOT_CLI_PATH; `copilot` on PATH; the one in our cache.

    Args:
      path: the executable, relative to this process's directory or home, or the name
          of a command on PATH.
      env: the environment with COPILOT_CLI_PATH and PATH; `None` is that of this
          process. The cache is always that of this process.

    Raises:
      CliNotFoundError: there is none, or the named file is not executable; lists every
          place that was looked at.
    """
    env = os.environ if env is None else env
    if path is not None:
        return _named(path, "given", env)
    if env.get("COPILOT_CLI_PATH"):
        return _named(env["COPILOT_CLI_PATH"], "COPILOT_CLI_PATH", env)
    search_path = env.get("PATH", "")
    if command := shutil.which("copilot", path=search_path):
        return _skip_loader(Path(command).absolute())
    cached = cached_cli()  # ours, wherever the CLI will have its home
    if fault := _fault(cached):
        raise CliNotFoundError(
            [
                "COPILOT_CLI_PATH: not set",
                f"copilot on PATH: {search_path or 'PATH is empty'}",
                f"{cached} (our cache): {fault}",
            ]
        )
    return cached


def cache_dir(env: Mapping[str, str] | None = None) -> Path:
    """Return the directory of our cache; it need not exist.

    TRIO_COPILOT_CACHE, or `trio_copilot` in this platform's cache of the user.

    Args:
      env: the environment to look things up in; `None` is that of this process.
    """
    env = os.environ if env is None else env
    if ours := env.get("TRIO_COPILOT_CACHE"):
        return Path(ours).absolute()
    variable, below_home = _USER_CACHES.get(sys.platform, _XDG_CACHE)
    user_cache = Path(env.get(variable, ""))
    if not user_cache.is_absolute():
        user_cache = Path(env.get("HOME") or Path.home()) / below_home
    return user_cache / "trio_copilot"


def cached_cli(
    version: str = PINNED_VERSION, env: Mapping[str, str] | None = None
) -> Path:
    """Return where npm puts the CLI of `version` in our cache; it need not be there.

    `npm install --prefix <cache>/cli/<version> @github/copilot@<version>` puts it there.

    Args:
      version: of the CLI.
      env: the environment to look things up in; `None` is that of this process.
    """
    package = cache_dir(env) / "cli" / version / _PACKAGE
    return package.parent / _platform_binary()


def _platform_binary() -> Path:
    """Return the executable of this platform, relative to npm's `@github`."""
    system = sys.platform
    if system == "linux" and "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")):
        system = "linuxmusl"
    machine = platform.machine().lower()
    suffix = ".exe" if system == "win32" else ""
    return Path(
        f"copilot-{system}-{_ARCHITECTURES.get(machine, machine)}", f"copilot{suffix}"
    )


def _skip_loader(command: Path) -> Path:
    """Return what npm's loader would start, or the command if it is not this loader.

    The loader starts Node to start the executable beside it: slower, and one more
    process to stop.
    """
    target = command.resolve()
    if target.name == _LOADER:
        package = target.parent
    elif target.suffix.lower() == ".cmd":  # npm's shim on Windows
        package = target.parent / _PACKAGE
    else:
        return command
    # Flat as in a project, or nested as after `npm install -g`.
    for packages in (package.parent, package / _PACKAGE.parent):
        if _fault(packages / _platform_binary()) is None:
            return packages / _platform_binary()
    return command


def _named(path: str | os.PathLike[str], who: str, env: Mapping[str, str]) -> Path:
    """Return the file that the user named, or refuse it."""
    path = os.path.expanduser(path)
    file = Path(path).absolute()
    if os.path.basename(path) == path and not file.exists():
        command = shutil.which(path, path=env.get("PATH", ""))
        file = Path(command).absolute() if command else file
    if fault := _fault(file):
        raise CliNotFoundError([f"{file} ({who}): {fault}"])
    return file


def _fault(file: Path) -> str | None:
    """Return why this is not an executable file, or None if it is one."""
    if not file.exists():
        return "no such file"
    if not file.is_file():
        return "not a file"
    return None if os.access(file, os.X_OK) else "not executable"
