"""What a scenario is, and what several of them use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from tests.testing.raw import RawClient, RefusedError
from trio_copilot.testing import Call, Reply, ScriptedCli, ScriptedModel


@attrs.frozen
class Talk:
    """A scenario under way."""

    client: RawClient
    model: ScriptedCli | ScriptedModel
    options: dict[str, Any]
    """What to resume the session with."""


@attrs.frozen
class Scenario:
    """A conversation: the replies of the model, and what a client does."""

    name: str
    script: tuple[Reply | str, ...]
    tools: tuple[dict[str, Any], ...]
    options: dict[str, Any]
    chancy: bool
    """Whether the real CLI may do otherwise, which no client can rely on."""
    play: Callable[[Talk], Awaitable[None]]


SCENARIOS: list[Scenario] = []

LOOKS = Reply(calls=[Call("look", {"at": "it"})])
LOOKS_TWICE = Reply(calls=[Call("look", {"at": "a"}), Call("look", {"at": "b"})])
SLOW = Reply("one two three", delay=0.05)
HANGS = Reply("one two", delay=0.01, then="hang")


def scenario(
    *script: Reply | str,
    tools: tuple[dict[str, Any], ...] = (),
    chancy: bool = False,
    **options: Any,
) -> Callable[[Callable[[Talk], Awaitable[None]]], Callable[[Talk], Awaitable[None]]]:
    def add(
        play: Callable[[Talk], Awaitable[None]],
    ) -> Callable[[Talk], Awaitable[None]]:
        name = getattr(play, "__name__", "")
        SCENARIOS.append(Scenario(name, script, tools, options, chancy, play))
        return play

    return add


async def refused(talk: Talk, method: str, reason: str) -> None:
    """Make a call that the CLI refuses for that reason."""
    with pytest.raises(RefusedError, match=reason) as caught:
        await talk.client.call(method, prompt="Hello?")

    assert caught.value.code == -32603
    assert caught.value.message.startswith(f"Request {method} failed with message: ")
