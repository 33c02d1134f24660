"""What the CLI cannot read, or JSON cannot express, leaves no caller waiting."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import trio
from trio.abc import Clock
from trio.testing import MockClock

from tests.awkward import WordlessError, nested
from tests.turns import tool_texts
from tests.worlds import World, scripted_world
from trio_copilot import (
    Client,
    Deny,
    FileAttachment,
    HookInput,
    Hooks,
    PermissionRequest,
    RpcError,
    SessionOptions,
    SystemMessage,
    Tool,
    ToolCall,
    ToolError,
    ToolResult,
    tool,
)
from trio_copilot._wire.encoding import MAX_DEPTH, encode_as_cli
from trio_copilot._wire.messages import ErrorResponse
from trio_copilot.rpc import (
    CanvasHandler,
    CanvasProviderInvokeActionRequest,
    SessionHandlers,
)
from trio_copilot.testing import Call, Reply

LATIN = os.fsdecode(b"caf\xe9.txt")
"""The name of a file as `os.listdir` returns it, if it is no UTF-8."""
SHOWN = "caf\ufffd.txt"
CUT = "cut \ud83d here"


def using(*calls: Call) -> Any:
    """A model that makes these calls first, and is done when it has their results."""

    def script(request: Any) -> Any:
        done = request.messages[-1]["role"] == "tool" or "next" in request.prompt
        return "done" if done else Reply(calls=list(calls))

    return script


# -- half of a UTF-16 pair


async def test_half_of_a_pair_in_a_prompt_is_replaced(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["a", "b"]) as rig:
            assert (await rig.session.ask(f"{LATIN} {CUT}")).text == "a"
            assert f"{SHOWN} cut \ufffd here" in rig.requests[0].prompt
            assert (await rig.session.ask("next")).text == "b"


async def test_half_of_a_pair_in_what_a_tool_says_is_replaced(
    world: World, clock: Clock
) -> None:
    @tool
    async def give() -> str:
        """Give."""
        return LATIN

    @tool
    async def list_all() -> dict[str, Any]:
        """List."""
        return {LATIN: [Path(LATIN)]}

    @tool(errors="tell")
    async def fail() -> str:
        """Fail."""
        raise FileNotFoundError(LATIN)

    @tool(description=f"Refuse {LATIN}.")
    async def refuse() -> str:
        raise ToolError(LATIN)

    tools = [give, list_all, fail, refuse]
    script = using(*(Call(made.name) for made in tools))
    with trio.fail_after(world.patience):
        async with world.run(script, tools=tools) as rig:
            assert (await rig.session.ask("go")).text == "done"
            texts = tool_texts(rig.requests[1])

    wanted = [SHOWN, f'{{"{SHOWN}":["{SHOWN}"]}}', SHOWN, SHOWN]
    for text, part in zip(texts, wanted, strict=True):
        assert part in text


async def test_half_of_a_pair_in_the_answer_of_a_handler_is_replaced(
    world: World, clock: Clock
) -> None:
    @tool
    async def look() -> str:
        """Look."""
        raise AssertionError

    async def deny(request: PermissionRequest) -> Deny:
        await trio.lowlevel.checkpoint()
        return Deny(LATIN)

    async def fill_in(form: object) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"name": CUT, CUT: 1}

    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    options = {"on_permission_request": deny, "on_elicitation": fill_in}
    with trio.fail_after(world.patience):
        async with world.run(using(Call("look")), tools=[look], **options) as rig:
            assert (await rig.session.ask("go")).text == "done"
            assert SHOWN in tool_texts(rig.requests[1])[0]
            params = {"message": "?", "requestedSchema": schema}
            answer = await rig.session.call("session.ui.elicitation", params)

    assert answer["content"]["name"] == "cut \ufffd here"


async def test_half_of_a_pair_in_a_name_is_an_error_that_names_it(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["fine"]) as rig:
            for name in ("model", "agent", "session_id"):
                options: dict[str, Any] = {name: LATIN}
                match = rf"session\.create.*: {name} must be"
                with pytest.raises(ValueError, match=match):
                    async with rig.client.open_session(**options):
                        raise AssertionError
            with pytest.raises(ValueError, match="session_id must be text"):
                await rig.client.session_metadata(LATIN)
            assert (await rig.session.ask("next")).text == "fine"


async def test_half_of_a_pair_in_an_attached_path_is_an_error(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["fine"]) as rig:
            for attachment in (
                FileAttachment(LATIN),
                {"type": "file", "path": LATIN, "displayName": "x"},
            ):
                with pytest.raises(ValueError, match="path"):
                    await rig.session.ask("?", attachments=[attachment])
            assert (await rig.session.ask("next")).text == "fine"


# -- too deep


async def test_the_cli_reads_as_deep_as_we_send_and_deeper_is_refused_at_once(
    world: World, clock: Clock
) -> None:
    deepest = MAX_DEPTH - 2  # of the message and its parameters
    with trio.fail_after(world.patience):
        async with world.run(["fine"]) as rig:
            await rig.client.call("ping", {"extra": nested(deepest)})
            with pytest.raises(ValueError, match=r"ping cannot be sent: .*127 levels"):
                await rig.client.call("ping", {"extra": nested(deepest + 1)})
            assert (await rig.session.ask("next")).text == "fine"


@pytest.mark.cli
async def test_the_cli_reads_no_deeper_than_we_say(real: World) -> None:
    """A message that is sent all the same wakes its call, and spoils no other."""
    from trio_copilot._wire import messages

    with trio.fail_after(real.patience), pytest.MonkeyPatch.context() as patch:
        async with real.run(["fine"]) as rig:
            patch.setattr(messages, "encode_for_cli", encode_as_cli)
            assert await rig.client.call("ping", {"extra": nested(MAX_DEPTH - 2)})
            with pytest.raises(RpcError, match="ping: recursion limit") as caught:
                await rig.client.call("ping", {"extra": nested(MAX_DEPTH - 1)})
            assert caught.value.code == -32700
            with pytest.raises(RpcError, match="ping: "):
                await rig.client.call("ping", {"message": LATIN})
            assert (await rig.session.ask("next")).text == "fine"


# -- what JSON cannot express


BAD_OUTPUTS: list[Any] = [
    {"modifiedArgs": {"path": object()}},
    {"modifiedArgs": nested(MAX_DEPTH)},
]


@pytest.mark.parametrize("output", BAD_OUTPUTS, ids=range(len(BAD_OUTPUTS)))
async def test_a_hook_whose_answer_cannot_be_sent_has_denied_and_stops_its_turn_alone(
    output: Any, world: World, clock: Clock
) -> None:
    """Another session does not notice."""
    removed = 0

    @tool
    async def remove(path: str = "x") -> None:
        """Remove."""
        nonlocal removed
        removed += 1

    async def rewrite(moment: HookInput) -> Any:
        await trio.lowlevel.checkpoint()
        return output

    with trio.fail_after(world.patience):
        async with (
            world.run(using(Call("remove"))) as rig,
            rig.open_session(
                tools=[remove], hooks=Hooks(pre_tool_use=rewrite)
            ) as session,
        ):
            async with rig.session.turn("next") as other:
                with pytest.raises(
                    (TypeError, ValueError), match="The answer of the hook preToolUse"
                ):
                    await session.ask("go")
                assert (await other.wait()).text == "done"
            assert (await session.ask("next")).text == "done"
            assert rig.client.statistics().open_requests == ()

    assert removed == 0


async def test_a_form_whose_answer_cannot_be_sent_is_cancelled_and_raises(
    world: World, clock: Clock
) -> None:
    """Between turns it is the session's block that the exception leaves."""

    async def fill_in(form: object) -> Any:
        await trio.lowlevel.checkpoint()
        return {"name": object()}

    answers: list[Any] = []
    opened = trio.Event()
    params: dict[str, Any] = {
        "message": "?",
        "requestedSchema": {"type": "object", "properties": {}},
    }

    async def ask(client: Client) -> None:
        await opened.wait()
        answers.append(await client.call("session.ui.elicitation", params))

    with trio.fail_after(world.patience):
        async with world.run(["fine"]) as rig, trio.open_nursery() as nursery:
            nursery.start_soon(ask, rig.client)
            with pytest.raises(TypeError, match="answer to a form cannot be sent"):
                async with rig.client.open_session(on_elicitation=fill_in) as session:
                    params["sessionId"] = session.id
                    opened.set()
                    await trio.sleep_forever()
            assert (await rig.session.ask("next")).text == "fine"

    assert [answer["action"] for answer in answers] == ["cancel"]


async def test_a_permission_whose_answer_cannot_be_sent_is_denied_and_raises(
    world: World, clock: Clock
) -> None:
    looked = False

    @tool
    async def look() -> None:
        """Look."""
        nonlocal looked
        looked = True

    async def deny(request: PermissionRequest) -> Deny:
        await trio.lowlevel.checkpoint()
        return Deny(object())  # type: ignore[arg-type]  # that is the mistake

    script = using(Call("look"))
    with trio.fail_after(world.patience):
        async with world.run(script, tools=[look], on_permission_request=deny) as rig:
            with pytest.raises(TypeError, match="answer to a permission cannot be"):
                await rig.session.ask("go")
            assert (await rig.session.ask("next")).text == "done"
    assert not looked


async def test_a_typed_handler_whose_answer_cannot_be_sent_is_an_error_of_it(
    autojump_clock: MockClock,
) -> None:
    answers: list[Any] = [
        {"pressed": object()},
        RpcError(-1, "no", object()),
        {"a": nested(MAX_DEPTH)},
    ]

    class Panel(CanvasHandler):
        async def action_invoke(
            self, request: CanvasProviderInvokeActionRequest
        ) -> Any:
            await trio.lowlevel.checkpoint()
            answer = answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

    handlers = SessionHandlers(canvas=Panel())
    with trio.fail_after(60):
        async with scripted_world().run(["fine"]) as rig:
            while answers:
                with pytest.raises(
                    (TypeError, ValueError), match=r"The answer to canvas\.action"
                ):
                    async with rig.client.open_session(handlers=handlers) as session:
                        params = {
                            "sessionId": session.id,
                            "canvasId": "panel",
                            "instanceId": "left",
                            "actionName": "press",
                            "extensionId": "x",
                        }
                        await rig.scripted.request("canvas.action.invoke", params)
                        await trio.sleep_forever()
                answers.pop(0)
            assert (await rig.session.ask("?")).text == "fine"

    refusals = [it for it in rig.scripted.received if isinstance(it, ErrorResponse)]
    assert [refused.code for refused in refusals] == [-32603] * 3


async def test_a_result_by_hand_that_cannot_be_sent_is_the_callers_mistake(
    world: World, clock: Clock
) -> None:
    """The call stays open for another one."""
    with trio.fail_after(world.patience):
        async with world.run(using(Call("ask")), tools=[Tool("ask", "Ask.")]) as rig:
            async with rig.session.turn("go") as turn:
                async for event in turn:
                    if isinstance(event, ToolCall):
                        with pytest.raises(TypeError, match="no form in JSON"):
                            await turn.submit_tool_result(event.call_id, object())
                        result = MappingProxyType({"a": 1})
                        await turn.submit_tool_result(event.call_id, result)
            assert tool_texts(rig.requests[1]) == ['{"a":1}']


async def test_options_that_cannot_be_sent_are_refused_and_nothing_is_left(
    world: World, clock: Clock
) -> None:
    with trio.fail_after(world.patience):
        async with world.run(["fine"]) as rig:
            for extra, error in (
                ({"x": object()}, TypeError),
                ({"x": nested(MAX_DEPTH)}, ValueError),
            ):
                options = SessionOptions(extra=extra)
                with pytest.raises(error, match=r"session\.create cannot be sent"):
                    async with rig.client.open_session(options):
                        raise AssertionError
            assert rig.client.statistics().open_sessions == 1
            assert (await rig.session.ask("next")).text == "fine"


# -- what has no words


class UnshowableError(WordlessError):
    """It cannot be shown in any way."""

    __repr__ = WordlessError.__str__


@pytest.mark.parametrize("kind", [WordlessError, UnshowableError])
async def test_an_exception_without_words_is_told_by_its_type(
    kind: type[Exception], world: World, clock: Clock
) -> None:
    @tool(errors="tell")
    async def fail() -> str:
        """Fail."""
        raise kind

    with trio.fail_after(world.patience):
        async with world.run(using(Call("fail")), tools=[fail]) as rig:
            async with rig.session.turn("go") as turn:
                shown = [each async for each in turn if isinstance(each, ToolResult)]
            assert kind.__name__ in tool_texts(rig.requests[1])[0]

    assert turn.text == "done"
    assert type(shown[0].error) is kind


@pytest.mark.parametrize("kind", [WordlessError, UnshowableError])
async def test_an_exception_of_a_hook_comes_out_though_it_has_no_words(
    kind: type[Exception], world: World, clock: Clock
) -> None:
    """An exception without a repr would make Trio end the whole run."""

    async def fail(moment: HookInput) -> None:
        await trio.lowlevel.checkpoint()
        raise kind

    hooks = Hooks(user_prompt_submitted=fail)
    with trio.fail_after(world.patience):
        async with world.run([], hooks=hooks) as rig:
            with pytest.raises((WordlessError, RuntimeError)) as caught:
                await rig.session.ask("go")

    assert kind in (type(caught.value), type(caught.value.__cause__))


async def test_a_change_of_the_prompt_that_is_no_text_raises(
    autojump_clock: MockClock,
) -> None:
    async def change(text: str) -> Any:
        await trio.lowlevel.checkpoint()
        return object()

    with trio.fail_after(60):
        async with scripted_world().run(["fine"]) as rig:
            message = SystemMessage(sections={"tone": change})
            with pytest.raises(TypeError, match="tone"):
                async with rig.client.open_session(system_message=message) as session:
                    params = {
                        "sessionId": session.id,
                        "sections": {"tone": {"content": "x"}},
                    }
                    await rig.scripted.request("systemMessage.transform", params)
                    await trio.sleep_forever()
            assert (await rig.session.ask("?")).text == "fine"
