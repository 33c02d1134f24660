"""A policy decides what the agent may do: read here, and write what git can restore.

Commands, URLs and whatever a newer CLI may ask for are denied, and the model is told
so. If the handler raises or takes too long, the answer is no as well.

Run, in a git repository: python examples/05_permissions.py "Add a title to README.md"
"""

from __future__ import annotations

import argparse

import trio

from trio_copilot import Allow, Decision, Deny, PermissionRequest, open_client

PATIENCE = 5.0
"""Seconds for a decision: git may be slow, or wait for a lock."""


async def can_be_undone(path: trio.Path) -> bool:
    """Return whether the file is unchanged since the last commit."""
    for question in (["ls-files", "--error-unmatch"], ["diff", "--quiet", "HEAD"]):
        command = ["git", "--literal-pathspecs", *question, "--", str(path)]
        answer = await trio.run_process(
            command, check=False, capture_stdout=True, capture_stderr=True
        )
        if answer.returncode != 0:
            return False
    return True


async def is_harmless(request: PermissionRequest) -> bool:
    """Return whether the policy allows it."""
    if request.kind not in ("read", "write"):
        return False
    path = await trio.Path(request.subject).resolve()  # no way out through .. or a link
    if not path.is_relative_to(await trio.Path.cwd()):
        return False
    return request.kind == "read" or await can_be_undone(path)


async def decide(request: PermissionRequest) -> Decision:
    """Answer one request of the agent; denied if time runs out."""
    decision: Decision = Deny(
        "Only files here that git has as they are. Go on without."
    )
    with trio.move_on_after(PATIENCE):
        if await is_harmless(request):
            decision = Allow()
    print(f"[{type(decision).__name__} {request.kind}: {request.subject}]")
    return decision


async def main(prompt: str) -> None:
    """Let the agent work in the current directory."""
    async with open_client() as client:
        async with client.open_session(on_permission_request=decide) as session:
            end = await session.ask(prompt, timeout=300)
            print(end.answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default="Add a title to README.md")
    trio.run(main, parser.parse_args().prompt)
