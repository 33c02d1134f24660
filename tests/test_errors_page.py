"""The messages on the page about errors are those that a user gets, word for word."""

from __future__ import annotations

import re
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from traceback import format_exception_only
from typing import Any, TypeAlias

import pytest
import trio

from trio_copilot import (
    Client,
    Hooks,
    Provider,
    Session,
    Tcp,
    open_client,
    tool,
)
from trio_copilot.testing import Call, Reply, Script, open_scripted_cli

Mistake: TypeAlias = Callable[[Client, Session], Awaitable[None]]

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text("utf-8")
SHOWN = [
    " ".join(message.split())
    for block in re.findall(r"(?ms)^```\n(.*?)^```$", PAGE)
    for message in re.split(r"(?m)^(?=\w+(?:Error|Warning): )", block)
    if message
]


def on_page(message: str) -> str:
    """The message as the page would write it, where `...` stands for the rest."""
    text = " ".join(message.rpartition("trio_copilot.")[2].split())
    shortened = [s for s in SHOWN if s.endswith(" ...") and text.startswith(s[:-3])]
    return shortened[0] if shortened else text


async def misspelt_option(client: Client, _: Session) -> None:
    client.open_session(modle="gpt-5")  # type: ignore[call-arg]


async def misspelt_event(_: Client, session: Session) -> None:
    session.subscribe("assistant.mesage")


async def asterisk(client: Client, _: Session) -> None:
    client.open_session(available_tools=["*"])


async def awaited_block(client: Client, _: Session) -> None:
    await client.open_session()  # type: ignore[misc]


async def used_block(_: Client, session: Session) -> None:
    session.turn("?").text  # type: ignore[attr-defined]  # noqa: B018


async def forgotten_block(_: Client, session: Session) -> None:
    session.turn("?")


async def no_model(client: Client, _: Session) -> None:
    provider = Provider(base_url="http://127.0.0.1:11434/v1")
    async with client.open_session(provider=provider):
        pass


async def no_schema(_: Client, __: Session) -> None:
    async def f(a: complex) -> None: ...

    tool(f)


async def no_annotation(_: Client, __: Session) -> None:
    async def f(a) -> None: ...

    tool(f)


async def not_async(_: Client, __: Session) -> None:
    def f() -> None: ...

    tool(f)  # type: ignore[arg-type]


async def half_a_pair(client: Client, _: Session) -> None:
    async with client.open_session(model="\udc80"):
        pass


async def too_deep(client: Client, _: Session) -> None:
    value: Any = {}
    for _level in range(200):
        value = {"a": value}
    await client.call("ping", value)


async def object_from_hook(client: Client, _: Session) -> None:
    async def rewrite(_: object) -> dict[str, Any]:
        return {"modifiedArgs": object()}

    hooks = Hooks(pre_tool_use=rewrite)
    async with client.open_session(hooks=hooks) as session:
        await session.ask("Look.")


async def no_cli(_: Client, __: Session) -> None:
    async with open_client("/no/such/cli"):
        pass


async def not_a_cli(_: Client, __: Session) -> None:
    async with open_client("/bin/true"):
        pass


async def nothing_listens(_: Client, __: Session) -> None:
    async with open_client(Tcp("127.0.0.1", 1)):
        pass


MISTAKES = [
    *(misspelt_option, misspelt_event, asterisk, awaited_block, used_block),
    *(forgotten_block, no_model, no_schema, no_annotation, not_async, half_a_pair),
    *(too_deep, object_from_hook, no_cli, not_a_cli, nothing_listens),
]


async def message_of(mistake: Mistake) -> str:
    """What the user reads: of an error or of a warning."""
    script: Script = [Reply(calls=[Call("view", {"path": "x"})]), "Done."]
    async with open_scripted_cli(script) as cli, open_client(cli.stream) as client:
        async with client.open_session() as session:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                try:
                    await mistake(client, session)
                except Exception as error:  # noqa: BLE001  # it is what is compared
                    return "\n".join(format_exception_only(error))
            return f"RuntimeWarning: {warned[0].message}"


async def test_every_message_on_the_page_is_what_a_user_reads() -> None:
    with trio.fail_after(60):
        read = {on_page(await message_of(mistake)) for mistake in MISTAKES}

    assert read == {message for message in SHOWN if "inside Trio" not in message}


def test_the_message_outside_of_trio_is_on_the_page() -> None:
    with pytest.raises(RuntimeError) as caught:
        open_client().__aenter__().send(None)

    assert on_page("\n".join(format_exception_only(caught.value))) in SHOWN
