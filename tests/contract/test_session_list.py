"""The sessions that a CLI keeps: listed, looked at, deleted; and what is said of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import repeat
from pathlib import Path

import pytest
import trio
from trio.abc import Clock

from tests.worlds import World
from trio_copilot import (
    RpcError,
    SessionChange,
    SessionClosedError,
    SessionNotFoundError,
    TurnEndReason,
)
from trio_copilot.testing import Reply

pytestmark = pytest.mark.own_cli  # with no sessions but those of the test

LONG = Reply("word " * 400, delay=0.02)


async def test_a_session_is_listed_once_something_was_said(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["one"]) as rig:
            client, session = rig.client, rig.session
            assert await client.list_sessions() == []
            assert await client.last_session_id() is None

            await session.ask("Tell me of Oslo")
            (listed,) = await client.list_sessions()

            assert listed.session_id == session.id
            assert listed.summary == "Tell me of Oslo"
            assert not listed.is_remote
            assert listed.start_time is not None
            assert listed.modified_time is not None
            assert listed.modified_time - listed.start_time < timedelta(minutes=1)
            assert await client.session_metadata(session.id) == listed
            assert await client.last_session_id() == session.id


async def test_sessions_are_listed_by_where_they_worked(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["one"]) as rig:
            client, session = rig.client, rig.session
            await session.ask("Look")
            (listed,) = await client.list_sessions()
            here = listed.details["context"]["cwd"]

            assert await client.list_sessions(working_directory=here) == [listed]
            assert await client.list_sessions(working_directory="/nowhere") == []
            assert await client.list_sessions(repository="nobody/nothing") == []
            assert await client.list_sessions(branch="none", git_root="/") == []


async def test_a_session_that_was_left_can_be_found_and_resumed(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.stage(repeat("yes")) as stage, stage.open_client() as client:
            for prompt in ("first", "second"):
                async with client.open_session() as session:
                    await session.ask(prompt)

            listed = {each.summary: each for each in await client.list_sessions()}
            assert listed.keys() == {"first", "second"}
            last = await client.last_session_id()
            assert last == listed["second"].session_id

            async with client.resume_session(listed["first"].session_id) as session:
                await session.ask("third")
            assert await client.last_session_id() == session.id


async def test_a_deleted_session_is_gone(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with world.stage(["one"]) as stage, stage.open_client() as client:
            async with client.open_session() as session:
                await session.ask("Remember this")
            await client.delete_session(session.id)

            assert await client.list_sessions() == []
            assert await client.last_session_id() is None
            assert await client.session_metadata(session.id) is None
            with pytest.raises(SessionNotFoundError, match="not found") as caught:
                await client.delete_session(session.id)
            assert caught.value.method == "session.delete"
            with pytest.raises(SessionNotFoundError, match="not found") as caught:
                async with client.resume_session(session.id):
                    pass
            assert caught.value.session_id == session.id


async def test_what_cannot_be_resumed_is_told_by_an_error_of_its_own(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.stage([]) as stage, stage.open_client() as client:
            async with client.open_session() as silent:
                pass  # nothing is said in it, so the CLI does not keep it
            for session_id in (silent.id, "never-heard-of"):
                with pytest.raises(SessionNotFoundError) as caught:
                    async with client.resume_session(session_id):
                        pass
                assert isinstance(caught.value, RpcError)
                assert caught.value.session_id == session_id
                assert str(caught.value).startswith(
                    f"There is no session {session_id!r}"
                )
                with pytest.raises(SessionNotFoundError):
                    await client.call("session.getMessages", {"sessionId": session_id})


@pytest.mark.cli
async def test_a_session_whose_file_is_broken_is_not_called_missing(
    real: World, cli_home: Path
) -> None:
    with trio.fail_after(real.patience):
        async with real.stage(["one"]) as stage, stage.open_client() as client:
            async with client.open_session() as session:
                await session.ask("Remember this")
            (events,) = (cli_home / ".copilot").glob(f"**/{session.id}/events.jsonl")
            events.write_text("no JSON\n")

            with pytest.raises(RpcError, match="corrupted") as caught:
                async with client.resume_session(session.id):
                    pass
            assert type(caught.value) is RpcError
            with pytest.raises(SessionNotFoundError, match="invalid"):
                async with client.resume_session("no/such"):
                    pass


async def test_a_turn_ends_when_its_session_is_deleted(
    world: World, clock: Clock
) -> None:
    """The CLI only reports that the session is gone, not that the turn is over."""
    with trio.fail_after(world.patience):
        async with world.run([LONG]) as rig:
            with pytest.raises(SessionClosedError, match="has been deleted"):
                async with rig.session.turn("Talk") as turn:
                    await anext(turn)
                    await rig.client.delete_session(rig.session.id)
                    async for _ in turn:
                        pass
            assert turn.end.reason is TurnEndReason.ERROR
            with pytest.raises(SessionClosedError):
                await rig.session.ask("Are you there?")
            assert await rig.client.list_sessions() == []
            async with rig.client.open_session() as other:
                assert other.is_idle


async def test_the_life_of_every_session_is_told(world: World, clock: Clock) -> None:
    with trio.fail_after(world.patience):
        async with (
            world.stage(["one"]) as stage,
            stage.open_client() as client,
            client.lifecycle() as changes,
            client.lifecycle("session.deleted") as deletions,
        ):
            async with client.open_session() as session:
                await session.ask("Live")
            await client.delete_session(session.id)

            told: list[SessionChange] = []
            async for change in changes:
                assert isinstance(change, SessionChange)
                told.append(change)
                if change.type == "session.deleted":
                    break

            assert {each.session_id for each in told} == {session.id}
            assert told[0].type == "session.created"
            assert told[0].start_time is not None
            assert "session.updated" in {each.type for each in told}
            assert await anext(deletions) == told[-1]
