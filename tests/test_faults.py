"""An exception of a body comes out of every block as itself, whatever else happens.

Every block is the innermost one once, and what it needs is opened around it, over memory
streams and in simulated time. The same on the real CLI is in
`tests/contract/test_exceptions.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeAlias, cast

import attrs
import pytest
import trio
import trio.testing

from trio_copilot import Client, Session, ToolCall, open_client, tool
from trio_copilot.bridge import open_bridge
from trio_copilot.testing import (
    Call,
    Reply,
    Script,
    ScriptedCli,
    open_scripted_cli,
    open_scripted_model,
    open_stage,
)
from trio_copilot.wire import open_peer

pytestmark = pytest.mark.filterwarnings("ignore::trio.TrioDeprecationWarning")

LAST_WORDS = (
    "session.abort",
    "session.detach",
    "session.destroy",
    "runtime.shutdown",
)


@attrs.define
class Scene:
    """What the body of a block can do to itself and to the CLI."""

    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Around everything."""
    ignored: set[str] = attrs.field(factory=set[str])
    """What the CLI does not answer from now on."""
    cli: ScriptedCli | None = None

    @asynccontextmanager
    async def open_cli(self, script: Script | Reply = ()) -> AsyncGenerator[Any, None]:
        async with open_scripted_cli(script, ignore=self.ignored) as self.cli:
            yield self.cli.stream

    @asynccontextmanager
    async def open_stage(self, script: Script = ()) -> AsyncGenerator[Any, None]:
        async with open_stage(script, scripted={"ignore": self.ignored}) as stage:
            self.cli = stage.cli
            yield stage


Opened: TypeAlias = AsyncGenerator[None, None]


@asynccontextmanager
async def scripted_model(scene: Scene) -> Opened:
    async with open_scripted_model([]):
        yield


@asynccontextmanager
async def scripted_cli(scene: Scene) -> Opened:
    async with scene.open_cli():
        yield


@asynccontextmanager
async def peer(scene: Scene) -> Opened:
    async with scene.open_cli() as stream, open_peer(stream):
        yield


@asynccontextmanager
async def stage(scene: Scene) -> Opened:
    async with scene.open_stage():
        yield


@asynccontextmanager
async def session_of_a_stage(scene: Scene) -> Opened:
    async with scene.open_stage() as stage, stage.open_client(), stage.open_session():
        yield


@asynccontextmanager
async def resumed_session(scene: Scene) -> Opened:
    async with scene.open_cli([Reply("Hello")]) as stream:
        async with open_client(stream) as client:
            async with client.open_session() as session:
                await session.ask("?")
            async with client.resume_session(session.id):
                yield


Block: TypeAlias = Callable[[Scene], AbstractAsyncContextManager[None]]


def in_client(inner: Callable[[Client], AbstractAsyncContextManager[Any]]) -> Block:
    @asynccontextmanager
    async def block(scene: Scene) -> Opened:
        async with scene.open_cli() as stream, open_client(stream) as client:
            async with inner(client):
                yield

    return block


def in_session(inner: Callable[[Session], AbstractAsyncContextManager[Any]]) -> Block:
    @asynccontextmanager
    async def block(scene: Scene) -> Opened:
        async with scene.open_cli(Reply(then="hang")) as stream:
            async with open_client(stream) as client, client.open_session() as session:
                async with inner(session):
                    yield

    return block


BLOCKS: dict[str, Block] = {
    "open_scripted_model": scripted_model,
    "open_scripted_cli": scripted_cli,
    "open_peer": peer,
    "open_stage": stage,
    "stage.open_session": session_of_a_stage,
    "open_client": in_client(lambda client: nullcontext()),
    "client.lifecycle": in_client(lambda client: client.lifecycle()),
    "open_bridge": in_client(open_bridge),
    "client.open_session": in_client(lambda client: client.open_session()),
    "client.resume_session": resumed_session,
    "session.subscribe": in_session(lambda session: session.subscribe()),
    "session.turn": in_session(lambda session: session.turn("?")),
}


async def at_once(scene: Scene, fault: BaseException) -> None:
    raise fault


async def when_cancelled(scene: Scene, fault: BaseException) -> None:
    scene.scope.cancel()
    try:
        await trio.sleep_forever()
    finally:
        raise fault


async def after_the_deadline(scene: Scene, fault: BaseException) -> None:
    scene.scope.deadline = trio.current_time() + 1
    try:
        await trio.sleep_forever()
    finally:
        raise fault


async def cancelled_on_the_way_out(scene: Scene, fault: BaseException) -> None:
    scene.scope.cancel()
    raise fault


async def with_a_dead_cli(scene: Scene, fault: BaseException) -> None:
    if scene.cli is not None:
        scene.cli.kill()
    raise fault


async def with_a_dead_cli_and_no_time(scene: Scene, fault: BaseException) -> None:
    scene.scope.deadline = trio.current_time()
    await with_a_dead_cli(scene, fault)


async def with_a_silent_cli(scene: Scene, fault: BaseException) -> None:
    """The deadline passes while the CLI is waited for."""
    scene.ignored.update(LAST_WORDS)
    scene.scope.deadline = trio.current_time() + 0.1
    raise fault


Body: TypeAlias = Callable[[Scene, BaseException], Awaitable[None]]

every_block = pytest.mark.parametrize("name", BLOCKS)
any_groups = pytest.mark.parametrize("strict", [True, False], ids=["strict", "loose"])


def leave(name: str, body: Body, fault: BaseException, strict: bool) -> object:
    """Return what comes out of a block that is left in this way."""

    async def main() -> object:
        scene = Scene()
        with trio.fail_after(600), scene.scope:
            try:
                async with BLOCKS[name](scene):
                    await body(scene, fault)
            except BaseException as error:  # noqa: BLE001  # that is what we look for
                return error
        return None

    return run(main, strict)


def run(main: Callable[[], Awaitable[object]], strict: bool) -> object:
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(main, clock=clock, strict_exception_groups=strict)


@pytest.mark.parametrize(
    "body",
    [
        at_once,
        when_cancelled,
        after_the_deadline,
        cancelled_on_the_way_out,
        with_a_dead_cli,
        with_a_dead_cli_and_no_time,
        with_a_silent_cli,
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        KeyError("mine"),
        ExceptionGroup("mine", [KeyError()]),
        KeyboardInterrupt(),
    ],
    ids=["exception", "group", "interrupt"],
)
@any_groups
@every_block
def test_an_exception_of_the_body_comes_out_as_the_same_object(
    name: str, body: Body, fault: BaseException, strict: bool
) -> None:
    assert leave(name, body, fault, strict) is fault


@any_groups
@every_block
def test_cancelled_alone_goes_on_and_not_in_a_group(name: str, strict: bool) -> None:
    async def cancelled(scene: Scene, _: BaseException) -> None:
        scene.scope.cancel()
        await trio.sleep_forever()

    assert type(leave(name, cancelled, KeyError(), strict)) is trio.Cancelled


def parts(group: object) -> tuple[BaseException, ...]:
    assert isinstance(group, ExceptionGroup)
    return cast("ExceptionGroup[Exception]", group).exceptions


@tool(errors="raise")
async def fails_late() -> None:
    """Wait, and fail while cleaning up."""
    try:
        await trio.sleep_forever()
    finally:
        raise LookupError("the tool's")


def leave_while_it_runs(fault: BaseException | None, strict: bool) -> object:
    """Return what comes out when all is cancelled while `fails_late` runs."""

    async def main() -> object:
        script = [Reply(calls=[Call("fails_late")])]
        with trio.fail_after(600), trio.CancelScope() as scope:
            try:
                async with (
                    open_scripted_cli(script) as cli,
                    open_client(cli.stream) as client,
                    client.open_session(tools=[fails_late]) as session,
                    session.turn("?") as turn,
                ):
                    async for event in turn:
                        if isinstance(event, ToolCall):
                            break
                    await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()
                    try:
                        await trio.sleep_forever()
                    finally:
                        if fault is not None:
                            raise fault
            except BaseException as error:  # noqa: BLE001  # that is what we look for
                return error
        return None

    return run(main, strict)


@any_groups
def test_so_does_the_exception_of_a_handler(strict: bool) -> None:
    assert type(leave_while_it_runs(None, strict)) is LookupError


@any_groups
def test_both_are_a_group(strict: bool) -> None:
    fault = KeyError("mine")
    group = leave_while_it_runs(fault, strict)
    mine, handlers = parts(group)
    assert mine is fault
    assert type(handlers) is LookupError


async def test_a_group_comes_out_of_a_turn_that_was_aborted(
    autojump_clock: object,
) -> None:
    group = ExceptionGroup("mine", [KeyError()])
    with pytest.raises(ExceptionGroup) as caught:
        async with in_session(lambda session: abort_and_raise(session, group))(Scene()):
            pass

    assert caught.value is group


@asynccontextmanager
async def abort_and_raise(session: Session, fault: Exception) -> Opened:
    async with session.turn("?") as turn:
        turn.cancel_scope.cancel()
        try:
            await trio.sleep_forever()
        finally:
            raise fault
    yield


@attrs.define
class Unclosable(trio.abc.SendStream):
    """A stream that raises when it is closed."""

    _stream: trio.abc.SendStream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()
        raise OSError("cannot be closed")


@any_groups
def test_a_stream_that_cannot_be_closed_hides_nothing(strict: bool) -> None:
    fault = KeyError("mine")

    async def main() -> object:
        try:
            async with open_scripted_cli() as cli:
                sending = Unclosable(cli.stream.send_stream)
                stream = trio.StapledStream(sending, cli.stream.receive_stream)
                async with open_client(stream):
                    raise fault
        except BaseException as error:  # noqa: BLE001  # that is what we look for
            return error

    mine, streams = parts(run(main, strict))
    assert mine is fault
    assert type(streams) is OSError
