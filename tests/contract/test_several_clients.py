"""Several clients on one session: which of them answers what the CLI asks all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.worlds import World, serving
from trio_copilot import (
    Abstain,
    Allow,
    CancelCause,
    Client,
    Deny,
    Session,
    Tcp,
    TurnEndReason,
    abstain_all,
    open_client,
    tool,
)
from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_model,
)

QUESTION = {"question": "Which colour?", "choices": ["red", "blue"]}
CALLS = {
    "run": Call("bash", {"command": "echo done", "description": "say"}),
    "look": Call("look"),
    "ask": Call("ask_user", QUESTION),
    "plan": Call("exit_plan_mode", {"summary": "Do it"}),
}


@tool(skip_permission=False)
async def look() -> str:
    """Look."""
    await trio.lowlevel.checkpoint()
    return "seen"


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def script(request: ModelRequest) -> Any:
    call = CALLS.get(str(request.prompt).split()[-1])
    if request.messages[-1]["role"] == "tool" or call is None:
        return "fine"
    return Reply(calls=[call])


class Person:
    """Is asked whatever there is to ask, and answers what the test has him answer."""

    def __init__(self) -> None:
        self._ask, self.asked = trio.open_memory_channel[object](9)
        self.answer, self._answers = trio.open_memory_channel[Any](9)
        self._give_up, self.gave_up = trio.open_memory_channel[object](9)

    async def __call__(self, request: object) -> Any:
        self._ask.send_nowait(request)
        try:
            return await self._answers.receive()
        except trio.Cancelled:
            self._give_up.send_nowait(request)
            raise

    @property
    def handlers(self) -> dict[str, Any]:
        """Him, as options of a session."""
        return {
            "on_permission_request": self,
            "on_user_input": self,
            "on_elicitation": self,
            "on_exit_plan_mode": self,
        }


@attrs.frozen
class Pair:
    """The same session, opened by two clients."""

    mine: Session
    other: Session
    other_client: Client
    model: ScriptedModel
    leave_other: Callable[[], Awaitable[None]]
    """Leaves the block of `other`, and returns when it has been left."""

    @property
    def told(self) -> str:
        """What the model heard last from the tools."""
        return str(self.model.requests[-1].messages[-1]["content"])


@asynccontextmanager
async def pair(
    cli_path: Path, cli_home: Path, mine: dict[str, Any], other: dict[str, Any]
) -> AsyncIterator[Pair]:
    """A session of one client which another has resumed."""
    async with (
        open_scripted_model(script) as model,
        serving(cli_path, cli_environment(model, cli_home)) as port,
        open_client(Tcp("127.0.0.1", port)) as one,
        open_client(Tcp("127.0.0.1", port)) as two,
    ):
        options: dict[str, Any] = {"model": model.name, "provider": model.provider}
        leave, left = trio.Event(), trio.Event()

        async def join(
            session_id: str,
            task_status: trio.TaskStatus[Session] = trio.TASK_STATUS_IGNORED,
        ) -> None:
            async with two.resume_session(session_id, **options, **other) as again:
                task_status.started(again)
                await leave.wait()
            left.set()

        async def leave_other() -> None:
            leave.set()
            await left.wait()

        async with (
            one.open_session(**options, **mine) as session,
            trio.open_nursery() as nursery,
        ):
            again = await nursery.start(join, session.id)
            yield Pair(session, again, two, model, leave_other)
            leave.set()


async def ask_both(person: Person, watcher: Person, answer: object) -> None:
    """Let the watcher abstain before the person answers."""
    await person.asked.receive()
    await watcher.asked.receive()
    await watcher.answer.send(Abstain())
    await trio.testing.wait_all_tasks_blocked()
    await person.answer.send(answer)


@pytest.mark.cli
async def test_who_abstains_decides_nothing(cli_path: Path, cli_home: Path) -> None:
    person, watcher = Person(), Person()
    with trio.fail_after(60):
        async with pair(cli_path, cli_home, person.handlers, watcher.handlers) as both:
            for prompt, answer, told in (
                ("run", Allow(), "done"),
                ("run", Deny("Not today."), "Not today."),
                ("ask", "blue", "User selected: blue"),
                ("plan", Deny("Shorter."), "Shorter."),
            ):
                if prompt == "plan":
                    await both.mine.rpc.mode.set(mode="plan")
                async with both.mine.turn(prompt, timeout=30) as turn:
                    await ask_both(person, watcher, answer)
                    await turn.wait()
                assert turn.end.reason is TurnEndReason.COMPLETE
                assert told in both.told

            forms: list[Any] = []
            async with trio.open_nursery() as nursery:

                async def ask_for_name() -> None:
                    form = {"message": "Who?", "requestedSchema": SCHEMA}
                    forms.append(await both.mine.call("session.ui.elicitation", form))

                nursery.start_soon(ask_for_name)
                await ask_both(person, watcher, {"name": "Ada"})
            assert forms == [{"action": "accept", "content": {"name": "Ada"}}]


@pytest.mark.cli
async def test_who_only_watches_is_in_nobodys_way(
    cli_path: Path, cli_home: Path
) -> None:
    """Not with what it cannot answer, and not when it leaves before a decision."""
    person, watching = Person(), {"on_permission_request": abstain_all}
    with trio.fail_after(60):
        async with pair(cli_path, cli_home, person.handlers, watching) as both:
            for prompt, answer, told in (
                ("ask", "blue", "User selected: blue"),
                ("plan", Deny("Shorter."), "Shorter."),
                ("run", Allow(), "done"),
            ):
                await both.mine.rpc.mode.set(
                    mode="plan" if prompt == "plan" else "interactive"
                )
                async with (
                    both.other.subscribe("permission.requested") as asked,
                    both.mine.turn(prompt, timeout=30) as turn,
                ):
                    await person.asked.receive()
                    if prompt == "run":
                        await asked.receive()
                        await both.leave_other()
                    await person.answer.send(answer)
                    await turn.wait()
                assert turn.end.reason is TurnEndReason.COMPLETE
                assert told in both.told


@pytest.mark.cli
async def test_an_abstention_from_a_question_ends_with_its_session(
    cli_path: Path, cli_home: Path
) -> None:
    person, watcher = Person(), Person()
    with trio.fail_after(60):
        async with pair(cli_path, cli_home, person.handlers, watcher.handlers) as both:
            async with both.mine.turn("ask", timeout=30) as turn:
                await person.asked.receive()
                await watcher.asked.receive()
                await watcher.answer.send(Abstain())
                await trio.testing.wait_all_tasks_blocked()
                await both.leave_other()
                await person.answer.send("red")
                await turn.wait()
            assert both.told == "User selected: red"


@pytest.mark.cli
async def test_the_slower_of_two_people_is_not_asked_any_more(
    cli_path: Path, cli_home: Path
) -> None:
    fast, slow = Person(), Person()
    with trio.fail_after(60):
        async with pair(cli_path, cli_home, fast.handlers, slow.handlers) as both:
            await both.mine.rpc.mode.set(mode="plan")
            for prompt, answer in (("run", Allow()), ("ask", "red"), ("plan", Deny())):
                async with both.mine.turn(prompt, timeout=30) as turn:
                    asked = await slow.asked.receive()
                    await fast.answer.send(answer)
                    assert await slow.gave_up.receive() is asked
                    await turn.wait()
                assert both.other_client.statistics().open_requests == ()


async def test_a_question_that_all_leave_to_others_holds_no_abort_up(
    world: World, clock: Clock
) -> None:
    watcher = Person()
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[look], **watcher.handlers) as rig:
            for prompt in ("ask", "look"):
                async with rig.session.turn(prompt) as turn:
                    await watcher.asked.receive()
                    await watcher.answer.send(Abstain())
                    await trio.testing.wait_all_tasks_blocked()
                    assert len(rig.client.statistics().open_requests) == 1
                    turn.cancel_scope.cancel()
                assert turn.end.cause is CancelCause.ABORT
                assert rig.client.statistics().open_requests == ()
            assert (await rig.session.ask("and now?")).text == "fine"


async def test_a_resumed_session_without_a_handler_denies_and_the_model_is_told(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.stage(script) as stage, stage.open_client() as client:
            async with client.open_session() as session:
                await session.ask("begin")
            async with client.resume_session(session.id, tools=[look]) as session:
                await session.ask("look")
            said = str(stage.model.requests[-1].messages[-1]["content"])

    assert "not been given a way to grant permissions" in said


@pytest.mark.cli
async def test_what_a_session_can_do_follows_who_is_there(
    cli_path: Path, cli_home: Path
) -> None:
    person = Person()
    with trio.fail_after(60):
        async with (
            open_scripted_model(script) as model,
            serving(cli_path, cli_environment(model, cli_home)) as port,
            open_client(Tcp("127.0.0.1", port)) as one,
            open_client(Tcp("127.0.0.1", port)) as two,
        ):
            options: dict[str, Any] = {"model": model.name, "provider": model.provider}
            async with one.open_session(**options) as mine:
                before = mine.capabilities
                assert before["ui"]["elicitation"] is False
                async with mine.subscribe("capabilities.changed") as changes:
                    other = two.resume_session(mine.id, **options, **person.handlers)
                    async with other:
                        await changes.receive()
                        ui = {**before["ui"], "elicitation": True}
                        assert mine.capabilities == {**before, "ui": ui}


@pytest.mark.cli
@pytest.mark.parametrize(
    ("prompt", "answer", "told"),
    [("run", Allow(), "done"), ("ask", "blue", "User selected: blue")],
)
async def test_who_leaves_while_he_is_asked_decides_nothing(
    cli_path: Path, cli_home: Path, prompt: str, answer: Any, told: str
) -> None:
    one, two = Person(), Person()
    with trio.fail_after(60):
        async with pair(cli_path, cli_home, one.handlers, two.handlers) as both:
            async with both.mine.turn(prompt, timeout=30) as turn:
                await one.asked.receive()
                await two.asked.receive()
                await both.leave_other()
                assert await two.gave_up.receive()
                await one.answer.send(answer)
                await turn.wait()
            assert told in both.told
