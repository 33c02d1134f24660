"""A code review that streams, of a diff from a file, a pipe, or the sample.

A diff is untrusted text and may address the agent. So it stands behind a fence that it
cannot close, and the reviewer has nothing to misuse: no tools and no permissions. Its
instructions are appended to the CLI's, because replacing those would remove the safety
rules too.

Run: git diff | python examples/14_review.py --diff -
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import trio

from trio_copilot import Tcp, TurnEndReason, fenced, open_client

REVIEWER = "You review diffs. Name defects first, each with file and line. Be brief."

SAMPLE = """\
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,4 +1,5 @@
-def total(items):
-    return sum(item.price for item in items)
+def total(items, discounts={}):
+    discounts["used"] = True
+    return sum(item.price * discounts.get(item.name, 1) for item in items)
"""


def read(source: str | None) -> str:
    """Return the diff; bytes that are not UTF-8 are replaced."""
    if source is None:
        return SAMPLE
    raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    return raw.decode("utf-8", "replace")


async def main(diff: str, cli: Tcp | None) -> int:
    """Print the review; return the exit status."""
    prompt = f"Review this diff:\n\n{fenced(diff, 'diff')}"
    async with (
        open_client(cli) as client,
        client.open_session(available_tools=[], system_message=REVIEWER) as session,
        session.turn(prompt, timeout=300, idle_timeout=60) as turn,
    ):
        async for text in turn.text_deltas:
            print(text, end="", flush=True)
    end = await turn.wait()
    print(f"\n[{end.reason}, {end.usage.output_tokens} tokens]", file=sys.stderr)
    end.raise_for_error()
    return 0 if end.reason is TurnEndReason.COMPLETE else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--diff", metavar="FILE", help="`-` is stdin")
    parser.add_argument("--url", metavar="HOST:PORT", help="address of a running CLI")
    options = parser.parse_args()
    token = os.environ.get("COPILOT_CONNECTION_TOKEN")
    running = Tcp.at(options.url, token=token) if options.url else None
    sys.exit(trio.run(main, read(options.diff), running))
