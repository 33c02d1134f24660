"""The scripted model as the real CLI sees it, driven by raw frames over its stdio."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.testing.raw import FREE_LOOK, RawClient
from trio_copilot.testing import (
    Call,
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

pytestmark = pytest.mark.cli

TIMEOUT = 30


@asynccontextmanager
async def session(
    cli_path: Path, model: ScriptedModel, home: Path
) -> AsyncIterator[RawClient]:
    command = [str(cli_path), "--headless", "--no-auto-update", "--stdio"]
    run = partial(
        trio.run_process,
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=cli_environment(model, home),
        cwd=home,
    )
    with trio.fail_after(TIMEOUT):
        async with trio.open_nursery() as nursery:
            process = await nursery.start(run)
            cli = RawClient(process.stdin, process.stdout)
            provider = {"type": "openai", "baseUrl": model.base_url}
            await cli.create(FREE_LOOK, model=model.name, provider=provider)
            yield cli
            await cli.call("runtime.shutdown")
            await process.stdin.aclose()


async def test_the_deltas_of_a_reply_arrive_as_they_were_scripted(cli_path, cli_home):
    reply = Reply(["Hel", "lo ", "👋"], reasoning=["Hm", "m"], finish_reason="stop")
    async with open_scripted_model([reply]) as model:
        async with session(cli_path, model, cli_home) as cli:
            sent = await cli.call("session.send", prompt="Hello?")
            await cli.event("session.idle")

    deltas = [data["deltaContent"] for data in cli.data("assistant.message_delta")]
    thoughts = [data["deltaContent"] for data in cli.data("assistant.reasoning_delta")]
    (usage,) = cli.data("assistant.usage")
    (message,) = cli.data("assistant.message")

    assert deltas == ["Hel", "lo ", "👋"]
    assert thoughts == ["Hm", "m"]
    assert (usage["inputTokens"], usage["outputTokens"]) == (10, 5)
    assert message["content"] == "Hello 👋"
    assert message["originatingMessageId"] == sent["messageId"]
    assert "Hello?" in model.requests[0].prompt


async def test_a_prompt_makes_one_model_call_and_no_other(cli_path, cli_home):
    async with open_scripted_model(["one", "two"]) as model:
        async with session(cli_path, model, cli_home) as cli:
            for prompt in ("first", "second"):
                await cli.call("session.send", prompt=prompt)
                await cli.event("session.idle")

    assert len(model.requests) == 2
    assert model.unanswered == []
    assert model.disconnected == []


async def test_a_tool_call_arrives_and_its_result_goes_back(cli_path, cli_home):
    script: list[Reply | str] = [
        Reply(calls=[Call("look", {"at": "the sky"})]),
        "It is blue",
    ]
    async with open_scripted_model(script) as model:
        async with session(cli_path, model, cli_home) as cli:
            await cli.call("session.send", prompt="Look up")
            asked = await cli.event("external_tool.requested")
            await cli.call(
                "session.tools.handlePendingToolCall",
                requestId=asked["requestId"],
                result="blue",
            )
            await cli.event("session.idle")

    assert asked["toolName"] == "look"
    assert asked["arguments"] == {"at": "the sky"}
    assert asked["toolCallId"] == "call_1_0"
    assert model.requests[1].messages[-1]["content"] == "blue"
    assert any(tool["function"]["name"] == "look" for tool in model.requests[0].tools)


async def test_an_error_is_retried_and_another_is_not(cli_path, cli_home):
    script: list[Reply | str] = [
        Reply(status=500),
        "back again",
        Reply("no", status=400),
    ]
    async with open_scripted_model(script) as model:
        async with session(cli_path, model, cli_home) as cli:
            await cli.call("session.send", prompt="first")
            await cli.event("session.idle")
            (retry,) = cli.data("assistant.turn_retry")
            errors = cli.data("session.error")
            await cli.call("session.send", prompt="second")
            await cli.event("session.idle")

    assert retry["reason"] == "api_error"
    assert errors == []
    (error,) = cli.data("session.error")
    assert error["statusCode"] == 400
    assert error["message"] == "400 no"


async def test_a_dropped_reply_is_streamed_again(cli_path, cli_home):
    script: list[Reply | str] = [Reply("half a", then="drop"), "half a loaf"]
    async with open_scripted_model(script) as model:
        async with session(cli_path, model, cli_home) as cli:
            await cli.call("session.send", prompt="bread?")
            await cli.event("session.idle")

    (retry,) = cli.data("assistant.turn_retry")
    (message,) = cli.data("assistant.message")
    starts = cli.data("assistant.message_start")

    assert retry["reason"] == "streaming_error"
    assert message["content"] == "half a loaf"
    assert len({start["messageId"] for start in starts}) == 2


async def test_an_abort_closes_the_connection_of_a_hanging_reply(cli_path, cli_home):
    async with open_scripted_model([Reply("One mo", then="hang"), "fine"]) as model:
        async with session(cli_path, model, cli_home) as cli:
            await cli.call("session.send", prompt="Hello?")
            await cli.event("assistant.message_delta")
            await cli.call("session.abort")
            await model.wait_disconnect()
            idle = await cli.event("session.idle")
            await cli.call("session.send", prompt="Again")
            await cli.event("session.idle")

    assert idle["aborted"] is True
    assert model.disconnected == [1]
    assert cli.data("assistant.message")[-1]["content"] == "fine"


async def test_half_of_a_pair_is_refused_by_the_cli_itself(cli_path, cli_home):
    """A delta with half of an emoji never reaches a client; the CLI tries again."""
    async with open_scripted_model([Reply(["a", "\ud83d", "\ude00"]), "b"]) as model:
        async with session(cli_path, model, cli_home) as cli:
            await cli.call("session.send", prompt="Smile")
            await cli.event("session.idle")

    deltas = [data["deltaContent"] for data in cli.data("assistant.message_delta")]

    assert deltas == ["a", "b"]
    assert [data["reason"] for data in cli.data("assistant.turn_retry")] == [
        "streaming_error"
    ]
