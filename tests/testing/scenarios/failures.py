"""Model calls that fail, for a while or for good."""

from __future__ import annotations

from tests.testing.scenarios.registry import (
    Talk,
    scenario,
)
from trio_copilot.testing import Reply


@scenario(Reply("no", status=400), "next")
async def an_error_without_retry(talk: Talk) -> None:
    await talk.client.turn()
    await talk.client.turn()
    (error,) = talk.client.data("session.error")

    assert error["message"] == "400 no"
    assert talk.client.data("assistant.turn_retry") == []


@scenario(Reply(status=500), "fine")
async def an_error_with_retry(talk: Talk) -> None:
    await talk.client.turn()

    assert talk.client.data("session.error") == []


@scenario(Reply(status=429, retry_after=1), "fine")
async def a_rate_limit(talk: Talk) -> None:
    await talk.client.turn()


@scenario(*[Reply(status=401)] * 3)
async def a_wrong_key(talk: Talk) -> None:
    await talk.client.turn()
    (error,) = talk.client.data("session.error")

    assert error["errorType"] == "authentication"


@scenario(Reply(status=403))
async def a_forbidden_model(talk: Talk) -> None:
    await talk.client.turn()


@scenario(Reply("half a", then="drop"), "half a loaf")
async def a_dropped_answer_is_streamed_again(talk: Talk) -> None:
    await talk.client.turn()
    starts = talk.client.data("assistant.message_start")

    assert len({start["messageId"] for start in starts}) == 2


@scenario(Reply("half a", then="drop"), "half a loaf", streaming=False)
async def a_dropped_answer_without_streaming(talk: Talk) -> None:
    await talk.client.turn()
