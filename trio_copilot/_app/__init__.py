"""The command `trio-copilot`: one file per subcommand, on the public API alone.

`commands` lists the subcommands and says how each can end, `running` runs one of them
in Trio, `terminal` is where text comes out, `connecting` has the options that say which
CLI. Nothing here is imported by `import trio_copilot`, and nothing but this file is
imported before it is clear that the extra `app` is installed.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("click", "rich", "h11")

EXTRA_MISSING = 2
"""The exit status without the extra: the command line cannot work, as for a misuse."""


def main() -> None:
    """Run the command line of this process and exit with its status."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"The command trio-copilot needs {', '.join(missing)}: "
            "pip install 'trio-copilot[app]'",
            file=sys.stderr,
        )
        sys.exit(EXTRA_MISSING)
    from .commands import run_command_line

    sys.exit(run_command_line())
