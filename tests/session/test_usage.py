"""What model calls used is summed without losing what cannot be summed."""

from __future__ import annotations

import pytest
import trio
from trio.abc import Clock

from trio_copilot import Usage, open_client
from trio_copilot.testing import open_scripted_cli

FIRST = {
    "inputTokens": 100,
    "outputTokens": 11,
    "duration": 1500,
    "timeToFirstTokenMs": 250.0,
    "interTokenLatencyMs": 10.0,
}
SECOND = {**FIRST, "outputTokens": 31, "interTokenLatencyMs": 20.0}


def test_one_call_is_as_the_cli_says() -> None:
    used = Usage().plus(FIRST)

    assert (used.calls, used.input_tokens, used.output_tokens) == (1, 100, 11)
    assert (used.duration, used.time_to_first_token) == (1.5, 0.25)
    assert used.inter_token_latency == pytest.approx(0.010)


def test_the_latency_of_a_sum_is_that_of_all_its_tokens() -> None:
    used = Usage().plus(FIRST).plus(SECOND)

    assert (used.calls, used.output_tokens, used.duration) == (2, 42, 3.0)
    assert used.inter_token_latency == pytest.approx((10 * 0.010 + 30 * 0.020) / 40)


def test_the_first_token_of_a_sum_is_that_of_the_first_call() -> None:
    later = Usage().plus({**FIRST, "timeToFirstTokenMs": 9000})

    assert (Usage() + later).time_to_first_token == 9.0
    assert (Usage().plus(FIRST) + later).time_to_first_token == 0.25
    assert (Usage().plus({}) + later).time_to_first_token is None


@pytest.mark.parametrize("data", [{}, dict.fromkeys(FIRST), dict.fromkeys(FIRST, "?")])
def test_what_the_cli_does_not_say_is_nothing(data: dict[str, object]) -> None:
    used = Usage().plus(data)

    assert used == Usage(calls=1)
    assert used.inter_token_latency is None


def test_a_call_of_one_token_has_no_gap() -> None:
    used = Usage().plus({**FIRST, "outputTokens": 1})

    assert used.inter_token_latency is None


def test_sums_can_be_put_together_in_any_way() -> None:
    parts = [Usage().plus(FIRST), Usage().plus(SECOND), Usage().plus({})]
    left = (parts[0] + parts[1]) + parts[2]
    right = parts[0] + (parts[1] + parts[2])

    assert left == right == Usage() + left == left + Usage()


def test_a_compaction_counts_with_all_its_requests() -> None:
    told = {"requestCount": 2, "inputTokens": 900, "outputTokens": 90, "duration": 500}
    used = Usage().plus(FIRST).plus_compaction({"compactionTokensUsed": told})

    assert (used.calls, used.input_tokens, used.output_tokens) == (3, 1000, 101)
    assert used.duration == 2.0


@pytest.mark.parametrize("data", [{}, {"compactionTokensUsed": None}])
def test_a_compaction_that_says_nothing_counts_for_nothing(
    data: dict[str, object],
) -> None:
    assert Usage().plus_compaction(data) == Usage()


async def test_a_session_sums_its_turns_and_compactions(
    autojump_clock: Clock,
) -> None:
    async with (
        open_scripted_cli("one two three") as cli,
        open_client(cli.stream) as client,
        client.open_session() as session,
        session.subscribe("session.compaction_complete") as events,
    ):
        with trio.fail_after(10):
            end = await session.ask("Count.")
            assert session.usage == end.usage
            told = {"inputTokens": 500, "outputTokens": 50}
            done = {"success": True, "compactionTokensUsed": told}
            cli.emit(session.id, "session.compaction_complete", done)
            await events.receive()

        assert session.usage.input_tokens == end.usage.input_tokens + 500
        assert session.usage.calls == 2
