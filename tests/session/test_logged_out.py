"""Being logged out is known before the first prompt, and only where it matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_copilot import Provider, RpcError, TurnError, open_client
from trio_copilot._session.logged_out import is_logged_out
from trio_copilot.testing import open_scripted_cli, open_scripted_model


def refuse(_: Mapping[str, Any]) -> Any:
    raise RpcError(-32603, "Request session.model.list failed: Not authenticated")


def fail(_: Mapping[str, Any]) -> Any:
    raise RpcError(-32603, "Something else is broken")


def nobody(_: Mapping[str, Any]) -> Any:
    return {"isAuthenticated": False}


def somebody(_: Mapping[str, Any]) -> Any:
    return {"isAuthenticated": True}


@pytest.mark.parametrize(
    ("status", "models", "logged_out"),
    [
        (nobody, refuse, True),
        (nobody, fail, False),
        (nobody, lambda _: {"list": []}, False),  # it has a provider
        (somebody, refuse, False),  # not even asked: it would ask GitHub
        (fail, refuse, False),
    ],
)
async def test_nobody_is_logged_out_who_has_an_account_or_a_provider(
    status: Callable[[Mapping[str, Any]], Any],
    models: Callable[[Mapping[str, Any]], Any],
    logged_out: bool,
    autojump_clock: MockClock,
) -> None:
    answers = {"session.gitHubAuth.getStatus": status, "session.model.list": models}
    with trio.fail_after(60):
        async with open_scripted_cli((), answers=answers) as cli:
            async with open_client(cli.stream) as client:
                async with client.open_session() as session:
                    assert await is_logged_out(session.call) is logged_out
            assert bool(cli.calls("session.model.list")) is (status is nobody)


async def test_a_cli_that_does_not_know_the_question_warns_nobody(
    autojump_clock: MockClock,
) -> None:
    with trio.fail_after(60):
        async with open_scripted_cli(()) as cli, open_client(cli.stream) as client:
            async with client.open_session() as session:
                assert not await is_logged_out(session.call)


@pytest.mark.cli
async def test_a_turn_says_that_nobody_is_logged_in(
    cli_path: Path, logged_out: dict[str, str]
) -> None:
    """Sessions open as ever; one with a provider needs no account."""
    with trio.fail_after(60):
        async with (
            open_scripted_model(["Hello"]) as model,
            open_client(cli_path, env=logged_out) as client,
        ):
            async with client.open_session() as session:
                assert await is_logged_out(session.call)
                with pytest.raises(TurnError, match="`trio-copilot login`") as caught:
                    await session.ask("?")
                assert caught.value.kind == "authentication"

            own = Provider(base_url=model.base_url)
            async with client.open_session(provider=own, model=model.name) as session:
                assert not await is_logged_out(session.call)
                assert (await session.ask("?")).answer == "Hello"
