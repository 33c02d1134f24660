"""Writes the table in `cli_versions.md`: what works on which version of the CLI.

Strategy: npm installs each CLI into its own folder in our cache; each then plays the same
scenarios with a scripted model behind it. A failure becomes a note below the table, in the
words of the exception that a user would see. The text around the table is written by hand.

`python docs/make_versions.py [VERSION...]` tries the versions given, or `VERSIONS`. It
needs npm, and Node.js 24 as `node` on PATH for versions without an executable.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import attrs
import trio

from trio_copilot import (
    Allow,
    CliNotFoundError,
    CopilotError,
    Decision,
    Deny,
    PermissionRequest,
    RpcError,
    TextDelta,
    TurnError,
    find_cli,
    tool,
)
from trio_copilot._app.npm import PACKAGE, find_npm
from trio_copilot._transport.find_cli import cache_dir
from trio_copilot.testing import Call, ModelRequest, Reply, Script, Stage, open_stage

VERSIONS = (
    *("0.0.382", "0.0.403", "0.0.420", "0.0.423", "1.0.2", "1.0.11", "1.0.20"),
    *("1.0.30", "1.0.34", "1.0.40", "1.0.50", "1.0.60", "1.0.81", "1.0.86", "1.0.92"),
    "1.0.102",
)
PAGE = Path(__file__).with_name("cli_versions.md")
BEGIN, END = "<!-- Made by docs/make_versions.py: -->\n", "<!-- Until here. -->\n"

PATIENCE = 90.0
"""Seconds for one scenario; generous, for the first start of a CLI on a busy machine."""

YES, NO, UNTRIED = "yes", "**no**", "-"

Play: TypeAlias = Callable[[Stage], Awaitable[None]]


class FailedError(Exception):
    """A CLI did not do what it should."""


def check(condition: object, otherwise: str) -> None:
    """Raise `FailedError` unless the condition holds."""
    if not condition:
        raise FailedError(otherwise)


# -- the scenarios


async def start(stage: Stage) -> None:
    """The handshake."""
    async with stage.open_client() as client:
        await client.ping()
        await client.status()
        check(client.cli_version, "The CLI does not say its version")


async def stream(stage: Stage) -> None:
    """An answer arrives piece by piece."""
    async with stage.open_client(), stage.open_session() as session:
        async with session.turn("Count") as turn:
            pieces = [piece async for piece in turn.text_deltas]
    check(pieces == ["one ", "two ", "three"], f"The pieces were {pieces}")


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def call_tool(stage: Stage) -> None:
    """A function of the client is called, and the model gets its result."""
    async with stage.open_client(), stage.open_session(tools=[add]) as session:
        end = await session.ask("What is 1 + 2?")
    result = last_message(stage)
    check(result == "3", f"The model was told: {result}")
    check(end.text == "It is 3.", f"The answer was {end.text!r}")


async def grant(stage: Stage) -> None:
    """An allowed command runs, a denied one does not."""

    async def decide(request: PermissionRequest) -> Decision:
        return Allow() if "granted" in request.subject else Deny("Not this one.")

    async with stage.open_client():
        async with stage.open_session(on_permission_request=decide) as session:
            await session.ask("Run it")
            result = last_message(stage)
            check("> granted" in result, f"The model was told: {result}")
            await session.ask("Run the other")
            result = last_message(stage)
            check("Not this one." in result, f"The model was told: {result}")


async def abort(stage: Stage) -> None:
    """An abort and a deadline mid-stream reach the model; the session still works."""
    async with stage.open_client(), stage.open_session() as session:
        async with session.turn("Count") as turn:
            async for event in turn:
                if isinstance(event, TextDelta):
                    await turn.abort()
        await stage.model.wait_disconnect(1)
        async with session.turn("Count") as turn:
            async for _ in turn.text_deltas:
                turn.cancel_scope.deadline = trio.current_time()
        await stage.model.wait_disconnect(2)
        end = await session.ask("Are you there?")
    check(end.text == "Yes.", f"The answer after the abort was {end.text!r}")


async def resume(stage: Stage) -> None:
    """A session is released, listed, and resumed by another process."""
    async with stage.open_client() as client:
        async with stage.open_session() as session:
            await session.ask("I am called Ada")
        try:
            await client.call("session.send", {"sessionId": session.id, "prompt": "?"})
        except RpcError:
            pass  # as it should be
        else:
            raise FailedError("The CLI did not release the session")
    async with stage.open_client() as client:
        known = [each.session_id for each in await client.list_sessions()]
        check(session.id in known, "The session is not listed")
        async with client.resume_session(session.id) as resumed:
            await resumed.ask("What am I called?")
    earlier = str(stage.model.requests[-1].messages[:-1])
    check("Ada" in earlier, "The model did not get the earlier conversation")


async def fail(stage: Stage) -> None:
    """An error of the model ends the turn, but not the session."""
    async with stage.open_client(), stage.open_session() as session:
        try:
            await session.ask("Please fail")
        except TurnError as error:
            check("the reason" in str(error), f"The error does not say why: {error}")
            check(error.status_code == 400, "`TurnError.status_code` is `None`")
        else:
            raise FailedError("There was no error")
        check((await session.ask("And now?")).text == "Better.", "It failed again")


async def retry(stage: Stage) -> None:
    """Text streamed before the connection to the model broke is taken back."""
    async with stage.open_client(), stage.open_session() as session:
        end = await session.ask("?")
    check(end.text == "real answer", f"The text was {end.text!r}")


def last_message(stage: Stage) -> str:
    """Return the last message that the model got."""
    return str(stage.model.requests[-1].messages[-1]["content"])


def failing(request: ModelRequest) -> Reply:
    """Fail as often as the CLI tries: some retry whatever the status is."""
    if "fail" in request.prompt:
        return Reply("the reason", status=400)
    return Reply("Better.")


def echo(word: str) -> Reply:
    """Return a command whose output is not part of its own text."""
    arguments = {"command": f"echo '>' {word}", "description": "Say something"}
    return Reply(calls=[Call("bash", arguments)])


@attrs.frozen
class Scenario:
    """A column of the table."""

    title: str
    play: Play
    script: Script = ()


SCENARIOS = (
    Scenario("start", start),
    Scenario("stream", stream, [Reply("one two three", delay=0.05)]),
    Scenario(
        "tool", call_tool, [Reply(calls=[Call("add", {"a": 1, "b": 2})]), "It is 3."]
    ),
    Scenario("permission", grant, [echo("granted"), "Done.", echo("other"), "Done."]),
    Scenario("abort", abort, [*[Reply("one ", then="hang")] * 2, "Yes."]),
    Scenario("resume", resume, ["Hello, Ada.", "Ada."]),
    Scenario("error", fail, failing),
    Scenario("retry", retry, [Reply("lost words ", then="drop"), "real answer"]),
)

# -- trying them


async def install(version: str) -> Path:
    """Return the path of the CLI of this version; npm installs it if necessary."""
    folder = cache_dir() / "versions" / version
    commands = {"PATH": str(folder / "node_modules" / ".bin")}
    try:
        return find_cli(env=commands)
    except CliNotFoundError:
        command = [find_npm(), "install", "--prefix", str(folder), "--loglevel=error"]
        command += ["--ignore-scripts", "--include=optional", "--no-audit", "--no-fund"]
        command.append(f"{PACKAGE}@{version}")
        await trio.run_process(command, stdin=subprocess.DEVNULL)
    return find_cli(env=commands)


async def attempt(scenario: Scenario, cli: Path, home: Path) -> str:
    """Play a scenario and return what went wrong; empty if nothing did."""
    try:
        with trio.fail_after(PATIENCE):
            async with open_stage(scenario.script, cli=cli, home=home) as stage:
                await scenario.play(stage)
    except FailedError as error:
        return first_line(str(error))
    except (CopilotError, trio.TooSlowError) as error:
        return f"`{type(error).__name__}`: {first_line(str(error))}"
    return ""


def first_line(text: str) -> str:
    """Return the first line, or the first two if the first announces the second."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])


async def row(version: str) -> list[str]:
    """Return what went wrong in each scenario; none is tried if the first fails."""
    cli = await install(version)
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="trio-copilot-versions-") as folder:
        home = Path(folder)
        # Keep out what the user's own CLI has unpacked.
        (home / ".cache" / "copilot").mkdir(parents=True)
        for scenario in SCENARIOS:
            sys.stderr.write(f"{version}: {scenario.title}\n")
            faults.append(await attempt(scenario, cli, home))
            if faults[0]:
                break
    return faults


# -- the page


async def table(versions: list[str]) -> str:
    """Return the table and the notes below it."""
    titles = [scenario.title for scenario in SCENARIOS]
    lines = [_cells("CLI", *titles), _cells(*["---"] * (len(titles) + 1))]
    notes: list[str] = []
    for version in versions:
        faults = await row(version)
        marks = [_mark(fault, version, notes) for fault in faults]
        marks += [UNTRIED] * (len(titles) - len(marks))
        lines.append(_cells(version, *marks))
    numbered = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", *numbered, ""])


def _mark(fault: str, version: str, notes: list[str]) -> str:
    if not fault:
        return YES
    note = fault.replace(version, "VERSION")  # so that equal faults share a note
    if note not in notes:
        notes.append(note)
    return f"{NO} ({notes.index(note) + 1})"


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> None:
    """Try the versions and write the table into the page."""
    made = trio.run(table, arguments or list(VERSIONS))
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.partition(END)[2]
    page = f"{before}{BEGIN}\n{made}\n{END}{after}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
