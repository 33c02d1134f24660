"""The drain of a turn: stop the work at the CLI, hear it out, and be no later than that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
import trio.testing
from trio.testing import MockClock

from tests.session.events import event
from trio_copilot import RpcError
from trio_copilot._peer import Call, Peer, open_peer
from trio_copilot._session.drain import SETTLE, Drain
from trio_copilot._session.running import HandlerResult, OpenRequest, RunningRequests
from trio_copilot._session.transcript import Transcript
from trio_copilot.wire import open_peer as open_wire_peer


@attrs.define(eq=False)
class Scene:
    """A drain, and the CLI that it talks to, which answers when the test lets it."""

    peer: Peer
    running: RunningRequests
    transcript: Transcript
    ended: trio.Event
    prompt: Call
    drain: Drain
    log: list[str]
    """What the CLI got and what became of requests, in order."""
    answers: dict[str, trio.Event]
    """Set one to let the CLI answer that method."""
    refused: set[str]
    """Methods that the CLI answers with an error."""

    def begin_request(self) -> None:
        """The CLI asks for something whose handler never returns."""

        async def work() -> HandlerResult:
            await trio.sleep_forever()

        def reply(answer: Any) -> None:
            self.log.append("request answered")

        self.running.begin(
            OpenRequest(request_id="1", label="tool x", reply=reply, if_cancelled=None),
            work,
        )

    def feed(self, wire_type: str) -> None:
        self.transcript.feed(event(wire_type))
        self.drain.check()

    def end(self) -> None:
        self.ended.set()
        self.drain.check()


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    near, far = trio.testing.memory_stream_pair()
    log: list[str] = []
    answers: dict[str, trio.Event] = defaultdict(trio.Event)
    refused: set[str] = set()

    async def answer(method: str, params: Any) -> Any:
        log.append(method)
        await answers[method].wait()
        if method in refused:
            raise RpcError(-32603, "no")
        return {}

    async def why_ended() -> RpcError:
        raise AssertionError("the connection was lost")

    with trio.fail_after(60):
        async with (
            open_wire_peer(far, answer=answer),
            open_peer(
                near,
                on_notification=lambda method, params: None,
                on_end=lambda error: None,
                why_ended=why_ended,
                answer=answer,
            ) as peer,
            trio.open_nursery() as nursery,
        ):
            running = RunningRequests(nursery)
            transcript = Transcript(lambda shown: None)
            transcript.admit("message")
            ended = trio.Event()
            yield Scene(
                peer,
                running,
                transcript,
                ended,
                await peer.submit("session.send"),
                Drain(peer.submit, running, transcript, ended),
                log,
                answers,
                refused,
            )
            nursery.cancel_scope.cancel()


async def test_the_abort_waits_until_the_prompt_has_arrived(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        with trio.move_on_after(1):
            await scene.drain.run(scene.prompt)

        assert scene.log == ["session.send"]


async def test_requests_are_answered_once_the_abort_is_on_its_way(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        scene.begin_request()
        scene.answers["session.send"].set()
        with trio.move_on_after(1):
            await scene.drain.run(scene.prompt)
        scene.begin_request()

        assert scene.log == [
            "session.send",
            "request answered",
            "session.abort",
            "request answered",
        ]


async def test_it_lasts_until_the_main_agent_is_idle_and_no_longer(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        scene.answers["session.send"].set()
        scene.answers["session.abort"].set()
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.drain.run, scene.prompt)
            await trio.sleep(2)
            assert nursery.child_tasks

            scene.feed("assistant.idle")

        assert trio.current_time() - began == 2 + SETTLE


async def test_the_end_of_the_turn_ends_it_at_once(autojump_clock: MockClock) -> None:
    async with open_scene() as scene, trio.open_nursery() as nursery:
        scene.answers["session.send"].set()
        scene.answers["session.abort"].set()
        nursery.start_soon(scene.drain.run, scene.prompt)
        await trio.sleep(2)

        scene.end()
        await trio.testing.wait_all_tasks_blocked()

        assert not nursery.child_tasks
        assert scene.drain.time == 2.0


async def test_a_prompt_that_the_cli_refused_needs_no_abort(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        scene.refused.add("session.send")
        scene.answers["session.send"].set()

        await scene.drain.run(scene.prompt)

        assert scene.log == ["session.send"]


async def test_an_abort_that_the_cli_refuses_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        scene.refused.add("session.abort")
        scene.answers["session.send"].set()
        scene.answers["session.abort"].set()

        await scene.drain.run(scene.prompt)

        assert scene.log == ["session.send", "session.abort"]


async def test_an_interrupted_drain_continues_where_it_was(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        scene.answers["session.send"].set()
        with trio.move_on_after(1):
            await scene.drain.run(scene.prompt)

        scene.answers["session.abort"].set()
        scene.feed("assistant.idle")
        await scene.drain.run(scene.prompt)

        assert scene.log == ["session.send", "session.abort"]
        assert scene.drain.time == 1 + SETTLE


async def test_a_drain_that_was_never_needed_took_no_time(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        await trio.sleep(3)

        assert not scene.drain.started
        assert scene.drain.time == 0.0
