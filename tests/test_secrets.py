"""One secret is planted in every option, of the right type and of wrong ones.

It is in no repr, no error (its notes and causes included), and no log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_copilot import (
    BlobAttachment,
    CliExitedError,
    Hooks,
    InfiniteSessions,
    Provider,
    RpcError,
    Session,
    SessionOptions,
    Stdio,
    SystemMessage,
    Tcp,
    Tool,
    allow_all,
    open_client,
)
from trio_copilot._transport.link import LaunchOptions
from trio_copilot.bridge import open_bridge
from trio_copilot.rpc import (
    ClientHandlers,
    GitHubTokenHandler,
    ProviderTokenHandler,
    SessionHandlers,
)
from trio_copilot.testing import Reply, open_scripted_cli

SECRET = "hush-4711"


class Holder:
    """Something of another type, which shows what it holds."""

    def __repr__(self) -> str:
        return SECRET


async def ask(secret: str, *_: object) -> Any:
    await trio.lowlevel.checkpoint()
    return secret


class Tokens(GitHubTokenHandler):
    __repr__ = Holder.__repr__


class ProviderTokens(ProviderTokenHandler):
    __repr__ = Holder.__repr__


HANDLER = partial(ask, SECRET)
"""An async function, whose repr shows what is bound to it."""

PLANTS: tuple[Any, ...] = (
    SECRET,
    SECRET.encode(),
    (SECRET,),
    [SECRET],
    {SECRET},
    [[SECRET]],
    {"key": SECRET},
    [{"key": SECRET}],
    {"key": [SECRET]},
    {"server": {"env": {"TOKEN": SECRET}, "headers": {"Authorization": SECRET}}},
    [{"mcpServers": {"server": {"env": {"TOKEN": SECRET}}}}],
    HANDLER,
    lambda: SECRET,
    Holder(),
    [Holder()],
    {"key": Holder()},
    RuntimeError(SECRET),
    Path(SECRET),
    Tool("t", handler=HANDLER),
    [Tool("t", handler=HANDLER)],
    Provider(base_url=f"http://me:{SECRET}@x/v1?key={SECRET}", api_key=SECRET),
    {"base_url": f"http://{SECRET}", "bearer_token": SECRET},
    {"base_url": "http://x", "type": SECRET},
    {"base_url": "http://x", "headers": [SECRET]},
    SystemMessage(content=SECRET, sections={"tone": HANDLER}),
    {"content": SECRET, "mode": SECRET},
    {"sections": {"tone": SECRET}},
    Hooks(pre_tool_use=HANDLER),
    {"pre_tool_use": SECRET},
    SessionHandlers(provider_token=ProviderTokens()),
    ClientHandlers(github_token=Tokens()),
    Tokens(),
    Stdio(SECRET, [SECRET]),
    Tcp("localhost", 1, SECRET),
)

# Paths are not secret: errors show them.
PATHS = {
    *("working_directory", "additional_directories", "skill_directories"),
    *("instruction_directories", "agent_directories", "hook_directories"),
    *("plugin_directories", "config_dir", "home", "cwd", "path"),
}


def shown_texts(error: BaseException | None) -> Iterator[str]:
    """Return all that is said of an error where it is shown."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield from getattr(error, "__notes__", ())
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from shown_texts(each)
        error = error.__cause__ or (
            None if error.__suppress_context__ else error.__context__
        )


def check(make: Callable[..., Any], name: str, plant: Any) -> Any:
    """Give one option a plant; return what comes of it, or `None`.

    Whether it fits or not nothing shows the secret, and an error names the option.
    """
    try:
        made = make(**{name: plant})
    except (TypeError, ValueError) as error:
        said = "\n".join(shown_texts(error))
        assert SECRET not in said, f"{name}={type(plant)}: {said}"
        assert any(each in said for each in (name, *NESTED.get(name, ()))), said
        return None
    assert SECRET not in repr(made), f"{name}={type(plant)}: {made!r}"
    return made


def fields_of(of: type) -> list[str]:
    """Return the names of the arguments of an attrs class."""
    return [field.alias for field in attrs.fields(of) if field.init]


# A mapping for one of these gets an error with the options of its class.
NESTED = {
    "provider": ["Provider", *fields_of(Provider)],
    "system_message": ["SystemMessage", *fields_of(SystemMessage)],
    "hooks": ["Hooks", *fields_of(Hooks)],
}


def options(**given: Any) -> SessionOptions:
    return SessionOptions(**{"model": "m", **given})


def provider(**given: Any) -> Provider:
    return Provider(**{"base_url": "http://x", **given})


def tcp(**given: Any) -> Tcp:
    return Tcp(**{"host": "localhost", "port": 1, **given})


def launch(**given: Any) -> LaunchOptions:
    return LaunchOptions(**{"shutdown_timeout": 1.0, **given})


CLASSES: list[tuple[Callable[..., Any], str]] = [
    *((options, name) for name in fields_of(SessionOptions)),
    *((provider, name) for name in fields_of(Provider)),
    *((SystemMessage, name) for name in fields_of(SystemMessage)),
    *((Hooks, name) for name in fields_of(Hooks)),
    *((InfiniteSessions, name) for name in fields_of(InfiniteSessions)),
    *((SessionHandlers, name) for name in fields_of(SessionHandlers)),
    *((ClientHandlers, name) for name in fields_of(ClientHandlers)),
    *((tcp, name) for name in fields_of(Tcp) if name != "host"),
    (Stdio, "args"),
    *((launch, name) for name in fields_of(LaunchOptions) if name not in PATHS),
]


@pytest.mark.parametrize(
    ("make", "name"), CLASSES, ids=[f"{make.__name__}-{name}" for make, name in CLASSES]
)
def test_no_option_shows_what_it_is_given(make: Callable[..., Any], name: str) -> None:
    made = [check(make, name, plant) for plant in PLANTS]

    fits = {"port", "extension_launch_provider", "github_telemetry", "host"}
    if make not in (SessionHandlers, ClientHandlers, InfiniteSessions):
        takes_none = {"shutdown_timeout", "use_logged_in_user", "log_level", "port"}
        switches = {name for name in fields_of(SessionOptions) if _is_switch(name)}
        words = {"type", "wire_api", "mode", "fails_open"}
        if name not in takes_none | switches | words | fits:
            assert any(each is not None for each in made), "no plant fits"


def _is_switch(name: str) -> bool:
    return "bool" in str(attrs.fields_dict(SessionOptions)[name].type).partition("[")[0]


def test_bytes_and_their_base64_are_not_shown() -> None:
    blob = BlobAttachment(SECRET.encode(), "text/plain")

    assert SECRET not in repr(blob)


# -- a whole life, on the scripted CLI


PLANTED: dict[str, Any] = {
    "provider": PLANTS[20],
    "model": "m",
    "system_message": SECRET,
    "mcp_servers": PLANTS[9],
    "custom_agents": PLANTS[10],
    "tools": [Tool("t", handler=HANDLER)],
    "hooks": Hooks(pre_tool_use=HANDLER),
    "on_user_input": HANDLER,
    "handlers": SessionHandlers(provider_token=ProviderTokens()),
    "extra": {"key": SECRET},
    "capi": {"key": SECRET},
}


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that is logged, down to the last detail."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    )


WRONG_CALLS: dict[str, Callable[[Session, Any], Any]] = {
    "prompt": lambda session, plant: session.ask(plant),
    "mode": lambda session, plant: session.send("?", mode=plant),
    "attachments": lambda session, plant: session.ask("?", attachments=[plant]),
    "timeout": lambda session, plant: session.ask("?", timeout=plant),
    "idle_timeout": lambda session, plant: session.ask("?", idle_timeout=plant),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
async def test_no_argument_of_a_call_is_shown(
    name: str, logs: Callable[[], str], autojump_clock: MockClock
) -> None:
    async with (
        open_scripted_cli() as cli,
        open_client(cli.stream) as client,
        client.open_session() as session,
    ):
        for plant in (Holder(), [SECRET], {"type": SECRET}, RuntimeError(SECRET)):
            with pytest.raises((TypeError, ValueError)) as error:
                await WRONG_CALLS[name](session, plant)
            assert SECRET not in "\n".join(shown_texts(error.value))
    assert SECRET not in logs()


@pytest.mark.parametrize(
    "name",
    [
        *("connection", "env", "github_token", "use_logged_in_user", "telemetry"),
        *("shutdown_timeout", "heartbeat", "handlers", "log_level"),
    ],
)
async def test_no_option_of_a_client_is_shown(
    name: str, logs: Callable[[], str]
) -> None:
    async def opened(**given: Any) -> None:
        async with open_client(**{"connection": Stdio("/gone/copilot"), **given}):
            raise AssertionError

    for plant in (Holder(), {SECRET}, [Holder()], {"key": Holder()}):
        with pytest.raises((TypeError, ValueError)) as error:
            await opened(**{name: plant})
        said = "\n".join(shown_texts(error.value))
        assert SECRET not in said, said
        assert name in said or name == "connection"
    assert SECRET not in logs()


@pytest.mark.parametrize("name", ["token", "options", *PLANTED])
async def test_no_option_of_a_bridge_is_shown(
    name: str, logs: Callable[[], str], autojump_clock: MockClock
) -> None:
    async with open_scripted_cli() as cli, open_client(cli.stream) as client:
        wrong: dict[str, Any] = {name: Holder()}
        with pytest.raises((TypeError, ValueError)) as error:
            async with open_bridge(client, **wrong):
                raise AssertionError
        assert SECRET not in "\n".join(shown_texts(error.value))
        async with open_bridge(client, token=SECRET, **PLANTED) as bridge:
            assert SECRET not in repr(bridge)
    assert SECRET not in logs()


async def test_a_client_that_lives_its_whole_life_shows_no_secret(
    logs: Callable[[], str], autojump_clock: MockClock
) -> None:
    """It opens, cannot send, takes turns, and loses its CLI."""
    said: list[str] = []
    with trio.fail_after(600):
        async with open_scripted_cli(["Hello", Reply("Hm", then="hang")]) as cli:
            with pytest.raises(CliExitedError) as lost:
                async with open_client(
                    cli.stream,
                    env={"TOKEN": SECRET},
                    github_token=SECRET,
                    telemetry={"OTEL_EXPORTER_OTLP_HEADERS": SECRET},
                    handlers=ClientHandlers(github_token=Tokens()),
                ) as client:
                    for unsendable in (Holder(), 10**400, "\ud800"):
                        extra = {"key": SECRET, "path": unsendable}
                        options = {**PLANTED, "extra": extra}
                        with pytest.raises((TypeError, ValueError)) as misfit:
                            async with client.open_session(**options):
                                raise AssertionError
                        said += shown_texts(misfit.value)
                    async with client.open_session(
                        **PLANTED, on_permission_request=allow_all
                    ) as session:
                        await session.ask("?")
                        said += [repr(client), repr(session)]
                        async with session.turn("?") as turn:
                            said.append(repr(turn))
                            cli.kill()
                            await turn.wait()
            said += [*shown_texts(lost.value), repr(turn), repr(turn.end)]
    assert SECRET not in "\n".join(said)
    assert SECRET not in logs()


async def test_a_session_that_is_refused_shows_no_secret(
    logs: Callable[[], str], autojump_clock: MockClock
) -> None:
    def refuse(params: Any) -> Any:
        raise RpcError(-32603, "not today")

    with trio.fail_after(600):
        async with (
            open_scripted_cli(answers={"session.create": refuse}) as cli,
            open_client(cli.stream) as client,
        ):
            with pytest.raises(RpcError, match="not today") as error:
                async with client.open_session(**PLANTED):
                    raise AssertionError
    assert SECRET not in "\n".join(shown_texts(error.value))
    assert SECRET not in logs()


async def test_an_answer_of_a_handler_is_not_shown(
    logs: Callable[[], str], autojump_clock: MockClock
) -> None:
    """An answer of the wrong type: the error names its handler."""

    async def wrong(*_: object) -> Any:
        await trio.lowlevel.checkpoint()
        return Holder()

    request = {"kind": "shell", "fullCommandText": "ls", "toolCallId": "c"}
    with trio.fail_after(600):
        async with open_scripted_cli([Reply("Hm", then="hang")]) as cli:
            async with open_client(cli.stream) as client:
                with pytest.raises(TypeError, match="permission handler") as error:
                    async with client.open_session(
                        on_permission_request=wrong
                    ) as session:
                        async with session.turn("?") as turn:
                            async for _ in turn:
                                cli.emit(
                                    session.id,
                                    "permission.requested",
                                    {"requestId": "1", "permissionRequest": request},
                                )
                                await trio.sleep_forever()
    assert SECRET not in "\n".join(shown_texts(error.value))
    assert SECRET not in logs()
