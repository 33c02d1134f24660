"""Sessions of one client owe each other no time: each is left as if it were the only one."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_copilot import (
    CancelCause,
    Session,
    SessionBrokenError,
    TextDelta,
    Turn,
    open_client,
)
from trio_copilot._session.drain import GRACE
from trio_copilot.testing import ModelRequest, Reply, open_scripted_cli

LONG = Reply("word " * 4, delay=0.02, then="hang")


async def first_word(turn: Turn) -> None:
    async for event in turn:
        if isinstance(event, TextDelta):
            return


@pytest.mark.parametrize("workers", [1, 4])
async def test_a_busy_client_releases_every_session(
    workers: int, autojump_clock: MockClock
) -> None:
    """One is always being left, or has been a moment ago, for a long time."""
    rounds = 40

    async def work() -> None:
        for _ in range(rounds):
            async with client.open_session() as session:
                await session.ask("?")
            await trio.sleep(0.4)

    with trio.fail_after(600):
        async with (
            open_scripted_cli(
                lambda _: Reply("hi"), answer_after={"session.detach": 0.5}
            ) as cli,
            open_client(cli.stream) as client,
        ):
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                for _ in range(workers):
                    nursery.start_soon(work)
            assert trio.current_time() - began >= rounds * 0.9  # each was waited for
            assert len(cli.calls("session.detach")) == workers * rounds


async def test_a_turn_has_its_grace_though_another_did_not_obey(
    autojump_clock: MockClock,
) -> None:
    deaf = {"session.abort"}

    def model(request: ModelRequest) -> Reply:
        return Reply("fine") if "Well?" in request.prompt else LONG

    async def stop(session: Session) -> Turn:
        async with session.turn("?") as turn:
            await first_word(turn)
            await turn.abort()
        return turn

    with trio.fail_after(600):
        async with (
            open_scripted_cli(
                model, ignore=deaf, answer_after={"session.abort": GRACE - 1}
            ) as cli,
            open_client(cli.stream) as client,
            client.open_session() as well,
        ):
            async with client.open_session() as broken:
                await stop(broken)
                with pytest.raises(SessionBrokenError):
                    await broken.ask("?")
                deaf.clear()
                turn = await stop(well)
                assert turn.end.cause is CancelCause.ABORT
                assert (await well.ask("Well?")).text == "fine"
            assert len(cli.calls("session.detach")) == 1


async def test_a_session_without_time_to_be_released_is_released(
    autojump_clock: MockClock,
) -> None:
    """The drain of a turn has used up the time; the CLI is still asked to let go."""
    async with open_scripted_cli(
        LONG, ignore={"session.abort", "session.detach"}
    ) as cli:
        with trio.fail_after(600), trio.move_on_after(1):
            async with (
                open_client(cli.stream) as client,
                client.open_session(),
                client.open_session() as session,
                session.turn("?") as turn,
            ):
                await first_word(turn)
                await trio.sleep_forever()
        assert len(cli.calls("session.detach")) == 2
