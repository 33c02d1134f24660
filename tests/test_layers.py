"""Imports point one way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.interpreter import modules_after

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "trio_copilot"


def test_imports_point_one_way() -> None:
    """The contracts in pyproject.toml hold, as import-linter reads them."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout


def test_no_module_imports_generated_types_when_it_is_imported() -> None:
    """Type checkers see imports of them; the interpreter looks them up on first use."""
    generated = PACKAGE / "_protocol" / "generated"
    paths = set(PACKAGE.rglob("*.py")) - set(generated.rglob("*.py"))
    paths -= {PACKAGE / "__main__.py", *(PACKAGE / "_codegen").iterdir()}
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)

    loaded = modules_after(
        *(f"import {name.removesuffix('.__init__')}" for name in sorted(names))
    )

    assert "trio_copilot._session.session" in loaded
    assert not [name for name in loaded if "_protocol.generated" in name]
