"""Waiting for the end of a client, from any task."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_copilot import CliExitedError, open_client
from trio_copilot.testing import open_scripted_cli


async def test_it_returns_when_the_block_is_left(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as outside, open_scripted_cli() as cli:
        async with open_client(cli.stream) as client:
            outside.start_soon(client.wait_closed)
            await trio.sleep(60)
            assert outside.child_tasks
        with trio.fail_after(1):
            await client.wait_closed()  # again, at once
            await wait_all_tasks_blocked()
        assert not outside.child_tasks


async def test_it_raises_when_the_cli_dies(autojump_clock: MockClock) -> None:
    with trio.fail_after(60), pytest.raises(CliExitedError) as first:
        async with open_scripted_cli() as cli, open_client(cli.stream) as client:
            cli.kill()
            await client.wait_closed()
    with pytest.raises(CliExitedError) as second:
        await client.wait_closed()
    assert second.value is not first.value
