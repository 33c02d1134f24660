"""The command `trio-copilot`, one file per subcommand.

It uses the public API, except for what an import contract lists: where a CLI is installed,
and how to recognise that nobody is logged in.

To read it, start with `commands`, the subcommands and their exit status, and `runner`,
which runs one of them in Trio. All use `connecting`, the options that choose a CLI and a
model, and `terminal`, where text comes out, `visible` in it. Then the subcommands: `ask`,
`login`, `doctor` and `demo` with their `report`, `install_cli` with `npm`, `serve`.

`import trio_copilot` imports nothing of this package, and only this file is imported
before it is clear that the extra `app` is installed.
"""

from __future__ import annotations

import sys

from .._extras import complaint, missing_by_extra

EXTRA_MISSING = 2
"""The exit status without the extra, as for any command line that cannot work."""


def main() -> None:
    """Run the command line of this process and exit with its status."""
    if missing := missing_by_extra().get("app"):
        print(complaint("The command trio-copilot", "app", missing), file=sys.stderr)
        sys.exit(EXTRA_MISSING)
    from .commands import run_command_line

    sys.exit(run_command_line())
