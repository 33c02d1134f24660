"""Every example, run as its docstring shows."""

from __future__ import annotations

import itertools
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.turns import tool_texts
from trio_copilot import Lagged, SessionEvent
from trio_copilot.testing import Call, ModelRequest, Reply, Script

from .marks import only_real, only_scripted
from .runner import HANGING, ROOT, Examples, Model

EXAMPLES = sorted(path.stem for path in ROOT.glob("examples/[0-9]*.py"))
OF_EACH_KIND = ("02_streaming", "06_many_sessions", "12_errors", "15_own_client")
"""A turn, a nursery of them, one that catches what comes out, one that owns the CLI."""
SERVERS = ("26_sse_server", "27_websocket_chat")  # they ask when they are asked

# What the scripted CLI answers that it has no method for.
MODE_SET = {"status": "applied", "modelChanged": False}
ANSWERS = {"session.mode.set": lambda _: MODE_SET}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_says_how_to_run_it_and_stands_in_the_list(name: str) -> None:
    source = (ROOT / "examples" / f"{name}.py").read_text("utf-8")
    listed = (ROOT / "examples" / "README.md").read_text("utf-8")

    assert f"python examples/{name}.py" in source
    assert f"[{name}]({name}.py)" in listed


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_has_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")

    assert ended.value.code == 0
    assert f"usage: {name}.py" in capsys.readouterr().out


async def test_hello_prints_the_answer_and_how_it_ended(examples: Examples) -> None:
    ended = await examples.run("01_hello", "Hello, world!")

    assert ended.lines == ["Hello, world!", "[complete, 2 tokens]"]
    assert (ended.status, ended.err) == (0, "")


async def test_streaming_prints_the_answer_alone_to_stdout(examples: Examples) -> None:
    reply = Reply("Because of the air.", reasoning="Let me think.")
    ended = await examples.run("02_streaming", reply, "Why blue?")

    assert ended.out == "Because of the air."
    assert ended.err.splitlines() == ["Let me think.", "[complete]"]
    assert "Why blue?" in ended.model.requests[0].prompt
    assert ended.status == 0


@only_real
async def test_streaming_fails_as_a_program_when_the_turn_does(
    examples: Examples,
) -> None:
    ended = await examples.run("02_streaming", Reply("too warm here", status=400))

    assert ended.status == 1
    assert "[error]" in ended.err
    assert "TurnError: 400 too warm here" in ended.err


async def test_the_tool_calculates_and_runs_no_code(examples: Examples) -> None:
    expressions = ["-2 * (3 + 4) / 7 - 1", "__import__('os')", "1 / 0", "1 +", "2 ** 9"]
    expressions.append("1+" * 100 + "1")
    calls = [Call("calculate", {"expression": each}) for each in expressions]

    def script(request: ModelRequest) -> Reply:
        told = tool_texts(request)
        return Reply("\n".join(told)) if told else Reply(calls=calls)

    ended = await examples.run("03_tools", script)

    called, told = ended.lines[:6], ended.lines[6:]
    assert called == [f"[calculate {call.arguments}]" for call in calls]
    assert told[0] == "-3.0"
    assert "Only numbers and + - * /, not __import__('os')" in told[1]
    assert "ZeroDivisionError" in told[2]
    assert "SyntaxError" in told[3]
    assert "Only numbers and + - * /, not 2 ** 9" in told[4]
    assert "Not more than 200 characters" in told[5]


async def test_the_deadline_stops_the_turn_and_the_session_goes_on(
    examples: Examples,
) -> None:
    script: Script = [Reply("one two three", then="hang"), "To three."]
    ended = await examples.run("04_deadline", script, stopped=[1])

    assert ended.lines == [
        "one two three",
        "[cancelled after 13 characters]",
        "To three.",
        "[complete]",
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a committed file, a changed one, and a link that leads out."""
    root = tmp_path / "repository"
    root.mkdir()
    (tmp_path / "outside").write_text("old\n")
    for name in ("kept", "changed"):
        (root / name).write_text("old\n")
    (root / "link").symlink_to(tmp_path / "outside")
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init"], ["add", "."], [*identity, "commit", "-m", "old"]):
        subprocess.run(
            ["git", *command], cwd=root, check=True, capture_output=True, timeout=30
        )
    (root / "changed").write_text("old\nand newer\n")
    return root


@only_real
async def test_the_policy_permits_only_what_git_can_undo(
    examples: Examples, repository: Path
) -> None:
    def edit(name: str) -> Call:
        path = str(repository / name)
        return Call("edit", {"path": path, "old_str": "old", "new_str": "new"})

    calls = [
        Call("view", {"path": str(repository / "kept")}),
        Call("view", {"path": str(repository.parent / "outside")}),
        edit("kept"),
        edit("changed"),
        edit("link"),
        Call("create", {"path": str(repository / ".git/hooks/x"), "file_text": "x"}),
        Call("bash", {"command": "touch made-by-shell", "description": "d"}),
    ]

    def script(request: ModelRequest) -> Reply:
        told = tool_texts(request)
        return Reply("I did what I could.") if told else Reply(calls=calls)

    ended = await examples.run("05_permissions", script, cwd=repository)

    assert sorted(ended.lines[:-1]) == [
        f"[Allow read: {repository}/kept]",
        f"[Allow write: {repository}/kept]",
        f"[Deny read: {repository.parent}/outside]",
        "[Deny shell: touch made-by-shell]",
        f"[Deny write: {repository}/.git/hooks/x]",
        f"[Deny write: {repository}/changed]",
        f"[Deny write: {repository}/link]",
    ]
    assert ended.lines[-1] == "I did what I could."
    assert (repository / "kept").read_text() == "new\n"
    assert (repository / "changed").read_text() == "old\nand newer\n"
    assert (repository.parent / "outside").read_text() == "old\n"
    assert not (repository / ".git/hooks/x").exists()
    assert not (repository / "made-by-shell").exists()


@only_real  # the scripted CLI shows the model no attachments
async def test_a_session_that_fails_leaves_the_others_alone(
    examples: Examples, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in "abcde"]
    for file in files:
        file.write_text("text\n")

    def script(request: ModelRequest) -> Reply:
        [file] = [each for each in files if str(each) in request.prompt]
        if file.name == "b":
            return Reply("no, not this", status=400)
        return Reply(f"This is {file.name}.", before=0.2)

    ended = await examples.run("06_many_sessions", script, *files)

    assert ended.lines == [
        f"{files[0]}: This is a.",
        f"{files[1]}: failed: 400 no, not this",
        *(f"{file}: This is {file.name}." for file in files[2:]),
    ]
    assert ended.status == 1


async def test_so_many_sessions_at_once_and_no_more(
    examples: Examples, tmp_path: Path
) -> None:
    """While three answers are held back, the model is not asked a fourth time."""
    asked: list[int] = []

    async def press_ctrl_c(process: trio.Process, model: Model) -> None:
        await model.wait_request(3)
        with trio.move_on_after(0.5):
            await model.wait_request(4)
        asked.extend(model.in_progress)
        process.send_signal(signal.SIGINT)

    files = [tmp_path / name for name in "abcde"]
    for file in files:
        file.touch()
    ended = await examples.run(
        "06_many_sessions", HANGING, *files, meanwhile=press_ctrl_c, stopped=[1, 2, 3]
    )

    assert asked == [1, 2, 3]
    assert "KeyboardInterrupt" in ended.err


async def test_watching_shows_the_events_of_the_wire_in_order(
    examples: Examples,
) -> None:
    ended = await examples.run("07_watch_events", "Hello there")

    shown = [line.split(maxsplit=1) for line in ended.lines]
    order = ["'Hello '", "'there'", "2 tokens of scripted-model"]
    assert [rest[1] for rest in shown if rest[0] in ("text", "usage")] == order
    assert shown[-1] == ["session.idle"]
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (Lagged(3), "... 3 events that came too fast"),
        (SessionEvent({"type": "moon.rise", "data": {}}), "new    moon.rise"),
        (
            SessionEvent({"type": "assistant.message_delta", "data": 5}),
            "odd    assistant.message_delta",
        ),
        (
            SessionEvent(
                {
                    "type": "tool.execution_start",
                    "data": {"toolCallId": "1", "toolName": "view"},
                }
            ),
            "tool   view",
        ),
    ],
)
def test_watching_has_a_line_for_what_is_new_odd_or_lost(
    item: SessionEvent | Lagged, line: str
) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "07_watch_events.py"))

    assert example["describe"](item) == line


async def test_the_loser_of_the_race_is_stopped(examples: Examples) -> None:
    script: Script = [Reply(then="hang"), "I won."]
    ended = await examples.run("08_race", script, "tortoise", "hare", stopped=[1])

    loser, winner = (str(call.raw["model"]) for call in ended.model.requests)
    said = dict(zip(ended.lines[::2], ended.lines[1::2], strict=True))
    assert {loser, winner} == {"tortoise", "hare"}
    assert said[f"{winner}: I won."].startswith("  <TurnEnd complete;")
    assert "cancelled; cause=outer" in said[f"{loser}: "]
    assert "stopped in" in said[f"{loser}: "]
    assert ended.status == 0


@only_scripted
async def test_a_race_that_nobody_finishes_is_no_success(examples: Examples) -> None:
    ended = await examples.run("08_race", [Reply("no", status=400)] * 2)

    assert ended.status == 1


@only_real
async def test_a_plan_is_made_in_plan_mode_and_has_its_price(
    examples: Examples,
) -> None:
    ended = await examples.run("09_plan", "First look, then leap.", "Leap")

    assert ended.lines[0] == "First look, then leap."
    assert ended.lines[1].startswith("scripted-model: 1 requests, ")
    assert "plan" in ended.model.requests[0].raw["messages"][-1]["content"]
    assert (ended.status, ended.err) == (0, "")


all_but_servers = pytest.mark.parametrize(
    ("examples", "name"),
    [
        *(
            pytest.param(
                "scripted", name, marks=[pytest.mark.all] if number % 3 else []
            )
            for number, name in enumerate(sorted({*EXAMPLES} - {*SERVERS}))
        ),
        *(pytest.param("real", name, marks=pytest.mark.cli) for name in OF_EACH_KIND),
    ],
    indirect=["examples"],
)


@all_but_servers
async def test_any_example_says_why_a_turn_failed(
    examples: Examples, name: str
) -> None:
    refused = Reply("too warm here", status=400)
    ended = await examples.run(
        name, itertools.repeat(refused), behaviour={"answers": ANSWERS}
    )

    assert "400 too warm here" in ended.out + ended.err


@all_but_servers
async def test_ctrl_c_ends_any_example_and_stops_its_agent(
    examples: Examples, name: str
) -> None:
    async def press_ctrl_c(process: trio.Process, model: Model) -> None:
        await model.wait_request()
        process.send_signal(signal.SIGINT)

    ended = await examples.run(
        name,
        HANGING,
        meanwhile=press_ctrl_c,
        stopped=[1],
        behaviour={"answers": ANSWERS},
    )

    assert ended.status != 0
    assert "KeyboardInterrupt" in ended.err
