"""Where an agent works is where the user said; and the rest of what is a path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.worlds import World, serving
from trio_copilot import Client, FileAttachment, Session, Tcp, allow_all, open_client
from trio_copilot.testing import (
    Call,
    ModelRequest,
    Reply,
    ScriptedModel,
    cli_environment,
    open_scripted_cli,
    open_scripted_model,
)

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process is: neither its home nor where a CLI is started."""
    place = tmp_path / "here"
    for folder in (place / "project", tmp_path / "there", tmp_path / "user" / "mine"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return place


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Another directory."""
    return tmp_path / "there"


def ask_where(request: ModelRequest) -> Any:
    if request.messages[-1]["role"] == "tool":
        return "done"
    return Reply(calls=[Call("bash", {"command": "pwd -P", "description": "where"})])


async def where(session: Session, model: Any) -> Path:
    """Return where the agent works."""
    await session.ask("Where are you?", timeout=30)
    return Path(model.requests[-1].messages[-1]["content"].splitlines()[0])


# -- where a session works


@pytest.mark.cli
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, "."),
        ("project", "project"),
        (Path("project/../project"), "project"),
        ("~/mine", "../user/mine"),
    ],
)
async def test_a_new_session_works_where_it_was_told_or_where_we_are(
    real: World, here: Path, said: Any, expected: str
) -> None:
    with trio.fail_after(real.patience):
        async with (
            real.stage(ask_where) as stage,
            stage.open_client(cwd=None) as client,
            client.open_session(
                working_directory=said, on_permission_request=allow_all
            ) as session,
        ):
            assert await where(session, stage.model) == (here / expected).resolve()


@pytest.mark.cli
@pytest.mark.parametrize("cwd", ["../there", "~/../there"])
async def test_a_new_session_works_in_the_directory_of_a_cli_of_ours(
    real: World, there: Path, cwd: str
) -> None:
    with trio.fail_after(real.patience):
        async with (
            real.stage(ask_where) as stage,
            stage.open_client(cwd=cwd) as client,
            client.open_session(on_permission_request=allow_all) as session,
        ):
            assert await where(session, stage.model) == there


@pytest.mark.cli
async def test_a_resumed_session_works_where_it_did(
    real: World, here: Path, there: Path
) -> None:
    options: dict[str, Any] = {"on_permission_request": allow_all}
    with trio.fail_after(real.patience):
        async with real.stage(ask_where) as stage:
            async with (
                stage.open_client(cwd=there) as client,
                client.open_session(**options) as session,
            ):
                await session.ask("Remember where you are", timeout=30)
            async with stage.open_client(cwd=here) as client:
                async with client.resume_session(session.id, **options) as again:
                    assert await where(again, stage.model) == there
                async with client.resume_session(
                    session.id, working_directory="project", **options
                ) as again:
                    assert await where(again, stage.model) == here / "project"


@asynccontextmanager
async def elsewhere(
    cli_path: Path, cli_home: Path, cwd: Path
) -> AsyncIterator[tuple[Tcp, ScriptedModel]]:
    """A CLI that another user has started in another directory."""
    async with open_scripted_model(ask_where) as model:
        environment = cli_environment(model, cli_home)
        async with serving(cli_path, environment, cwd) as port:
            yield Tcp("127.0.0.1", port), model


@pytest.mark.cli
async def test_a_cli_of_somebody_else_works_where_it_was_started(
    cli_path: Path, cli_home: Path, there: Path
) -> None:
    with trio.fail_after(60):
        async with elsewhere(cli_path, cli_home, there) as (tcp, model):
            options: dict[str, Any] = {
                "model": model.name,
                "provider": model.provider,
                "on_permission_request": allow_all,
            }
            async with (
                open_client(tcp) as client,
                client.open_session(**options) as session,
            ):
                assert await where(session, model) == there


@pytest.mark.cli
async def test_who_joins_a_session_does_not_move_it(
    cli_path: Path, cli_home: Path, here: Path, there: Path
) -> None:
    with trio.fail_after(60):
        async with elsewhere(cli_path, cli_home, there) as (tcp, model):
            options: dict[str, Any] = {
                "model": model.name,
                "provider": model.provider,
                "on_permission_request": allow_all,
            }
            async with (
                open_client(tcp) as client,
                client.open_session(working_directory=here, **options) as session,
                open_client(tcp) as other,
            ):
                assert await where(session, model) == here
                async with other.resume_session(session.id, **options):
                    assert await where(session, model) == here
                assert await where(session, model) == here


@pytest.mark.parametrize("opens", ["session.create", "session.resume"])
@pytest.mark.parametrize("cwd", [None, "project"])
async def test_a_directory_is_sent_if_somebody_said_one(
    opens: str, cwd: str | None, here: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        open_scripted_cli(["hello"]) as cli,
        open_client(cli.stream, cwd=cwd) as client,
    ):
        async with client.open_session() as session:
            await session.ask("Hello")
        if opens == "session.resume":
            async with client.resume_session(session.id):
                pass

    (told,) = cli.calls(opens)
    by_default = str(here / "project") if cwd and opens == "session.create" else None
    assert told.get("workingDirectory") == by_default


# -- what else is a path


@pytest.mark.cli
async def test_skills_are_found_in_a_relative_directory(
    real: World, here: Path
) -> None:
    skill = here / "skills" / "greet" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\ndescription: How to greet.\n---\nSay hello.\n")
    with trio.fail_after(real.patience):
        async with (
            real.stage([]) as stage,
            stage.open_client() as client,
            client.open_session(skill_directories=["skills"]) as session,
        ):
            skills = (await session.rpc.skills.list()).skills
            assert "greet" in {skill.name for skill in skills}


@pytest.mark.cli
@pytest.mark.parametrize("home", ["state", "~/mine/state"])
async def test_the_state_of_the_cli_starts_where_we_are(
    real: World, here: Path, there: Path, home: str
) -> None:
    """Not in `cwd=`, and not in the home that `env=` names."""
    with trio.fail_after(real.patience):
        async with (
            real.stage(["hello"]) as stage,
            stage.open_client(cwd=there, home=home) as client,
            client.open_session() as session,
        ):
            await session.ask("Hello")

    assert (Path(home).expanduser().absolute() / "session-state" / session.id).is_dir()


@pytest.mark.cli
async def test_an_environment_without_a_home_changes_nothing(
    cli_path: Path, cli_home: Path, here: Path
) -> None:
    """A CLI without HOME looks it up, as this process would: it is kept from that."""
    with trio.fail_after(60):
        async with open_scripted_model(ask_where) as model:
            environment = cli_environment(model, cli_home)
            for name in ("HOME", "USERPROFILE", "COPILOT_HOME"):
                del environment[name]
            async with (
                open_client(cli_path, env=environment, home="~/mine") as client,
                client.open_session(
                    working_directory="~/mine", on_permission_request=allow_all
                ) as session,
            ):
                assert await where(session, model) == here.parent / "user" / "mine"


async def open_each(client: Client, **options: Any) -> None:
    """Open a session both ways."""
    async with client.open_session(**options):
        raise AssertionError
    async with client.resume_session("x", **options):
        raise AssertionError


@pytest.mark.cli
async def test_what_is_not_there_is_said_before_a_cli_of_ours_is_told(
    real: World,
) -> None:
    with trio.fail_after(real.patience):
        async with real.stage(["hello"]) as stage:
            with pytest.raises(ValueError, match="cwd: there is no directory"):
                async with stage.open_client(cwd="gone"):
                    raise AssertionError
            async with stage.open_client() as client:
                for name, value in (
                    ("working_directory", "gone"),
                    ("skill_directories", ["project", "gone"]),
                ):
                    with pytest.raises(ValueError, match=f"{name}: there is no dir"):
                        await open_each(client, **{name: value})
                async with client.open_session() as session:
                    lost = [FileAttachment("gone.txt")]
                    with pytest.raises(ValueError, match="there is no file"):
                        await session.ask("Read", attachments=lost)
                    assert (await session.ask("Hello")).text == "hello"


@pytest.mark.cli
async def test_over_tcp_a_path_that_starts_here_is_refused(
    cli_path: Path, cli_home: Path, there: Path
) -> None:
    with trio.fail_after(60):
        async with elsewhere(cli_path, cli_home, there) as (tcp, model):
            with pytest.raises(ValueError, match="cwd must be an absolute path"):
                async with open_client(tcp, cwd="project"):
                    raise AssertionError
            with pytest.raises(ValueError, match="home must be an absolute path"):
                async with open_client(tcp, home="~"):
                    raise AssertionError
            async with open_client(tcp) as client:
                for name, value in (
                    ("working_directory", "project"),
                    ("additional_directories", ["~"]),
                    ("large_output", {"outputDir": "out"}),
                ):
                    with pytest.raises(ValueError, match=f"{name}.* an absolute path"):
                        await open_each(client, **{name: value})
                async with client.open_session(
                    model=model.name, provider=model.provider
                ) as session:
                    notes = [FileAttachment("notes.txt")]
                    with pytest.raises(ValueError, match="must be an absolute path"):
                        await session.ask("Read", attachments=notes)
