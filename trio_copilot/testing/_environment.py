"""The environment of a real CLI that can reach only a scripted model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._scripted_model import ScriptedModel

__all__ = ["cli_environment"]

# What any process needs to run.
_INHERITED = ("PATH", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT")

# Where the CLI unpacks itself, below a home.
_UNPACKED = Path(".cache", "copilot")


def cli_environment(
    model: ScriptedModel, home: str | os.PathLike[str]
) -> dict[str, str]:
    """Return the environment of a CLI that is offline except for this model.

    The CLI sees nothing of the user: no settings, no sessions, no tokens, no proxy. At
    its first start in a home it unpacks itself, which takes seconds; so `home` gets a
    symlink to what the user's own CLI has unpacked, if that exists.

    Args:
      model: the only model that the CLI can reach.
      home: an empty folder of the test, or one that was passed here before.
    """
    home = Path(home).absolute()
    unpacked, shared = Path.home() / _UNPACKED, home / _UNPACKED
    if unpacked.is_dir() and not shared.exists():
        shared.parent.mkdir(parents=True, exist_ok=True)
        shared.symlink_to(unpacked, target_is_directory=True)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "COPILOT_HOME": str(home / ".copilot"),
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_BASE_URL": model.base_url,
        "COPILOT_MODEL": model.name,
    }
