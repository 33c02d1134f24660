"""Options as a session would get them, before there is one; and the last resort."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from trio_copilot import CliExitedError, SessionOptions, open_client
from trio_copilot.testing import open_scripted_cli


async def test_keywords_win_and_paths_become_absolute(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        common = SessionOptions(model="small", name="shared")
        resolved = client.resolve_options(
            common, model="large", working_directory="src"
        )

    assert (resolved.model, resolved.name) == ("large", "shared")
    assert resolved.working_directory == str(tmp_path / "src")
    assert common.working_directory is None


async def test_a_mistake_shows_before_there_is_a_session(
    autojump_clock: MockClock,
) -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        with pytest.raises(TypeError, match="did you mean 'model'"):
            client.resolve_options(modle="x")  # type: ignore[call-arg]

        assert client.statistics().open_sessions == 0


@pytest.mark.cli
async def test_a_cli_that_is_killed_wakes_every_waiter(cli_path: Path) -> None:
    with trio.fail_after(60):
        async with open_client(cli_path) as client:
            client.kill()
            with pytest.raises(CliExitedError):
                await client.wait_closed()
