"""What a permission covers on the real CLI, and how often it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.worlds import World
from trio_copilot import Allow, Decision, PermissionRequest
from trio_copilot.testing import Call, ModelRequest, Reply

SERVER = """
import json, sys
TOOLS = [
    {"name": name, "description": "Say it.", "inputSchema": {"type": "object"}}
    for name in ("echo", "my-srv-echo")
]
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    match asked["method"]:
        case "initialize":
            result = {
                "protocolVersion": asked["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "srv", "version": "1"},
            }
        case "tools/list":
            result = {"tools": TOOLS}
        case _:
            result = {"content": [{"type": "text", "text": "echoed"}]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


class Asked:
    """A handler that decides always the same, and keeps what it was asked."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.subjects: list[str] = []
        self.shown: list[str] = []

    async def __call__(self, request: PermissionRequest) -> Decision:
        await trio.lowlevel.checkpoint()
        self.subjects.append(request.subject)
        self.shown.append(str(request.prompt.get("kind")))
        return self.decision


def calls(*made: Call) -> Any:
    """A model that makes one call for each prompt."""
    left = list(made)

    def script(request: ModelRequest) -> Any:
        told = request.messages[-1]["role"] == "tool"
        return "done" if told else Reply(calls=[left.pop(0)])

    return script


@pytest.mark.cli
async def test_for_the_session_a_tool_of_a_server_is_asked_for_once(
    real: World, tmp_path: Path
) -> None:
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    asked = Asked(Allow(for_session=True))
    names = ["my-srv-echo", "my-srv-echo", "my-srv-my-srv-echo", "my-srv-echo"]
    with trio.fail_after(real.patience):
        async with real.run(
            calls(*(Call(name) for name in names)),
            on_permission_request=asked,
            mcp_servers={
                "my-srv": {
                    "type": "local",
                    "command": sys.executable,
                    "args": [str(server)],
                    "tools": ["*"],
                }
            },
        ) as rig:
            for _ in names:
                await rig.session.ask("Say it", timeout=30)
                assert rig.requests[-1].messages[-1]["content"] == "echoed"

    assert asked.subjects == ["my-srv-echo", "my-srv-my-srv-echo"]


@pytest.mark.cli
@pytest.mark.parametrize("for_session", [False, True])
async def test_a_file_outside_is_asked_for_once_in_a_call(
    real: World, tmp_path: Path, for_session: bool
) -> None:
    """For the session that covers this file, and no other outside."""
    outside = Path(__file__).parent
    one, other = (str(outside / name) for name in ("conftest.py", "sweeps.py"))
    asked = Asked(Allow(for_session=for_session))
    paths = [one, one, other]
    with trio.fail_after(real.patience):
        async with real.run(
            calls(*(Call("view", {"path": path}) for path in paths)),
            on_permission_request=asked,
            working_directory=tmp_path,
        ) as rig:
            for _ in paths:
                await rig.session.ask("Read it", timeout=30)
                assert "annotations" in str(rig.requests[-1].messages[-1]["content"])

    assert asked.subjects == ([one, other] if for_session else paths)
    assert set(asked.shown) == {"path"}
