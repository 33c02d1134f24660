"""The documentation is true: its examples run, its links and tests exist.

Complete programs run on a scripted CLI; complete tests run as those of a user would. Type
checkers read both: `types` in `.ci/run`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from traceback import format_exception
from types import ModuleType
from typing import Any

import pytest
import trio
import trio.testing

import trio_copilot
import trio_copilot.bridge
import trio_copilot.testing
import trio_copilot.web
import trio_copilot.wire
from trio_copilot import Client, TurnError
from trio_copilot._app.commands import cli
from trio_copilot._transport.find_cli import PINNED_VERSION
from trio_copilot.testing import Call, ModelRequest, Reply, Script, open_scripted_cli

from .snippets import DOCS, PAGES, ROOT, Snippet, snippets

CODE = re.compile(r"(?ms)^```python$.*?^```$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TEST = re.compile(r"`(test_\w+)(?:\[[^`]*\])?`")
TEST_FILE = re.compile(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`")

open_real_client = trio_copilot.open_client

SNIPPETS = list(snippets())
PROGRAMS = [each for each in SNIPPETS if each.is_complete and not each.has_tests]
TESTS = [each for each in SNIPPETS if each.is_complete and each.has_tests]
ASKING = [program for program in PROGRAMS if "open_session" in program.code]
EXCERPTS = [each for each in SNIPPETS if not each.is_complete]


def answer(request: ModelRequest) -> Reply:
    """What the model answers to the prompts of the documentation."""
    last = request.messages[-1]
    if last["role"] == "tool":
        return Reply(f"I asked your program. It says: {last['content']}")
    if "wear in Paris" in request.prompt:
        return Reply(calls=[Call("get_weather", {"city": "Paris"})])
    if "deploy" in request.prompt:
        return Reply(calls=[Call("deploy", {"service": "shop"})])
    if "Count for ever" in request.prompt:
        return Reply([f"{number} " for number in range(1000)], delay=0.1)
    return Reply("Something sensible.", delay=0.1)


@pytest.fixture
def run_program(monkeypatch: pytest.MonkeyPatch) -> Callable[[Snippet, Script], None]:
    """Run a program in simulated time, on a CLI that is a script, whichever it asks for."""

    def run(program: Snippet, script: Script) -> None:
        @asynccontextmanager
        async def open_client(*_: object, **options: Any) -> AsyncIterator[Client]:
            async with open_scripted_cli(script) as scripted:
                async with open_real_client(scripted.stream, **options) as client:
                    yield client

        clock = trio.testing.MockClock(autojump_threshold=0)
        monkeypatch.setattr(trio, "run", partial(trio.run, clock=clock))
        monkeypatch.setattr(trio_copilot, "open_client", open_client)
        code = compile(program.code, str(program), "exec")
        exec(code, {"__name__": "__main__"})

    return run


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_a_complete_program_runs(
    program: Snippet,
    run_program: Callable[[Snippet, Script], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_program(program, answer)

    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("program", ASKING, ids=str)
def test_a_complete_program_says_why_a_turn_failed(
    program: Snippet, run_program: Callable[[Snippet, Script], None]
) -> None:
    with pytest.raises((TurnError, ExceptionGroup)) as failed:
        run_program(program, lambda _: Reply("nobody is logged in", status=401))

    assert "nobody is logged in" in "".join(format_exception(failed.value))


def test_no_whole_program_and_no_test_is_left_unmarked() -> None:
    """Only blocks marked as complete are run and type-checked."""
    forgotten = [str(each) for each in EXCERPTS if each.has_imports and each.has_entry]

    assert not forgotten


def run_tests(chosen: list[Snippet], folder: Path, **variables: str) -> None:
    for snippet in chosen:
        (folder / f"test_{snippet.name}.py").write_text(snippet.code)
    (folder / "pytest.ini").write_text("[pytest]\ntrio_mode = true\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=170,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.repetitive
def test_complete_tests_pass(tmp_path: Path) -> None:
    run_tests([snippet for snippet in TESTS if not snippet.needs_cli], tmp_path)


@pytest.mark.repetitive
@pytest.mark.cli
def test_complete_tests_of_the_real_cli_pass(cli_path: Path, cli_home: Path) -> None:
    run_tests(
        [snippet for snippet in TESTS if snippet.needs_cli],
        cli_home,
        COPILOT_CLI_PATH=str(cli_path),
        HOME=str(cli_home),  # where the CLI has been unpacked
    )


def test_every_other_python_block_is_python() -> None:
    """Excerpts may use `await` and `async with` outside a function."""
    for excerpt in EXCERPTS:
        indented = "".join(f"    {line}\n" for line in excerpt.code.splitlines())
        compile(f"async def excerpt():\n{indented}", str(excerpt), "exec")


@pytest.mark.parametrize(
    "script", ["make_events.py", "make_methods.py", "make_examples.py"]
)
def test_the_generated_pages_are_current(script: str) -> None:
    done = subprocess.run(
        [sys.executable, DOCS / script, "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    prose = CODE.sub("", page.read_text())
    dead = []
    for target in LINK.findall(prose):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        is_dead = not file.exists() or (anchor and anchor not in anchors(file))
        if "://" not in target and is_dead:
            dead.append(target)

    assert not dead


def anchors(page: Path) -> list[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", CODE.sub("", page.read_text()))
    return [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    defined = {
        name
        for file in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    named = set(TEST.findall(text))
    for path, name in TEST_FILE.findall(text):
        assert (ROOT / path).exists(), path
        named |= {name} if name else set()

    assert named <= defined


@pytest.mark.parametrize(
    "module",
    [
        trio_copilot,
        trio_copilot.bridge,
        trio_copilot.testing,
        trio_copilot.web,
        trio_copilot.wire,
    ],
)
def test_the_reference_has_every_public_name(module: ModuleType) -> None:
    reference = (DOCS / "reference.rst").read_text()
    directives = set(re.findall(r"(?m)^ *\.\. (?:auto\w+|data):: (\w+)", reference))

    assert set(module.__all__) <= directives


def test_the_page_on_the_command_names_every_option() -> None:
    page = (DOCS / "command.md").read_text()
    for name, command in cli.commands.items():
        section = page.partition(f"## trio-copilot {name}")[2].partition("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts:
                if option not in ("--debug", "--log", "prompt", "arguments"):
                    assert f"`{option}" in section, f"{name} {option}"


def test_the_page_on_upgrading_names_the_cli_of_this_version() -> None:
    page = (DOCS / "upgrading.md").read_text()

    assert f"This version is made for {PINNED_VERSION}." in page
