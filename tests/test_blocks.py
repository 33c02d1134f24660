"""Misusing a block, or forgetting to enter it, raises an error with the right code."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio

from trio_copilot import open_client
from trio_copilot._blocks import as_block
from trio_copilot.bridge import open_bridge
from trio_copilot.testing import (
    open_scripted_cli,
    open_scripted_model,
    open_stage,
)
from trio_copilot.wire import open_peer

BLOCKS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "open_client": lambda cli, client, session: open_client(cli.stream),
    "client.open_session": lambda cli, client, session: client.open_session(),
    "client.resume_session": lambda cli, client, session: client.resume_session("x"),
    "client.lifecycle": lambda cli, client, session: client.lifecycle(),
    "session.turn": lambda cli, client, session: session.turn("?"),
    "session.subscribe": lambda cli, client, session: session.subscribe(),
    "open_bridge": lambda cli, client, session: open_bridge(
        client, token="t", origins=()
    ),
    "open_peer": lambda cli, client, session: open_peer(cli.stream),
    "open_scripted_cli": lambda cli, client, session: open_scripted_cli(),
    "open_scripted_model": lambda cli, client, session: open_scripted_model([]),
    "open_stage": lambda cli, client, session: open_stage(),
}
every_block = pytest.mark.parametrize("name", BLOCKS)


@pytest.fixture
async def make(autojump_clock: object) -> AsyncGenerator[Callable[[str], Any], None]:
    async with open_scripted_cli() as cli:
        async with open_client(cli.stream) as client:
            async with client.open_session() as session:
                yield lambda name: BLOCKS[name](cli, client, session)


async def await_it(block: Any) -> None:
    await block


async def iterate_it(block: Any) -> None:
    async for _ in block:
        pass


async def enter_it_with_a_plain_with(block: Any) -> None:
    with block:
        pass


async def use_it(block: Any) -> None:
    await block.ask("?")


@every_block
@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (await_it, TypeError, "is entered, not awaited"),
        (iterate_it, TypeError, "is entered before"),
        (enter_it_with_a_plain_with, TypeError, "not for `with`"),
        (use_it, AttributeError, "without 'ask'"),
    ],
)
async def test_a_block_that_is_taken_for_something_else_says_what_to_write(
    make: Callable[[str], Any],
    name: str,
    mistake: Callable[[Any], Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        await mistake(make(name))

    said = str(caught.value)
    assert said.startswith(f"{name}(...) is a block")
    assert said.endswith(f": async with {name}(...) as ...:")


@every_block
async def test_a_block_that_is_never_entered_is_told_at_that_line(
    make: Callable[[str], Any], name: str
) -> None:
    with pytest.warns(RuntimeWarning, match="never entered") as caught:
        make(name)

    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message).startswith(f"{name}(...) is a block")


@as_block
async def open_number() -> AsyncGenerator[int, None]:
    await trio.lowlevel.checkpoint()
    yield 1


async def test_a_block_is_entered_once() -> None:
    block = open_number()
    async with block as number:
        assert number == 1
    with pytest.raises(RuntimeError, match=r"open_number\(\.\.\.\) is entered once"):
        async with block:
            pass


async def test_a_block_can_be_looked_at_before_it_is_entered() -> None:
    block = open_number()
    assert not hasattr(block, "ask")
    assert repr(block) == "<block open_number(...), not entered>"
    async with AsyncExitStack() as stack:
        assert await stack.enter_async_context(block) == 1
    assert repr(block) == "<block open_number(...)>"


async def test_a_mistake_that_was_told_is_not_told_again() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(AttributeError):
            _ = open_number().real  # type: ignore[attr-defined]
        gc.collect()

    assert not seen


async def test_a_block_that_could_not_be_entered_is_not_called_forgotten() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with trio.CancelScope() as scope:
            scope.cancel()
            async with open_number():
                pass
        gc.collect()

    assert scope.cancelled_caught
    assert not seen
