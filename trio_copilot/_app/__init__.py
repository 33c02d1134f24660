"""The command `trio-copilot`: one file per subcommand, on the public API alone.

`commands` lists the subcommands and says how each can end, `running` runs one of them
in Trio, `terminal` is where text comes out, `connecting` has the options that say which
CLI. Nothing here is imported by `import trio_copilot`, and nothing but this file is
imported before it is clear that the extra `app` is installed.
"""

from __future__ import annotations

import sys

from .._extras import complaint, missing_by_extra

EXTRA_MISSING = 2
"""The exit status without the extra: the command line cannot work, as for a misuse."""


def main() -> None:
    """Run the command line of this process and exit with its status."""
    if missing := missing_by_extra().get("app"):
        print(complaint("The command trio-copilot", "app", missing), file=sys.stderr)
        sys.exit(EXTRA_MISSING)
    from .commands import run_command_line

    sys.exit(run_command_line())
