"""What hides in a text is shown, by the page and by the terminal alike."""

from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata

import pytest

from trio_copilot._app.visible import visible
from trio_copilot.web._page import FOLDER

# Written by their numbers: an editor would obey them.
SHOWN = {
    "ls -l /tmp": "ls -l /tmp",
    "a\n\tb": "a\n\tb",
    "größer, שלום, 日本, 🙂": "größer, שלום, 日本, 🙂",
    "rm \u202e gpj.exe": "rm <U+202E> gpj.exe",
    "\u2066x\u2069 \u200f\u061c": "<U+2066>x<U+2069> <U+200F><U+061C>",
    "goo\u200bgle\ufeff\u00ad": "goo<U+200B>gle<U+FEFF><U+00AD>",
    "\u3164\u115f\ufe0f\u034f": "<U+3164><U+115F><U+FE0F><U+034F>",
    "\U000e0041\U000e0100": "<U+E0041><U+E0100>",
    "a\u2028b\x1b[2K\r\x85": "a<U+2028>b<U+001B>[2K<U+000D><U+0085>",
    "half \ud83d": "half <U+D83D>",
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=ascii)
def test_what_hides_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def on_the_page(text: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    code = (
        f"import {{ visible }} from {json.dumps((FOLDER / 'visible.js').as_uri())};"
        "let text = '';"
        "for await (const chunk of process.stdin) text += chunk;"
        "console.log(JSON.stringify(visible(JSON.parse(text))));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", code],
        input=json.dumps(text),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_page_shows_the_same(every: int) -> None:
    """Of these and of every character that this Python's Unicode knows, or some of them."""
    characters = map(chr, range(0, 0x110000, every))
    known = filter(lambda c: unicodedata.category(c) != "Cn", characters)
    text = " ".join([*SHOWN, *known])

    assert on_the_page(text) == visible(text)
