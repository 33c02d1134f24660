"""What the CLI asks of its client, answered by handlers: the real CLI's own requests.

What must be seen on the wire, such as the code of an error, is shown on the scripted CLI.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.worlds import Rig, World, scripted_world
from trio_copilot import (
    AutoModeSwitchRequest,
    Client,
    Deny,
    ExitPlanModeRequest,
    MalformedResultError,
    RpcError,
    SessionOptions,
    SystemMessage,
    allow_all,
    open_client,
)
from trio_copilot._wire.framing import encode_frame
from trio_copilot._wire.messages import ErrorResponse, Response
from trio_copilot.rpc import (
    CanvasHandler,
    CanvasProviderCloseRequest,
    CanvasProviderInvokeActionRequest,
    CanvasProviderOpenRequest,
    CanvasProviderOpenResult,
    ClientHandlers,
    ExtensionLaunchProviderHandler,
    GitHubTelemetryHandler,
    GitHubTelemetryNotification,
    LlmInferenceHandler,
    LlmInferenceHttpRequestChunkRequest,
    LlmInferenceHttpRequestChunkResult,
    LlmInferenceHttpRequestStartRequest,
    LlmInferenceHttpRequestStartResult,
    ProviderTokenAcquireRequest,
    ProviderTokenAcquireResult,
    ProviderTokenHandler,
    SessionFsAppendFileRequest,
    SessionFsError,
    SessionFsErrorCode,
    SessionFsExistsRequest,
    SessionFsExistsResult,
    SessionFsHandler,
    SessionFsMkdirRequest,
    SessionFsReaddirWithTypesEntry,
    SessionFsReaddirWithTypesEntryType,
    SessionFsReaddirWithTypesRequest,
    SessionFsReaddirWithTypesResult,
    SessionFsReadFileRequest,
    SessionFsReadFileResult,
    SessionFsRenameRequest,
    SessionFsSetProviderConventions,
    SessionFsStatRequest,
    SessionFsStatResult,
    SessionFsWriteFileRequest,
    SessionHandlers,
    SessionMode,
    SkillProviderDescriptor,
    SkillProviderHandler,
    SkillProviderListRequest,
    SkillProviderListResult,
    SkillProviderReadRequest,
    SkillProviderReadResult,
)
from trio_copilot.testing import Call, Reply, ScriptedCli, open_scripted_cli, open_stage

PANEL: dict[str, Any] = {
    "canvases": [
        {
            "id": "panel",
            "displayName": "Panel",
            "description": "A panel with a button",
            "actions": [{"name": "press", "description": "Press the button"}],
        }
    ],
    "canvas_provider": {"id": "the-tests"},
    "request_canvas_renderer": True,
}
"""The options of a session that has a canvas."""

OPEN_PANEL = {"canvasId": "panel", "instanceId": "left"}


class Panel(CanvasHandler):
    """A canvas that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def open(
        self, request: CanvasProviderOpenRequest
    ) -> CanvasProviderOpenResult:
        await trio.lowlevel.checkpoint()
        self.asked.append(f"open {request.canvas_id} as {request.instance_id}")
        return CanvasProviderOpenResult(title=f"Panel {request.input['number']}")

    async def close(self, request: CanvasProviderCloseRequest) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.append(f"close {request.instance_id}")

    async def action_invoke(self, request: CanvasProviderInvokeActionRequest) -> Any:
        await trio.lowlevel.checkpoint()
        self.asked.append(request.action_name)
        return {"pressed": request.input}


class BrokenPanel(CanvasHandler):
    """A canvas that cannot be opened."""

    async def open(
        self, request: CanvasProviderOpenRequest
    ) -> CanvasProviderOpenResult:
        await trio.lowlevel.checkpoint()
        raise LookupError("the panel is broken")


class PatientPanel(CanvasHandler):
    """A canvas that never opens."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self.cancelled = False

    async def open(
        self, request: CanvasProviderOpenRequest
    ) -> CanvasProviderOpenResult:
        self.reached.set()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled = True
            raise


# -- each kind of handler, on the real CLI


@pytest.mark.cli
async def test_the_agent_uses_a_canvas_of_the_client(real: World) -> None:
    panel = Panel()
    handlers = SessionHandlers(canvas=panel)
    opening = {**OPEN_PANEL, "input": {"number": 1}}
    script = [Reply(calls=[Call("open_canvas", opening)]), "opened"]
    with trio.fail_after(real.patience):
        async with real.run(
            script, handlers=handlers, on_permission_request=allow_all, **PANEL
        ) as rig:
            assert rig.session.capabilities["ui"]["canvases"] is True
            canvas = rig.session.rpc.canvas
            (known,) = (await canvas.list()).canvases
            assert (known.canvas_id, known.extension_id) == ("panel", "the-tests")

            assert (await rig.session.ask("Open it")).text == "opened"
            (opened,) = (await canvas.list_open()).open_canvases
            assert (opened.instance_id, opened.title) == ("left", "Panel 1")
            result = await canvas.action.invoke(
                instance_id="left", action_name="press", input=[1]
            )
            assert result.result == {"pressed": [1]}
            await canvas.close(instance_id="left")

    assert panel.asked == ["open panel as left", "press", "close left"]


class Skills(SkillProviderHandler):
    """One skill."""

    async def list(self, request: SkillProviderListRequest) -> SkillProviderListResult:
        await trio.lowlevel.checkpoint()
        greet = SkillProviderDescriptor(name="greet", description="How sailors greet")
        return SkillProviderListResult(skills=(greet,))

    async def read(self, request: SkillProviderReadRequest) -> SkillProviderReadResult:
        await trio.lowlevel.checkpoint()
        return SkillProviderReadResult(markdown=f"To {request.name}, say ahoy.")


def system_prompt(rig: Rig, number: int) -> str:
    return str(rig.requests[number - 1].messages[0]["content"])


@pytest.mark.cli
async def test_skills_and_sections_of_the_client_reach_the_model(real: World) -> None:
    texts: list[str] = []

    async def note(text: str) -> str:
        await trio.lowlevel.checkpoint()
        texts.append(text)
        return text.upper()

    plain = SystemMessage(sections={"tone": note, "guidelines": note})
    changed = SystemMessage(
        sections={
            "tone": note,
            "guidelines": {"action": "remove"},
            "safety": {"action": "append", "content": "Mind the gap."},
        },
        content="Farewell.",
    )
    script = ["noted", Reply(calls=[Call("skill", {"skill": "greet"})]), "ahoy"]
    with trio.fail_after(real.patience):
        async with real.run(script, system_message=plain) as rig:
            await rig.session.ask("?")
            guidelines, tone = sorted(texts, key=len, reverse=True)
            assert tone.upper() in system_prompt(rig, 1)
            assert guidelines.upper() in system_prompt(rig, 1)

            handlers = SessionHandlers(skill_provider=Skills())
            async with rig.open_session(
                system_message=changed, handlers=handlers
            ) as session:
                (skill,) = (
                    skill
                    for skill in (await session.rpc.skills.list()).skills
                    if skill.source == "sdk"
                )
                assert (skill.name, skill.description) == ("greet", "How sailors greet")
                assert (await session.ask("Greet me")).text == "ahoy"

            assert tone.upper() in system_prompt(rig, 2)
            assert guidelines.upper() not in system_prompt(rig, 2)
            assert guidelines not in system_prompt(rig, 2)
            assert "Mind the gap." in system_prompt(rig, 2)
            assert "Farewell." in system_prompt(rig, 2)
            assert "How sailors greet" in json.dumps(rig.requests[1].raw)
            assert "To greet, say ahoy." in json.dumps(rig.requests[2].raw)


@pytest.mark.cli
async def test_plans_are_decided_on(real: World) -> None:
    decisions: Iterator[str | Deny] = iter([Deny("Make it smaller"), "interactive"])
    plans: list[ExitPlanModeRequest] = []

    async def decide(plan: ExitPlanModeRequest) -> str | Deny:
        await trio.lowlevel.checkpoint()
        plans.append(plan)
        return next(decisions)

    async def switch(request: AutoModeSwitchRequest) -> Any:
        raise NotImplementedError  # the CLI asks this for its own models alone

    present = Reply(calls=[Call("exit_plan_mode", {"summary": "Paint it"})])
    with trio.fail_after(real.patience):
        async with real.run(
            [present, present, "painted"],
            on_exit_plan_mode=decide,
            on_auto_mode_switch=switch,
        ) as rig:
            await rig.session.rpc.mode.set(mode=SessionMode.PLAN)
            end = await rig.session.ask("Plan it")

            assert end.text == "painted"
            assert [plan.summary for plan in plans] == ["Paint it", "Paint it"]
            assert "interactive" in plans[0].actions
            assert plans[0].recommended_action in plans[0].actions
            assert "Make it smaller" in json.dumps(rig.requests[1].raw)
            assert await rig.session.rpc.mode.get() == "interactive"


class Model(LlmInferenceHandler):
    """A model within this process."""

    def __init__(self) -> None:
        self.client: Client
        self.headers: dict[str, tuple[str, ...]] = {}
        self.prompts: list[str] = []

    async def http_request_start(
        self, request: LlmInferenceHttpRequestStartRequest
    ) -> LlmInferenceHttpRequestStartResult:
        await trio.lowlevel.checkpoint()
        self.headers = dict(request.headers)
        return LlmInferenceHttpRequestStartResult()

    async def http_request_chunk(
        self, request: LlmInferenceHttpRequestChunkRequest
    ) -> LlmInferenceHttpRequestChunkResult:
        assert request.end
        self.prompts.append(json.loads(request.data)["messages"][-1]["content"])
        delta = {"role": "assistant", "content": "from within"}
        chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}
        llm = self.client.rpc.llm_inference
        started = await llm.http_response_start(
            request_id=request.request_id,
            status=200,
            headers={"content-type": ("text/event-stream",)},
        )
        ended = await llm.http_response_chunk(
            request_id=request.request_id,
            data=f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n",
            end=True,
        )
        assert started.accepted
        assert ended.accepted
        return LlmInferenceHttpRequestChunkResult()


class Tokens(ProviderTokenHandler):
    """Gives a token to every provider."""

    async def get_token(
        self, request: ProviderTokenAcquireRequest
    ) -> ProviderTokenAcquireResult:
        await trio.lowlevel.checkpoint()
        return ProviderTokenAcquireResult(token=f"for {request.provider_name}")


@pytest.mark.cli
async def test_the_client_is_the_model_and_gives_its_token(real: World) -> None:
    model = Model()
    own: dict[str, Any] = {"handlers": SessionHandlers(provider_token=Tokens())}
    named: dict[str, Any] = {
        "providers": [
            {
                "name": "mine",
                "type": "openai",
                "baseUrl": "http://127.0.0.1:9/v1",
                "hasBearerTokenProvider": True,
            }
        ],
        "models": [{"id": "little", "provider": "mine"}],
        "model": "mine/little",
    }
    with trio.fail_after(real.patience):
        async with (
            real.stage([]) as stage,
            stage.open_client(handlers=ClientHandlers(llm_inference=model)) as client,
        ):
            model.client = client
            async with client.open_session(**own) as session:
                assert (await session.ask("Who are you?")).text == "from within"
            assert model.headers["authorization"] == ("Bearer for default",)
            async with client.open_session(**own, **named) as session:
                assert (await session.ask("And now?")).text == "from within"
            assert model.headers["authorization"] == ("Bearer for mine",)
            assert not stage.model.requests

    assert "Who are you?" in model.prompts[0]
    assert "And now?" in model.prompts[1]


class TelemetryLog(GitHubTelemetryHandler):
    """Notes what the CLI would report."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def event(self, request: GitHubTelemetryNotification) -> None:
        await trio.lowlevel.checkpoint()
        self.kinds.append(request.event.kind)


@pytest.mark.cli
async def test_the_client_hears_what_the_cli_would_report(real: World) -> None:
    """The CLI leaves out what its own schema requires."""
    log = TelemetryLog()
    with trio.fail_after(real.patience):
        async with (
            real.stage(["Hello", "Still here"]) as stage,
            stage.open_client(handlers=ClientHandlers(github_telemetry=log)) as client,
            client.open_session() as session,
        ):
            assert (await session.ask("Say hello")).text == "Hello"
            assert (await session.ask("And now?")).text == "Still here"

    assert len(log.kinds) > 10


POSIX = SessionFsSetProviderConventions.POSIX
ERA = "2026-01-01T00:00:00Z"


class Files(SessionFsHandler):
    """A file system in memory, with what the CLI needs."""

    def __init__(self, *folders: str) -> None:
        self.files: dict[str, str] = {}
        self.folders = set(folders)

    async def read_file(
        self, request: SessionFsReadFileRequest
    ) -> SessionFsReadFileResult:
        await trio.lowlevel.checkpoint()
        if request.path in self.files:
            return SessionFsReadFileResult(content=self.files[request.path])
        missing = SessionFsError(code=SessionFsErrorCode.ENOENT)
        return SessionFsReadFileResult(content="", error=missing)

    async def write_file(self, request: SessionFsWriteFileRequest) -> None:
        await trio.lowlevel.checkpoint()
        self.files[request.path] = request.content

    async def append_file(self, request: SessionFsAppendFileRequest) -> None:
        await trio.lowlevel.checkpoint()
        before = self.files.get(request.path, "")
        self.files[request.path] = before + request.content

    async def rename(self, request: SessionFsRenameRequest) -> None:
        await trio.lowlevel.checkpoint()
        self.files[request.dest] = self.files.pop(request.src)

    async def mkdir(self, request: SessionFsMkdirRequest) -> None:
        await trio.lowlevel.checkpoint()
        self.folders.add(request.path)

    async def exists(self, request: SessionFsExistsRequest) -> SessionFsExistsResult:
        await trio.lowlevel.checkpoint()
        return SessionFsExistsResult(exists=request.path in self.files)

    async def stat(self, request: SessionFsStatRequest) -> SessionFsStatResult:
        await trio.lowlevel.checkpoint()
        is_file, is_folder = request.path in self.files, request.path in self.folders
        missing = SessionFsError(code=SessionFsErrorCode.ENOENT)
        return SessionFsStatResult(
            is_file=is_file,
            is_directory=is_folder,
            size=len(self.files.get(request.path, "")),
            mtime=ERA,
            birthtime=ERA,
            error=None if is_file or is_folder else missing,
        )

    async def readdir_with_types(
        self, request: SessionFsReaddirWithTypesRequest
    ) -> SessionFsReaddirWithTypesResult:
        await trio.lowlevel.checkpoint()
        kind = SessionFsReaddirWithTypesEntryType.FILE
        head = f"{request.path}/"
        return SessionFsReaddirWithTypesResult(
            entries=tuple(
                SessionFsReaddirWithTypesEntry(name=path.removeprefix(head), type=kind)
                for path in self.files
                if path.startswith(head) and "/" not in path.removeprefix(head)
            )
        )


@pytest.mark.cli
async def test_the_client_keeps_the_files_of_a_session(real: World) -> None:
    with trio.fail_after(real.patience):
        async with real.stage(["kept"]) as stage, stage.open_client() as client:
            files = Files("/work")
            answer = await client.rpc.session_fs.set_provider(
                initial_cwd="/work", session_state_path="/state", conventions=POSIX
            )
            assert answer.success
            async with client.open_session(
                handlers=SessionHandlers(session_fs=files), working_directory="/work"
            ) as session:
                await session.rpc.plan.update(content="# The plan")
                assert (await session.ask("Keep this")).text == "kept"
                assert (await session.rpc.plan.read()).content == "# The plan"

    assert files.files["/state/plan.md"] == "# The plan"
    assert "Keep this" in files.files["/state/events.jsonl"]


# -- what goes wrong


@pytest.mark.cli
async def test_a_handler_that_raises_ends_the_session_and_the_cli_is_told(
    real: World,
) -> None:
    told: list[RpcError] = []

    async def open_panel(client: Client, session_id: str) -> None:
        with pytest.raises(RpcError) as caught:
            await client.call(
                "session.canvas.open", {"sessionId": session_id, **OPEN_PANEL}
            )
        told.append(caught.value)

    with trio.fail_after(real.patience):
        async with (
            real.stage([]) as stage,
            stage.open_client() as client,
            trio.open_nursery() as nursery,
        ):
            async with client.open_session(**PANEL) as session:
                await open_panel(client, session.id)
            with pytest.raises(LookupError, match="the panel is broken"):
                async with client.open_session(
                    handlers=SessionHandlers(canvas=BrokenPanel()), **PANEL
                ) as session:
                    nursery.start_soon(open_panel, client, session.id)
                    await trio.sleep_forever()

    assert "does not answer canvas.open" in told[0].message
    assert "handler of canvas.open failed" in told[1].message


@pytest.mark.cli
async def test_a_handler_ends_with_its_turn(real: World) -> None:
    panel = PatientPanel()
    script = [Reply(calls=[Call("open_canvas", OPEN_PANEL)]), "next", "next"]
    with trio.fail_after(real.patience):
        async with real.run(
            script,
            handlers=SessionHandlers(canvas=panel),
            on_permission_request=allow_all,
            **PANEL,
        ) as rig:
            with trio.CancelScope() as scope:
                async with rig.session.turn("Open it") as turn:
                    await panel.reached.wait()
                    scope.cancel()
                    await trio.sleep_forever()
            assert panel.cancelled
            assert "canvas.open" in turn.end.pending
            assert turn.end.drain_time < 2
            assert (await rig.session.ask("And now?")).text == "next"


@pytest.mark.cli
async def test_a_handler_of_the_client_that_raises_ends_the_client(
    real: World,
) -> None:
    class Broken(Model):
        async def http_request_chunk(
            self, request: LlmInferenceHttpRequestChunkRequest
        ) -> LlmInferenceHttpRequestChunkResult:
            await trio.lowlevel.checkpoint()
            raise LookupError("the model is broken")

    handlers = ClientHandlers(llm_inference=Broken())
    with trio.fail_after(real.patience):
        async with real.stage([]) as stage:
            with pytest.raises(LookupError, match="the model is broken"):
                async with (
                    stage.open_client(handlers=handlers) as client,
                    client.open_session() as session,
                ):
                    await session.ask("?")


# -- what is seen on the wire


def opening(rig: Rig, **others: Any) -> dict[str, Any]:
    return {
        "sessionId": rig.session.id,
        "extensionId": "the-tests",
        **OPEN_PANEL,
        "input": {"number": 2},
        **others,
    }


async def test_an_answer_is_as_on_the_wire(autojump_clock: MockClock) -> None:
    handlers = SessionHandlers(canvas=Panel())
    with trio.fail_after(60):
        async with scripted_world().run([], handlers=handlers) as rig:
            answer = await rig.scripted.request("canvas.open", opening(rig))

    assert isinstance(answer, Response)
    assert answer.result == {"title": "Panel 2"}


@pytest.mark.parametrize("method", ["canvas.open", "skillProvider.list", "no.such"])
async def test_what_nobody_serves_is_answered_so(
    method: str, autojump_clock: MockClock
) -> None:
    class Nothing(CanvasHandler):
        pass

    handlers = SessionHandlers(canvas=Nothing())
    with trio.fail_after(60):
        async with scripted_world().run(["fine"], handlers=handlers) as rig:
            answer = await rig.scripted.request(method, opening(rig))
            assert (await rig.session.ask("?")).text == "fine"

    assert isinstance(answer, ErrorResponse)
    assert answer.code == -32601
    assert method in answer.message


async def test_a_malformed_request_is_refused_and_reaches_no_handler(
    autojump_clock: MockClock,
) -> None:
    panel = Panel()
    handlers = SessionHandlers(canvas=panel)
    with trio.fail_after(60):
        async with scripted_world().run(["fine"], handlers=handlers) as rig:
            malformed = opening(rig, canvasId=7)
            answer = await rig.scripted.request("canvas.open", malformed)
            assert (await rig.session.ask("?")).text == "fine"

    assert isinstance(answer, ErrorResponse)
    assert answer.code == -32602
    assert "canvas_id" in answer.message
    assert panel.asked == []


async def test_an_answer_that_does_not_fit_is_an_error_of_the_handler(
    autojump_clock: MockClock,
) -> None:
    class Wrong(CanvasHandler):
        async def open(
            self, request: CanvasProviderOpenRequest
        ) -> CanvasProviderOpenResult:
            await trio.lowlevel.checkpoint()
            return CanvasProviderOpenResult(title=request.input)

    handlers = SessionHandlers(canvas=Wrong())
    with trio.fail_after(60):
        with pytest.raises(TypeError, match=r"canvas\.open.*title"):
            async with scripted_world().run([], handlers=handlers) as rig:
                await rig.scripted.request("canvas.open", opening(rig))
                await trio.sleep_forever()

    (answer,) = (it for it in rig.scripted.received if isinstance(it, ErrorResponse))
    assert answer.code == -32603


async def test_an_answer_that_a_handler_cannot_read_is_no_fault_of_the_request(
    autojump_clock: MockClock,
) -> None:
    class Curious(CanvasHandler):
        async def open(
            self, request: CanvasProviderOpenRequest
        ) -> CanvasProviderOpenResult:
            await rig.session.rpc.plan.read()
            raise AssertionError

    odd = {"session.plan.read": lambda _: {"exists": "maybe"}}
    with trio.fail_after(60):
        with pytest.raises(MalformedResultError, match=r"session\.plan\.read"):
            async with (
                open_stage(scripted={"answers": odd}) as stage,
                stage.open_client() as client,
                client.open_session(
                    handlers=SessionHandlers(canvas=Curious())
                ) as session,
            ):
                assert isinstance(stage.model, ScriptedCli)
                rig = Rig(client, session, stage.model, {})
                await rig.scripted.request("canvas.open", opening(rig))
                await trio.sleep_forever()

    (answer,) = (it for it in rig.scripted.received if isinstance(it, ErrorResponse))
    assert answer.code == -32603


async def test_handlers_of_the_other_kind_are_refused() -> None:
    with pytest.raises(TypeError, match=r"rpc\.SessionHandlers, not ClientHandlers"):
        SessionOptions(handlers=ClientHandlers())  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match=r"rpc\.ClientHandlers, not SessionHandlers"):
        async with open_client(handlers=SessionHandlers()):  # type: ignore[arg-type]  # that is the test
            raise AssertionError


async def test_a_handler_can_refuse(autojump_clock: MockClock) -> None:
    class Closed(CanvasHandler):
        async def open(
            self, request: CanvasProviderOpenRequest
        ) -> CanvasProviderOpenResult:
            await trio.lowlevel.checkpoint()
            raise RpcError(-32000, "Closed on Sundays", {"day": "Sunday"})

    handlers = SessionHandlers(canvas=Closed())
    with trio.fail_after(60):
        async with scripted_world().run(["fine"], handlers=handlers) as rig:
            answer = await rig.scripted.request("canvas.open", opening(rig))
            assert (await rig.session.ask("?")).text == "fine"

    assert isinstance(answer, ErrorResponse)
    assert (answer.code, answer.message) == (-32000, "Closed on Sundays")
    assert answer.data == {"day": "Sunday"}


async def test_a_request_of_a_turn_that_is_left_is_answered_as_cancelled(
    autojump_clock: MockClock,
) -> None:
    panel = PatientPanel()
    answers: list[Any] = []

    async def ask(rig: Rig) -> None:
        answers.append(await rig.scripted.request("canvas.open", opening(rig)))

    script = [Reply("word " * 100, delay=1), "next"]
    with trio.fail_after(60):
        async with (
            scripted_world().run(script, handlers=SessionHandlers(canvas=panel)) as rig,
            trio.open_nursery() as nursery,
        ):
            async with rig.session.turn("?"):
                nursery.start_soon(ask, rig)
                await panel.reached.wait()
            assert panel.cancelled

    (answer,) = answers
    assert isinstance(answer, ErrorResponse)
    assert answer.code == -32800


async def test_a_change_of_the_model_is_decided_on(autojump_clock: MockClock) -> None:
    asked: list[AutoModeSwitchRequest] = []

    async def decide(request: AutoModeSwitchRequest) -> Any:
        await trio.lowlevel.checkpoint()
        asked.append(request)
        return "yes_always"

    with trio.fail_after(60):
        async with scripted_world().run([], on_auto_mode_switch=decide) as rig:
            (created,) = rig.scripted.calls("session.create")
            assert created["requestAutoModeSwitch"] is True
            answer = await rig.scripted.request(
                "autoModeSwitch.request",
                {"sessionId": rig.session.id, "retryAfterSeconds": 30},
            )

    assert isinstance(answer, Response)
    assert answer.result == {"response": "yes_always"}
    assert asked == [AutoModeSwitchRequest(retry_after=30)]


async def test_handlers_of_the_client_begin_in_the_order_of_the_requests(
    autojump_clock: MockClock,
) -> None:
    """The parts of a model call do not carry their order."""
    parts = [f"part {number}" for number in range(30)]
    begun: list[str] = []
    done = trio.Event()

    class Parts(LlmInferenceHandler):
        async def http_request_chunk(
            self, request: LlmInferenceHttpRequestChunkRequest
        ) -> LlmInferenceHttpRequestChunkResult:
            begun.append(request.data)
            if len(begun) == len(parts):
                done.set()
            await trio.sleep(1)
            return LlmInferenceHttpRequestChunkResult()

    provider = {"llmInference.setProvider": lambda _: {"success": True}}
    with trio.fail_after(60):
        async with (
            open_scripted_cli(answers=provider) as cli,
            open_client(cli.stream, handlers=ClientHandlers(llm_inference=Parts())),
        ):
            for number, part in enumerate(parts):
                request = {
                    "jsonrpc": "2.0",
                    "id": number,
                    "method": "llmInference.httpRequestChunk",
                    "params": {"requestId": "one", "data": part},
                }
                cli.send_bytes(encode_frame(json.dumps(request).encode()))
            await done.wait()

    assert begun == parts


async def test_the_cli_hears_of_handlers_before_there_are_sessions(
    autojump_clock: MockClock,
) -> None:
    answers: dict[str, Any] = {
        "llmInference.setProvider": lambda _: {"success": True},
        "registerExtensionLaunchProvider": lambda _: None,
    }
    handlers = ClientHandlers(
        llm_inference=Model(),
        extension_launch_provider=ExtensionLaunchProviderHandler(),
        github_telemetry=GitHubTelemetryHandler(),
    )
    with trio.fail_after(60):
        async with (
            open_scripted_cli(answers=answers) as cli,
            open_client(cli.stream, handlers=handlers),
        ):
            (connect,) = cli.calls("connect")
            assert connect["enableGitHubTelemetryForwarding"] is True
            assert len(cli.calls("llmInference.setProvider")) == 1
            assert len(cli.calls("registerExtensionLaunchProvider")) == 1
        async with open_scripted_cli() as cli, open_client(cli.stream):
            (connect,) = cli.calls("connect")
            assert "enableGitHubTelemetryForwarding" not in connect
            assert cli.calls("llmInference.setProvider") == []
