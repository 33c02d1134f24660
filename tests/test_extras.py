"""Without an extra the error names it, and how to install it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interpreter import modules_after
from trio_copilot import _extras
from trio_copilot._extras import missing_by_extra

ROOT = Path(__file__).parents[1]

FIRST_USE = """
import sys
from importlib import metadata
sys.modules["{module}"] = None

def version(name, known=metadata.version):
    if name == "{distribution}":
        raise metadata.PackageNotFoundError(name)
    return known(name)

metadata.version = version
import {public}
try:
    {public}.{name}
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("extra", "name", "module", "distribution"),
    [
        ("bridge", "open_bridge", "trio_websocket", "trio-websocket"),
        ("web", "serve_http", "trio_websocket", "trio-websocket"),
        ("web", "serve_http", "starlette", "starlette"),
        ("web", "serve_http", "hypercorn", "hypercorn"),
    ],
)
def test_a_module_says_at_its_first_use_what_its_extra_lacks(
    extra: str, name: str, module: str, distribution: str
) -> None:
    public = f"trio_copilot.{extra}"
    code = FIRST_USE.format(
        public=public, name=name, module=module, distribution=distribution
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (
        f"{public} needs the extra {extra!r}, which lacks {distribution};"
        in done.stdout
    ), done.stderr
    assert f"python -m pip install -e '.[{extra}]'" in done.stdout


def test_the_bridge_needs_no_server_for_http() -> None:
    hidden = "for name in ('hypercorn', 'starlette'): sys.modules[name] = None"
    loaded = modules_after(f"{hidden}\nfrom trio_copilot.bridge import open_bridge")

    assert "trio_copilot.bridge._server" in loaded
    assert "trio_copilot.web._http" not in loaded


def test_the_extras_are_those_of_the_metadata() -> None:
    assert missing_by_extra() == {
        extra: [] for extra in ("app", "bridge", "telemetry", "testing", "web")
    }


def test_what_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"old": "1.2.9", "new": "1.10.dev3"}
    monkeypatch.setattr(_extras, "version_of", there.get)
    monkeypatch.setattr(
        _extras,
        "requires",
        lambda _: [
            "base>=3",
            "old>=1.10; extra == 'x'",
            "new>=1.10; extra == 'x'",
            "gone; extra == 'y'",
            'odd-name[more]>=2 ; python_version >= "3" and extra == "y"',
        ],
    )

    assert missing_by_extra() == {
        "x": ["old 1.10 (not 1.2.9)"],
        "y": ["gone", "odd-name"],
    }


def test_no_page_and_no_message_sends_anybody_to_an_index() -> None:
    """No index has this package; a clone has."""
    wrong = re.compile(r"pip install[^\n]*trio[-_]copilot(\[|\b)")
    folders = ("docs", "examples", "trio_copilot")
    files = [
        *(
            f
            for d in folders
            for f in (ROOT / d).rglob("*.*")
            if f.suffix in (".md", ".py")
        ),
        ROOT / "README.md",
    ]

    assert [str(f) for f in files if wrong.search(f.read_text())] == []
