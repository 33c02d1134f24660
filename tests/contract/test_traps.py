"""What is easy to get wrong with the real CLI; `docs/traps.md` explains each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.abc import Clock

from tests.worlds import World, serving
from trio_copilot import (
    Attachment,
    BlobAttachment,
    CancelCause,
    ConnectError,
    DirectoryAttachment,
    FileAttachment,
    SessionClosedError,
    SessionEvent,
    Tcp,
    TextDelta,
    ToolResult,
    TurnEndReason,
    allow_all,
    open_client,
    tool,
)
from trio_copilot.events import AssistantMessageDelta, UserMessage
from trio_copilot.testing import (
    Call,
    Reply,
    cli_environment,
    open_scripted_model,
    open_stage,
)


def shell(command: str, **arguments: object) -> Reply:
    return Reply(
        calls=[Call("bash", {"command": command, "description": "d", **arguments})]
    )


@pytest.mark.cli
async def test_background_work_is_waited_for(real: World) -> None:
    """`assistant.idle` comes several times, `session.idle` once."""
    script = [shell("sleep 0.7; echo over", mode="async"), "started. ", "and done."]
    with trio.fail_after(real.patience):
        async with real.run(script, on_permission_request=allow_all) as rig:
            end = await rig.session.ask("?")

    assert end.text == "started. \n\nand done."
    assert end.reason is TurnEndReason.COMPLETE
    assert not end.background_work


@pytest.mark.cli
async def test_background_work_does_not_hold_an_abort_up(real: World) -> None:
    """`session.idle` never comes while a shell runs."""
    script = [shell("sleep 60", mode="async"), "started.", "next"]
    with trio.fail_after(real.patience):
        async with real.run(script, on_permission_request=allow_all) as rig:
            async with (
                rig.session.subscribe("assistant.idle") as main_idle,
                rig.session.turn("?") as turn,
            ):
                await main_idle.receive()
                start = trio.current_time()
            took = trio.current_time() - start

            assert took < 1
            assert turn.end.cause is CancelCause.OUTER
            end = await rig.session.ask("?", timeout=2)  # the shell still holds it

            assert end.text == "next"
            assert end.cause is CancelCause.DEADLINE
            assert end.background_work


async def test_an_abort_of_a_main_agent_that_is_idle_already_need_not_show(
    autojump_clock: Clock,
) -> None:
    """Mostly the CLI sends one more `assistant.idle`, but not always."""
    answers = {"session.abort": lambda params: {"success": True}}
    scripted = {"background_work": True, "answers": answers}
    async with (
        open_stage(["started."], scripted=scripted) as stage,
        stage.open_client() as client,
        client.open_session() as session,
    ):
        async with (
            session.subscribe("assistant.idle") as idle,
            session.turn("?") as turn,
        ):
            await idle.receive()
            turn.cancel_scope.cancel()

        assert turn.end.reason is TurnEndReason.CANCELLED
        assert turn.end.background_work
        assert turn.end.drain_time == pytest.approx(0.25, abs=0.1)


@pytest.mark.cli
async def test_running_commands_of_the_cli_die_with_the_turn(real: World) -> None:
    script = [shell("sleep 60"), "next"]
    with trio.fail_after(real.patience):
        async with real.run(script, on_permission_request=allow_all) as rig:
            end = await rig.session.ask("?", timeout=2)

            assert end.pending == ("tool bash",)
            assert (await rig.session.ask("?")).text == "next"


@pytest.mark.cli
@pytest.mark.repetitive
async def test_each_event_comes_once_though_the_cli_sends_it_again(
    real: World,
) -> None:
    """Under load the CLI repeats deltas: here in bursts of more than 6,000."""
    deltas = tuple(f"{n} " for n in range(9000))
    with trio.fail_after(real.patience):
        async with real.run([Reply(deltas)]) as rig:
            async with rig.session.subscribe(
                "assistant.message_delta", capacity=20_000
            ) as events:
                end = await rig.session.ask("?")
            heard = [
                event.raw["data"]["deltaContent"]
                async for event in events
                if isinstance(event, SessionEvent)
            ]

    assert end.text == "".join(deltas)
    # On a busy machine the CLI also sends some out of order, which is not the point here.
    assert sorted(heard, key=int) == list(deltas)


async def test_events_that_are_sent_again_are_dropped(clock: Clock) -> None:
    """On a CLI that is set to repeat its deltas."""
    from trio_copilot.testing import open_scripted_cli

    deltas = tuple(f"{n} " for n in range(50))
    with trio.fail_after(60):
        async with (
            open_scripted_cli([Reply(deltas)], duplicate_deltas=True) as cli,
            open_client(cli.stream) as client,
            client.open_session() as session,
        ):
            end = await session.ask("?")

    assert end.text == "".join(deltas)


@pytest.fixture
def world_name() -> str:
    """Simulated time for tests that ask for `clock` without a world."""
    return "scripted"


@pytest.mark.cli
@pytest.mark.repetitive
async def test_a_subscriber_that_never_reads_delays_nobody(real: World) -> None:
    """The CLI has no back-pressure: its buffer is bounded here."""
    deltas = tuple(f"{n} " for n in range(3000))
    with trio.fail_after(real.patience):
        async with real.run([Reply(deltas)]) as rig:
            async with rig.session.subscribe(capacity=100) as sleeper:
                end = await rig.session.ask("?")
                assert sleeper.statistics().current_buffer_used <= 101

    assert end.text == "".join(deltas)


@pytest.mark.cli
async def test_a_filtered_answer_can_be_told_from_a_complete_one(real: World) -> None:
    """The CLI hides that a content filter cut it; `finish_reason` shows it."""
    script = [Reply("I can", finish_reason="content_filter")]
    with trio.fail_after(real.patience):
        async with real.run(script) as rig:
            end = await rig.session.ask("?")

    assert end.finish_reason == "content_filter"


@pytest.mark.cli
async def test_an_error_before_the_prompt_was_taken_ends_the_turn(real: World) -> None:
    """No `user.message` comes then, and no id of the prompt."""

    @tool
    async def grep(pattern: str) -> str:
        """Has the name of a tool of the CLI."""
        return pattern

    with trio.fail_after(real.patience):
        async with real.run([], tools=[grep]) as rig:
            async with rig.session.turn("?") as turn:
                async for _ in turn:
                    pass

    assert turn.end.reason is TurnEndReason.ERROR
    assert turn.end.error is not None
    assert "grep" in str(turn.end.error)


@pytest.mark.cli
async def test_a_tool_can_take_the_place_of_one_of_the_cli(real: World) -> None:
    @tool(overrides_built_in=True)
    async def grep(pattern: str) -> str:
        """Search nowhere."""
        return f"no {pattern} here"

    script = [Reply(calls=[Call("grep", {"pattern": "x"})]), "ok"]
    with trio.fail_after(real.patience):
        async with real.run(script, tools=[grep]) as rig:
            async with rig.session.turn("?") as turn:
                results = [e async for e in turn if isinstance(e, ToolResult)]

    assert [r.text for r in results] == ["no x here"]


@pytest.mark.cli
@pytest.mark.parametrize("method", ["session.destroy", "session.delete"])
async def test_a_session_that_somebody_else_ends_wakes_its_turn(
    real: World, method: str
) -> None:
    """`session.idle` does not come."""
    with trio.fail_after(real.patience):
        async with real.run([Reply("word " * 99, delay=0.05)]) as rig:
            with pytest.raises(SessionClosedError):
                async with rig.session.turn("?") as turn:
                    async for event in turn:
                        if isinstance(event, TextDelta):
                            params = {"sessionId": rig.session.id}
                            await rig.client.call(method, params)


@pytest.mark.cli
async def test_sub_agents_neither_end_a_turn_nor_speak_for_it(real: World) -> None:
    """Their events come on the same session, with an `agent_id`."""

    def script(request):
        if "SUB" in request.prompt:
            return "the sub-agent speaks"
        if request.messages[-1]["role"] == "tool":
            return "the main agent speaks"
        arguments = {
            "description": "d",
            "prompt": "SUB",
            "agent_type": "general-purpose",
            "name": "helper",
            "mode": "sync",
        }
        return Reply(calls=[Call("task", arguments)])

    with trio.fail_after(real.patience):
        async with real.run(script, on_permission_request=allow_all) as rig:
            async with rig.session.turn("?") as turn:
                deltas = [e async for e in turn if isinstance(e, TextDelta)]

    assert turn.text == "the main agent speaks"
    spoken = {e.agent_id is None: e.text for e in deltas}
    assert set(spoken) == {True, False}
    assert turn.end.usage.calls == 3


@pytest.mark.cli
async def test_resumed_sessions_are_given_their_options_again(real: World) -> None:
    """The CLI forgets them; streaming is on again."""
    with trio.fail_after(real.patience):
        async with real.stage(["one", Reply(("t", "w", "o"))]) as stage:
            async with stage.open_client() as client:
                async with client.open_session() as session:
                    await session.ask("?")
                resumed = client.resume_session(session.id)
                async with resumed as session, session.turn("?") as turn:
                    pieces = [piece async for piece in turn.text_deltas]

    assert pieces == ["t", "w", "o"]


@pytest.mark.cli
async def test_events_are_typed_when_they_are_looked_at(real: World) -> None:
    texts: list[str] = []
    prompts: list[str] = []
    with trio.fail_after(real.patience):
        async with real.run([Reply(("a", "b"))]) as rig:

            def look(event: SessionEvent) -> None:
                match event:
                    case SessionEvent(data=AssistantMessageDelta(delta_content=text)):
                        texts.append(text)
                    case SessionEvent(data=UserMessage(content=content)):
                        prompts.append(content)

            rig.session.on(look)
            await rig.session.ask("What?")

    assert texts == ["a", "b"]
    assert prompts == ["What?"]


# -- over TCP


@pytest.mark.cli
async def test_a_running_cli_is_left_running(cli_path: Path, cli_home: Path) -> None:
    with trio.fail_after(60):
        async with open_scripted_model(["one", "two"]) as model:
            env = cli_environment(model, cli_home)
            options: dict[str, Any] = {"model": model.name, "provider": model.provider}
            async with serving(cli_path, env) as port:
                for answer in ("one", "two"):
                    async with open_client(Tcp("127.0.0.1", port)) as client:
                        assert client.pid is None
                        async with client.open_session(**options) as session:
                            assert (await session.ask("?")).text == answer


@pytest.mark.cli
async def test_tokens_are_checked_over_tcp(cli_path: Path, cli_home: Path) -> None:
    """Over stdio the CLI ignores them."""
    with trio.fail_after(60):
        async with open_scripted_model([]) as model:
            env = cli_environment(model, cli_home)
            async with serving(cli_path, env, COPILOT_CONNECTION_TOKEN="right") as port:
                async with open_client(Tcp("127.0.0.1", port, "right")) as client:
                    await client.ping()
                for wrong in ("wrong", None):
                    with pytest.raises(ConnectError, match="AUTHENTICATION_FAILED"):
                        async with open_client(Tcp("127.0.0.1", port, wrong)):
                            raise AssertionError
            async with serving(cli_path, env) as port:
                with pytest.raises(ConnectError, match="NOT_CONFIGURED"):
                    async with open_client(Tcp("127.0.0.1", port, "needless")):
                        raise AssertionError


async def test_a_port_where_nobody_listens_is_named(unused_port: int) -> None:
    with trio.fail_after(10):
        with pytest.raises(ConnectError, match=str(unused_port)):
            async with open_client(Tcp("127.0.0.1", unused_port)):
                raise AssertionError


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.cli
async def test_a_session_with_attachments_can_be_resumed(
    real: World, tmp_path: Path
) -> None:
    """The CLI cannot load a session whose attachments lack a field."""
    (tmp_path / "notes.txt").write_text("the answer is 42")
    attachments: list[Attachment] = [
        FileAttachment(tmp_path / "notes.txt"),
        DirectoryAttachment(tmp_path),
        BlobAttachment(b"more notes", "text/plain", "more.txt"),
    ]
    with trio.fail_after(real.patience):
        async with real.stage(["one", "two"]) as stage:
            async with stage.open_client() as client:
                async with client.open_session() as session:
                    await session.ask("What is the answer?", attachments=attachments)
                    (prompt,) = [
                        event.data
                        for event in await session.history()
                        if isinstance(event.data, UserMessage)
                    ]
                    with pytest.raises(ValueError, match="lacks displayName"):
                        await session.ask(
                            "?", attachments=[{"type": "file", "path": "x"}]
                        )
                async with client.resume_session(session.id) as again:
                    assert (await again.ask("And now?")).text == "two"

    assert len(prompt.attachments or ()) == 3


@pytest.mark.cli
async def test_a_session_asks_whom_the_environment_names(
    cli_path: Path, cli_home: Path
) -> None:
    """The CLI itself would ask Copilot, which needs a login."""
    with trio.fail_after(60):
        async with open_scripted_model(["here"]) as one:
            async with open_scripted_model(["there"]) as other:
                env = cli_environment(one, cli_home)
                async with open_client(cli_path, env=env, cwd=cli_home) as client:
                    async with client.open_session() as session:
                        assert (await session.ask("?")).text == "here"
                    options: dict[str, Any] = {"provider": other.provider}
                    async with client.open_session(model="m", **options) as session:
                        assert (await session.ask("?")).text == "there"
