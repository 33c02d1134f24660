"""The lower layers as they are offered to clients of others: `trio_copilot.wire`."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_copilot import CliExitedError, CopilotError, RpcError, wire


def test_bytes_become_messages_without_any_io() -> None:
    said: list[wire.Message] = [
        wire.Request(1, "add", [1, 2]),
        wire.Notification("log", {"text": "ü"}),
    ]
    decoder = wire.FrameDecoder()
    for message in said:
        decoder.feed(wire.encode_frame(wire.encode_message(message)))

    heard = [wire.decode_message(body) for body in decoder.next_frames()]

    assert heard == said


def test_everything_reports_the_public_module() -> None:
    public = [getattr(wire, name) for name in dir(wire)]
    classes = [each for each in public if isinstance(each, type)]

    assert {each.__module__ for each in classes} == {"trio_copilot.wire"}
    assert wire.open_peer.__module__ == "trio_copilot.wire"


async def test_two_peers_call_and_tell_each_other() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    heard: list[tuple[str, Any]] = []

    async def respond(method: str, params: Any) -> Any:
        await there.request("note", method)
        return sum(params)

    async def note(method: str, params: Any) -> None:
        await trio.lowlevel.checkpoint()
        heard.append((method, params))

    with trio.fail_after(5):
        async with wire.open_peer(theirs, answer=respond) as there:
            async with wire.open_peer(ours, answer=note) as here:
                assert await here.request("add", [1, 2]) == 3
                assert heard == [("note", "add")]


async def test_notifications_come_in_order() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    heard: list[Any] = []
    done = trio.Event()

    def hear(method: str, params: Any) -> None:
        heard.append((method, params))
        if params == 2:
            done.set()

    with trio.fail_after(5):
        async with wire.open_peer(ours, on_notification=hear):
            for number in range(3):
                message = wire.Notification("tick", number)
                body = wire.encode_message(message)
                await theirs.send_all(wire.encode_frame(body))
            await done.wait()

    assert heard == [("tick", 0), ("tick", 1), ("tick", 2)]


async def test_nothing_is_served_that_nobody_offers() -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    with trio.fail_after(5):
        async with wire.open_peer(theirs), wire.open_peer(ours) as here:
            with pytest.raises(RpcError, match="does not answer add") as refused:
                await here.request("add", [1, 2])

    assert refused.value.code == wire.METHOD_NOT_FOUND


async def test_the_end_of_the_stream_is_told_to_whoever_waits() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    ends: list[CopilotError] = []

    with trio.fail_after(5):
        async with wire.open_peer(ours, on_end=ends.append) as here:
            await theirs.aclose()
            with pytest.raises(CliExitedError):
                await here.request("add", [1, 2])

    assert [type(end) for end in ends] == [CliExitedError]
