"""What a fresh interpreter has loaded."""

from __future__ import annotations

import subprocess
import sys


def modules_after(*statements: str) -> set[str]:
    """The modules that are loaded after some statements."""
    program = "\n".join(["import sys", *statements, "print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(done.stdout.split())
