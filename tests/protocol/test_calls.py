"""Calls are checked before they are sent, and their answers when they arrive.

There is no CLI here: the calls are generated ones, made through a function that keeps
what it is given.
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn, get_args

import attrs
import pytest
import trio

from trio_copilot import MalformedResultError, rpc
from trio_copilot._protocol.answers import handler_for, read_request, write_answer
from trio_copilot._protocol.names import names_of, resolved
from trio_copilot._protocol.roots import server_rpc, session_rpc
from trio_copilot.rpc import (
    UNSET,
    CanvasHandler,
    ClientHandlers,
    GitHubTelemetryHandler,
    McpServerConfigHttp,
    McpServerConfigStdio,
    PermissionDecisionContext,
    PermissionDecisionOutcome,
    PermissionDecisionReject,
    SendMode,
    SessionFsError,
    SessionFsErrorCode,
    SessionFsHandler,
    SessionFsReadFileRequest,
    SessionFsReadFileResult,
    SessionHandlers,
    UnknownVariant,
)

PROVED = {"success": True}
FORM = {"type": "object", "properties": {}}


class Cli:
    """The arguments of a call."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.sent: list[tuple[str, Any]] = []

    async def __call__(self, method: str, params: dict[str, Any]) -> Any:
        await trio.lowlevel.checkpoint()
        self.sent.append((method, params))
        return self.answer

    @property
    def server(self) -> rpc.ServerRpc:
        return server_rpc(self)

    @property
    def session(self) -> rpc.SessionRpc:
        return session_rpc(self)

    @property
    def params(self) -> Any:
        """The parameters of the one call that was made."""
        [(_, params)] = self.sent
        return params


async def refused(call: Any, *args: Any, **arguments: Any) -> str:
    """Make a call that must not be sent, and return why."""
    with pytest.raises(TypeError) as caught:
        await call(*args, **arguments)
    assert caught.value.__cause__ is None
    return str(caught.value)


# -- what is sent


async def test_a_call_has_the_names_and_values_of_the_wire() -> None:
    cli = Cli({"messageId": "m1"})

    result = await cli.session.send(
        prompt="hello",
        mode="immediate",
        display_prompt="Hello!",
        request_headers={"x-a": "b"},
    )

    assert cli.sent == [
        (
            "session.send",
            {
                "prompt": "hello",
                "mode": "immediate",
                "displayPrompt": "Hello!",
                "requestHeaders": {"x-a": "b"},
            },
        )
    ]
    assert result.message_id == "m1"


async def test_a_call_without_parameters_sends_an_empty_object() -> None:
    cli = Cli({"exists": False, "content": None, "path": None})

    result = await cli.session.plan.read()

    assert cli.sent == [("session.plan.read", {})]
    assert (result.exists, result.content, result.path) == (False, None, None)


async def test_a_namespace_says_which_it_is_and_finds_no_other_name() -> None:
    plan = Cli().session.plan

    assert repr(plan) == "<SessionPlanRpc>"
    with pytest.raises(AttributeError, match="no attribute 'rewrite'"):
        plan.rewrite  # type: ignore[attr-defined]  # noqa: B018 - it is the test


async def test_a_call_shows_its_signature_and_its_name() -> None:
    update = rpc.SessionPlanRpc.update

    assert update.__name__ == "update"
    assert list(inspect.signature(update).parameters) == ["self", "content"]


async def test_objects_go_as_objects_and_as_mappings() -> None:
    cli = Cli(PROVED)
    handle = cli.session.permissions.handle_pending_permission_request
    context = {"outcome": "rejected", "source": "user", "surface": "cli"}

    await handle(request_id="r", result={"kind": "reject", "feedback": "no"})  # type: ignore[arg-type]  # a mapping does, too
    await handle(
        request_id="r", result=PermissionDecisionReject(kind="reject", feedback="no")
    )
    raw, made = (params["result"] for _, params in cli.sent)
    assert raw == made == {"kind": "reject", "feedback": "no"}

    assert "decision_context" in await refused(
        handle,
        request_id="r",
        result=raw,
        decision_context={**context, "outcome": "unheard of"},
    )


async def test_an_object_without_a_form_goes_as_it_is() -> None:
    free = {"role": "assistant", "snake_case": {"a b": [1, None]}}
    for made in (
        lambda ui: ui.handle_pending_sampling(request_id="r", response=free),
        lambda ui: ui.elicitation(message="?", requested_schema=FORM, meta=free),
    ):
        cli = Cli({**PROVED, "action": "decline", "_meta": free})
        answer = await made(cli.session.ui)
        assert free in cli.params.values()
        assert getattr(answer, "meta", free) == free

    cli = Cli({"action": "success", "result": free})
    answer = await cli.session.mcp.execute_sampling(
        request_id="r", server_name="s", mcp_request_id="1", request=free
    )
    assert cli.params["request"] == free
    assert answer.result == free


async def test_a_list_is_as_good_as_a_tuple() -> None:
    cli = Cli({})
    choose = cli.session.model.set_allowed_models

    await choose(allowed_models=("a", "b"))
    await choose(allowed_models=["a", "b"])  # type: ignore[arg-type]  # it is what JSON has

    assert [params for _, params in cli.sent] == [{"allowedModels": ["a", "b"]}] * 2


async def test_unset_sends_nothing_and_none_sends_null() -> None:
    cli = Cli({})
    choose = cli.session.model.set_allowed_models

    await choose()
    await choose(allowed_models=UNSET)
    await choose(allowed_models=None)

    assert [params for _, params in cli.sent] == [{}, {}, {"allowedModels": None}]
    assert repr(UNSET) == "UNSET"


async def test_none_sends_nothing_where_null_is_nothing_to_say() -> None:
    cli = Cli({"messageId": "m1"})

    await cli.session.send(prompt="hello", mode=None)

    assert cli.params == {"prompt": "hello"}


async def test_unset_is_refused_where_it_is_nothing_to_say() -> None:
    cli = Cli()
    send: Any = cli.session.send

    assert "mode" in await refused(send, prompt="hello", mode=UNSET)
    assert "prompt" in await refused(send, prompt=UNSET)


async def test_the_same_mapping_can_be_sent_twice() -> None:
    cli = Cli(PROVED)
    decision = {"kind": "reject", "feedback": "no"}
    handle: Any = cli.session.permissions.handle_pending_permission_request

    await handle(request_id="r", result=decision)
    await handle(request_id="r", result=decision)

    assert cli.sent[0] == cli.sent[1]
    assert decision == {"kind": "reject", "feedback": "no"}


# -- what is not


async def test_an_argument_that_does_not_exist_is_refused() -> None:
    cli = Cli()
    why = await refused(cli.session.plan.update, content="x", contents="y")

    said = "session.plan.update has no option 'contents': did you mean 'content'?"
    assert why == said
    assert cli.sent == []


async def test_an_argument_that_is_missing_is_named() -> None:
    cli = Cli()
    why = await refused(cli.session.plan.update)

    assert why == "session.plan.update: missing a required argument: 'content'"
    assert cli.sent == []


async def test_arguments_have_names() -> None:
    cli = Cli()
    why = await refused(cli.session.plan.update, "x")

    assert why == "session.plan.update: too many positional arguments"
    assert cli.sent == []


@pytest.mark.parametrize("content", [None, 7, b"bytes", ["x"], UNSET])
async def test_a_wrong_type_is_refused(content: object) -> None:
    cli = Cli()
    why = await refused(cli.session.plan.update, content=content)

    assert why.startswith("session.plan.update: ")
    assert "content" in why
    assert cli.sent == []


async def test_a_wrong_type_inside_is_told_with_its_place_and_without_its_value() -> (
    None
):
    cli = Cli()
    mode: Any = cli.session.send_messages
    why = await refused(mode, messages=[{"prompt": "one"}, {"prompt": ["secret"]}])

    assert why == (
        "session.sendMessages: expected a string, got an array @ messages[1].prompt"
    )
    assert cli.sent == []


async def test_every_wrong_part_is_told() -> None:
    cli = Cli()
    send: Any = cli.session.send_messages
    why = await refused(send, messages=[{"prompt": 1}, {}])

    assert "expected a string, got an integer @ messages[0].prompt" in why
    assert "required, but missing @ messages[1].prompt" in why


async def test_a_wrong_part_of_an_object_is_refused_too() -> None:
    cli = Cli()
    handle: Any = cli.session.permissions.handle_pending_permission_request
    feedback: Any = 7
    decision = PermissionDecisionReject(kind="reject", feedback=feedback)
    why = await refused(handle, request_id="r", result=decision)

    assert "expected a string or null, got an integer @ result.feedback" in why
    assert cli.sent == []


async def test_an_object_of_another_class_is_refused() -> None:
    cli = Cli()
    handle: Any = cli.session.permissions.handle_pending_permission_request
    why = await refused(handle, request_id="r", result=McpServerConfigHttp(url="u"))

    assert why.startswith("session.permissions.handlePendingPermissionRequest: ")
    assert cli.sent == []


async def test_an_unknown_field_is_refused_unless_it_is_meant() -> None:
    cli = Cli(PROVED)
    handle: Any = cli.session.permissions.handle_pending_permission_request
    why = await refused(handle, request_id="r", result={"kind": "reject", "why": "so"})

    assert "PermissionDecisionReject has no why" in why
    why = await refused(handle, request_id="r", result={"kind": "reject", "feedbak": 1})
    assert "PermissionDecisionReject has no feedbak: did you mean 'feedback'?" in why
    assert cli.sent == []

    meant = PermissionDecisionReject(kind="reject", extra={"why": "so"})
    await handle(request_id="r", result=meant)
    assert cli.params["result"] == {"kind": "reject", "why": "so"}


async def test_an_unknown_member_is_refused_unless_it_is_meant() -> None:
    cli = Cli({"messageId": "m1"})
    send: Any = cli.session.send
    why = await refused(send, prompt="hello", mode="later")

    assert why.startswith("session.send: it is not one of 'enqueue', 'immediate'")
    assert why.endswith("(to send it, make it a SendMode) @ mode")
    assert cli.sent == []

    await send(prompt="hello", mode=SendMode("later"))
    assert cli.params == {"prompt": "hello", "mode": "later"}


async def test_a_member_of_another_enumeration_is_as_good_as_its_string() -> None:
    cli = Cli({"messageId": "m1"})
    send: Any = cli.session.send
    why = await refused(send, prompt="hello", mode=rpc.SendAgentMode("plan"))

    assert why.startswith("session.send: it is not one of 'enqueue', 'immediate'")
    assert cli.sent == []


async def test_an_unknown_member_inside_an_object_is_refused_unless_it_is_meant() -> (
    None
):
    cli = Cli(PROVED)
    handle: Any = cli.session.permissions.handle_pending_permission_request
    decision = PermissionDecisionReject(kind="reject")
    said: Any = {"outcome": "postponed"}
    context: Any = {"source": "user", "surface": "tui"}
    why = await refused(
        handle,
        request_id="r",
        result=decision,
        decision_context=PermissionDecisionContext(**context, **said),
    )
    assert "it is not one of" in why
    assert "@ decision_context.outcome" in why

    outcome = PermissionDecisionOutcome("postponed")
    meant: Any = {
        name: getattr(rpc, kind)(context[name])
        for name, kind in {
            "source": "PermissionDecisionSource",
            "surface": "PermissionDecisionSurface",
        }.items()
    }
    await handle(
        request_id="r",
        result=decision,
        decision_context=PermissionDecisionContext(outcome=outcome, **meant),
    )
    assert cli.params["decisionContext"] == {"outcome": "postponed", **context}


async def test_an_unknown_variant_is_refused_unless_it_is_meant() -> None:
    cli = Cli(PROVED)
    handle: Any = cli.session.permissions.handle_pending_permission_request
    raw = {"kind": "ask-again", "when": "later"}
    why = await refused(handle, request_id="r", result=raw)

    assert "kind is not one of" in why
    assert cli.sent == []

    await handle(request_id="r", result=UnknownVariant("ask-again", raw))
    assert cli.params["result"] == raw


async def test_an_object_without_a_tag_says_what_it_needs() -> None:
    cli = Cli()
    restart: Any = cli.session.mcp.restart_server
    why = await refused(restart, server_name="s", config={"args": []})

    assert "it does not fit any of McpServerConfigStdio, McpServerConfigHttp" in why
    await restart(server_name="s", config=McpServerConfigStdio(command="c"))
    assert cli.params == {"serverName": "s", "config": {"command": "c"}}


async def test_nothing_is_sent_that_json_does_not_have() -> None:
    cli = Cli()
    why = await refused(cli.session.plan.update, content=object())

    assert "object, which is not JSON" in why


# -- answers


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "required, but missing @ result.exists"),
        ({"exists": "yes"}, "expected a boolean, got a string @ result.exists"),
        (None, "expected an object, got null @ result"),
        ([{}], "expected an object, got an array @ result"),
    ],
)
async def test_an_answer_that_does_not_fit_is_kept_and_explained(
    raw: Any, reason: str
) -> None:
    cli = Cli(raw)
    with pytest.raises(MalformedResultError) as caught:
        await cli.session.plan.read()

    error = caught.value
    assert error.method == "session.plan.read"
    assert error.raw is raw
    assert reason in error.reason
    assert str(error) == f"session.plan.read: the answer does not fit: {error.reason}"
    assert len(cli.sent) == 1


async def test_an_answer_keeps_what_this_version_does_not_know() -> None:
    cli = Cli({"exists": True, "content": "x", "path": "p", "author": "me"})

    assert (await cli.session.plan.read()).extra == {"author": "me"}


@pytest.mark.parametrize("raw", [None, {}, {"ok": True}, 7])
async def test_a_call_that_answers_nothing_returns_none(raw: object) -> None:
    cli = Cli(raw)
    update: Any = cli.session.plan.update

    assert await update(content="x") is None


async def test_what_a_call_raises_comes_through() -> None:
    async def fail(method: str, params: dict[str, Any]) -> NoReturn:
        raise OSError(method)

    with pytest.raises(OSError, match=r"session\.plan\.read"):
        await session_rpc(fail).plan.read()


async def test_a_call_is_cancelled_as_what_it_is_made_with() -> None:
    async def wait(method: str, params: dict[str, Any]) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(0) as scope:
        await session_rpc(wait).plan.read()

    assert scope.cancelled_caught


# -- the CLI's own requests


class Files(SessionFsHandler):
    """Serves one kind of request."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[SessionFsReadFileRequest] = []

    async def read_file(
        self, request: SessionFsReadFileRequest
    ) -> SessionFsReadFileResult:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        result: SessionFsReadFileResult = self.answer
        return result

    async def write_file(self, request: rpc.SessionFsWriteFileRequest) -> Any:
        return self.answer


READ = {"sessionId": "s", "path": "/a", "brandNew": 1}


async def ask(files: Files, wire: str, params: Any) -> Any:
    handlers = SessionHandlers(session_fs=files)
    serve = handler_for(handlers, wire)
    assert serve is not None
    answer = await serve(read_request(handlers, wire, params))
    return write_answer(handlers, wire, answer)


async def test_a_handler_is_asked_in_types_and_answers_as_on_the_wire() -> None:
    files = Files(SessionFsReadFileResult(content="text"))

    assert await ask(files, "sessionFs.readFile", READ) == {"content": "text"}
    [request] = files.asked
    assert (request.session_id, request.path) == ("s", "/a")
    assert request.extra == {"brandNew": 1}


async def test_a_handler_may_answer_with_a_mapping() -> None:
    said = {"content": "", "error": {"code": "ENOENT"}}

    assert await ask(Files(said), "sessionFs.readFile", READ) == said


async def test_a_handler_may_answer_that_there_is_nothing_to_say() -> None:
    params = {"sessionId": "s", "path": "/a", "content": "x"}
    error = SessionFsError(code=SessionFsErrorCode.ENOENT)

    assert await ask(Files(None), "sessionFs.writeFile", params) is None
    assert await ask(Files(error), "sessionFs.writeFile", params) == {"code": "ENOENT"}


async def test_what_is_asked_wrongly_does_not_reach_the_handler() -> None:
    files = Files()
    with pytest.raises(MalformedResultError) as caught:
        await ask(files, "sessionFs.readFile", {"sessionId": "s", "path": 7})

    assert caught.value.method == "sessionFs.readFile"
    assert "expected a string, got an integer" in caught.value.reason
    assert files.asked == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "expected an object, got null"),
        ("text", "expected an object, got a string"),
        ({"text": "x"}, "required, but missing @ the answer to sessionFs.readFile"),
        ({"content": "x", "size": 1}, "SessionFsReadFileResult has no size"),
        ({"content": "x", "error": {"code": "EPAPER"}}, "it is not one of"),
    ],
)
async def test_an_answer_of_ours_that_does_not_fit_is_not_sent(
    said: object, why: str
) -> None:
    with pytest.raises(TypeError) as caught:
        await ask(Files(said), "sessionFs.readFile", READ)

    assert why in str(caught.value)
    assert "the answer to sessionFs.readFile" in str(caught.value)


async def test_what_a_handler_raises_comes_through() -> None:
    with pytest.raises(PermissionError, match="no"):
        await ask(Files(PermissionError("no")), "sessionFs.readFile", READ)


async def test_a_notification_is_answered_with_nothing() -> None:
    heard: list[object] = []

    class Telemetry(GitHubTelemetryHandler):
        async def event(self, request: Any) -> None:
            heard.append(request)

    handlers = ClientHandlers(github_telemetry=Telemetry())
    serve = handler_for(handlers, "gitHubTelemetry.event")
    assert serve is not None
    event = {"kind": "k", "metrics": {}, "properties": {}}
    params = {"sessionId": "s", "restricted": False, "event": event}

    await serve(read_request(handlers, "gitHubTelemetry.event", params))
    assert write_answer(handlers, "gitHubTelemetry.event", "whatever") is None
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("handlers", "wire"),
    [
        (None, "sessionFs.readFile"),
        (SessionHandlers(), "sessionFs.readFile"),
        (SessionHandlers(session_fs=Files()), "sessionFs.readdir"),
        (SessionHandlers(session_fs=Files()), "canvas.open"),
        (SessionHandlers(canvas=CanvasHandler()), "canvas.open"),
        (SessionHandlers(session_fs=Files()), "host.exited"),
        (ClientHandlers(), "sessionFs.readFile"),
        (SessionHandlers(session_fs=Files()), "brand.new"),
    ],
)
def test_what_nobody_serves_has_no_handler(handlers: Any, wire: str) -> None:
    assert handler_for(handlers, wire) is None


def test_a_handler_of_another_namespace_is_refused() -> None:
    handler: Any = Files()
    with pytest.raises(TypeError, match=r"canvas must be .*\.CanvasHandler, not Files"):
        SessionHandlers(canvas=handler)


def test_a_class_of_handlers_is_no_handler() -> None:
    handler: Any = Files
    with pytest.raises(TypeError, match="session_fs must be an object of a subclass"):
        SessionHandlers(session_fs=handler)


# -- names


def test_the_names_of_calls_and_of_events_are_looked_up_in_their_own_index() -> None:
    calls = names_of(rpc.SessionPlanRpc.__module__)
    events = names_of("trio_copilot._protocol.generated.session")

    assert calls["PlanReadResult"] is rpc.PlanReadResult
    assert calls is names_of(rpc.McpServerConfigHttp.__module__)
    assert calls is not events
    with pytest.raises(KeyError, match="int"):
        calls["int"]  # it is Python's
    with pytest.raises(KeyError, match="PlanReadResult"):
        events["PlanReadResult"]


def test_a_class_can_be_resolved_again() -> None:
    once = resolved(rpc.PendingPermissionRequestList)

    assert resolved(once) is once
    items = attrs.fields_dict(once)["items"].type
    assert get_args(items) == (rpc.PendingPermissionRequest, ...)


def test_server_calls_are_found_by_their_path() -> None:
    assert repr(server_rpc(Cli()).mcp.config) == "<ServerMcpConfigRpc>"
