"""Ctrl-C between any two lines of ours: no block is left half open.

Trio raises KeyboardInterrupt in whatever code of the main task is running. In the middle
of entering or leaving a block that would skip the rest of it, so it must wait for the
next checkpoint there. These tests press Ctrl-C on the entry of each function of the
standard library that blocks are made of, one after the other.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_copilot import TextDelta, Turn, open_client
from trio_copilot.testing import Reply, ScriptedCli, open_scripted_cli

STREAM = Reply("one two three four five six", delay=0.02)
BLOCK = contextlib._AsyncGeneratorContextManager  # what blocks are made of


@attrs.define
class Keyboard:
    """Presses Ctrl-C when that function is called for the nth time."""

    nth: int
    calls: int = 0

    def pressing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self.nth:
                signal.raise_signal(signal.SIGINT)
            return await function(*args)

        return watched


def press_in(
    method: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, ScriptedCli, list[Turn]]:
    """Play a turn that is left early; whether Ctrl-C was pressed, and what is left."""
    keyboard = Keyboard(nth)
    clis: list[ScriptedCli] = []
    turns: list[Turn] = []

    async def main() -> None:
        async with open_scripted_cli([STREAM]) as cli:
            clis.append(cli)
            with trio.fail_after(60), monkeypatch.context() as patch:
                patch.setattr(BLOCK, method, keyboard.pressing(getattr(BLOCK, method)))
                async with open_client(cli.stream) as client:
                    async with client.open_session() as session:
                        async with session.turn("?") as turn:
                            turns.append(turn)
                            async for event in turn:
                                if isinstance(event, TextDelta):
                                    break

    pressed = False
    try:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    except KeyboardInterrupt:
        pressed = True
    return pressed, clis[0], turns


@pytest.mark.parametrize("method", ["__aenter__", "__aexit__"])
def test_ctrl_c_between_two_lines_waits_for_a_checkpoint(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in itertools.count(1):
        pressed, cli, turns = press_in(method, nth, monkeypatch)

        assert "open" not in cli.fates.values()
        assert "let go" not in cli.fates.values()
        assert all(turn.ended for turn in turns)
        assert not cli.torn
        if not pressed:
            break
    assert nth > 5
