"""`demo`: it does what it shows, and reports what it does not."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.app.command import Command
from trio_copilot import Session, TurnEnd
from trio_copilot._app import demo
from trio_copilot._app.report import Report
from trio_copilot._transport.find_cli import PINNED_VERSION
from trio_copilot.testing import Reply

CLAIMS = (
    "✓ the turn is complete",
    "pieces and is whole",
    "✓ your function was called, and the model used what it returned",
    "✓ the deadline ended the turn, and what had arrived is kept",
    "✓ the CLI had stopped",
    "✓ the model has seen its connection closed",
    "✓ the session answers, with nothing left of the turn that was stopped",
    "✓ everything was as promised",
)


async def test_the_scripted_demo_keeps_every_promise(command: Command) -> None:
    ended = await command.run("demo", "--scripted")

    assert (ended.status, ended.err) == (0, "")
    assert "a scripted stand-in for the CLI" in ended.out
    for claim in CLAIMS:
        assert claim in ended.out
    assert "\x1b" not in ended.out  # plain, because this is not a terminal


async def test_without_a_cli_and_npm_it_takes_the_scripted_one(
    command: Command,
) -> None:
    ended = await command.run("demo")

    assert ended.status == 0
    assert "! no Copilot CLI, and none can be installed: npm is not on PATH" in (
        ended.out
    )
    assert "a scripted stand-in for the CLI" in ended.out


async def test_a_cli_that_is_named_is_never_replaced(command: Command) -> None:
    ended = await command.run("demo", "--cli", "/nonexistent")

    assert ended.status == 1
    assert "/nonexistent (given): no such file" in ended.err


async def test_ctrl_c_ends_it(command: Command) -> None:
    async with command.started("demo", "--scripted") as running:
        await running.read_until("Hello! I am")
        running.interrupt()
        ended = await running.ended()

    assert (ended.status, ended.err.strip()) == (130, "cancelled")


@pytest.mark.cli
async def test_the_demo_with_the_real_cli_keeps_every_promise(
    cli_path: Path, cli_home: Path
) -> None:
    command = Command.at(cli_home, PATH="/usr/bin:/bin")
    ended = await command.run("demo", "--cli", cli_path)

    assert (ended.status, ended.err) == (0, "")
    assert f"Copilot CLI {PINNED_VERSION}, started in" in ended.out
    for claim in CLAIMS:
        assert claim in ended.out
    assert "is gone" in ended.out


async def test_a_broken_promise_is_seen(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    autojump_clock: object,
) -> None:
    """If the model answers something else, no promise holds."""

    async def nothing(session: Session, show: demo.Show) -> TurnEnd:
        """Nothing."""
        return await session.ask("Say hello")

    checks = [check for _, check in demo.STEPS]
    monkeypatch.setattr(demo, "STEPS", [(nothing, check) for check in checks])
    monkeypatch.setattr(demo, "answer", lambda _: Reply("Something."))
    report = Report()
    await demo.perform(report, None)

    assert report.has_problem
    printed = capsys.readouterr().out
    assert printed.count("not so:") == 6
    assert "not so: everything was as promised" in printed


def test_what_is_shown_is_what_is_run() -> None:
    for step, _ in demo.STEPS:
        shown = demo.code_of(step)
        source = inspect.getsource(step)
        for line in shown.splitlines():
            assert line.strip() in source or step is demo.use_tool
        assert "return end" not in shown
        assert "noqa" not in shown
