"""What a user's path means: one rule for options, attachments and everything else.

It starts at this process's working directory, and `~` is this process's home, whatever
`cwd=` or `env=` give to the CLI. The CLI gets an absolute path, because it resolves a
relative one elsewhere, or drops it silently. A CLI that runs elsewhere has other files,
so for it only absolute paths have a meaning.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

import attrs

from ._checks import check_type
from ._wire.text import has_half_pairs

PathLike = str | os.PathLike[str]


@attrs.frozen
class PathRule:
    """What this process knows about the files that a CLI sees."""

    ours: bool
    """Whether the CLI and this process see the same files."""
    checked: bool
    """Whether to check that a file or directory exists before the CLI gets its path."""

    def absolute(self, path: PathLike, name: str) -> str:
        """Return a path as the CLI gets it.

        Args:
          path: the user's path.
          name: what the path is for; the error shows it.

        Raises:
          ValueError: it is empty, no CLI could read it, or it is relative and the files
            are not ours.
        """
        check_type(name, path, str, os.PathLike)
        text = os.fspath(path)
        if not text or "\0" in text or has_half_pairs(text):
            raise ValueError(f"{name} cannot be the path {text!r}")
        if self.ours:
            return str(Path(os.path.expanduser(text)).absolute())
        # Nothing tells us which system the CLI runs on.
        if not any(p(text).is_absolute() for p in (PurePosixPath, PureWindowsPath)):
            raise ValueError(
                f"{name} must be an absolute path, not {text!r}: this process's "
                "directory and home mean nothing where the CLI runs"
            )
        return text

    def directory(self, path: PathLike, name: str) -> str:
        """Return the path of a directory, which has to exist.

        Raises:
          ValueError: it does not, or as for `absolute`.
        """
        return self._existing(path, name, os.path.isdir, "directory")

    def file(self, path: PathLike, name: str) -> str:
        """Return the path of a file, which has to exist.

        Raises:
          ValueError: it does not, or as for `absolute`.
        """
        return self._existing(path, name, os.path.isfile, "file")

    def _existing(
        self, path: PathLike, name: str, exists: Callable[[str], bool], kind: str
    ) -> str:
        absolute = self.absolute(path, name)
        if self.checked and not exists(absolute):
            raise ValueError(f"{name}: there is no {kind} {absolute!r}")
        return absolute


OF_OUR_CLI = PathRule(ours=True, checked=True)
"""For a CLI that this process has started."""
OF_A_STREAM = PathRule(ours=True, checked=False)
"""For a stream that stands for such a CLI in tests: nothing has to exist."""
ELSEWHERE = PathRule(ours=False, checked=False)
"""For a CLI that already runs, perhaps on another machine, and for a file system that a
handler provides."""
