"""A call of every namespace on the real CLI, offline, and what comes back, typed.

One CLI and one session for all of them: what is called is in tables, and what fails is
told by name. A namespace that is in no table fails a test of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs
import pytest
import trio

from trio_copilot import CopilotError, RpcError
from trio_copilot._protocol.calls import Namespace
from trio_copilot.rpc import ServerRpc, SessionRpc
from trio_copilot.testing import ScriptedCli, cli_environment, open_stage

Calls: TypeAlias = Mapping[str, tuple[dict[str, Any], Callable[[Any], object]]]
"""Method -> arguments, and what must be true of the result."""
Refusals: TypeAlias = Mapping[str, tuple[dict[str, Any], str]]
"""Method -> arguments, and words of the CLI's refusal."""

SESSION = object()
"""Stands for the id of the session in arguments."""
FOLDER = object()
"""Stands for a folder to write to."""

CONTRACT: dict[str, Any] = {"protocolVersion": 1, "requiredCapabilities": []}
"""An old one: the CLI says so before it asks the network."""


def _nothing(result: Any) -> bool:
    return result is None


def _refused(result: Any) -> bool:
    return result.kind == "negotiation-refused" and result.runtime_protocol_version > 1


BEFORE_SESSIONS: Calls = {
    "plugins.builtin.set": ({"paths": ()}, _nothing),
    "register_extension_launch_provider": ({}, _nothing),
}

SERVER: Calls = {
    "ping": ({"message": "hey"}, lambda it: it.message == "pong: hey"),
    "account.get_all_users": ({}, lambda it: it == ()),
    "account.get_current_auth": ({}, lambda it: it.auth_info is None),
    "agents.discover": ({}, lambda it: it.agents == ()),
    "agents.get_discovery_paths": ({}, lambda it: it.paths[0].scope == "user"),
    "azure_ml.status": ({"request_id": "none"}, _nothing),
    "azure_ml.cancel": ({"request_id": "none"}, lambda it: it is False),
    "catalog.search": ({"contract": CONTRACT, "query": "x"}, _refused),
    "commands.list": ({}, lambda it: any(c.name == "add-dir" for c in it.commands)),
    "connectors.get_capabilities": ({}, lambda it: it.availability == "disabled"),
    "content_exclusion.validate_policies": (
        {"policies_json": "[]"},
        lambda it: it.policies == (),
    ),
    "extensions.discover": ({}, lambda it: it.extensions == ()),
    "hooks.discover": ({}, lambda it: it.hooks == it.errors == ()),
    "host.list_sessions": ({}, lambda it: it.sessions == ()),
    "instructions.get_discovery_paths": ({}, lambda it: it.paths[0].kind == "file"),
    "llm_inference.http_response_chunk": (
        {"request_id": "none", "data": ""},
        lambda it: it.accepted is False,
    ),
    "managed_settings.resolve": ({}, lambda it: it.resolved.source == "none"),
    "managed_settings.validate": ({"content": {}}, lambda it: it.valid is True),
    "managed_settings.permissions.evaluate": (
        {"context": {"failClosed": False}, "operations": ()},
        lambda it: it.results == () and it.fail_closed is False,
    ),
    "mcp.discover": ({}, lambda it: it.servers == ()),
    "mcp.config.list": ({}, lambda it: it.servers == {}),
    "mcp.installations.list": (
        {"contract": CONTRACT, "policy_session_id": SESSION},
        _refused,
    ),
    "models.get_built_in_catalog": ({}, lambda it: it.models[0].id),
    "plugins.list": ({}, lambda it: it.plugins == ()),
    "plugins.marketplaces.list": ({}, lambda it: it.marketplaces[0].is_default),
    "sandbox.get_host_support": ({}, lambda it: isinstance(it.supported, bool)),
    "sandbox.proxy_ca.get_status": ({}, lambda it: it.state.value),
    "secrets.add_filter_values": ({"values": ("s3cret",)}, lambda it: it.ok is True),
    "sessions.list": ({}, lambda it: it.sessions[0].name == "typed"),
    "sessions.get_last_for_context": ({}, lambda it: it.session_id),
    "sessions.read_persisted_events": (
        {"session_id": SESSION, "max": 1},
        lambda it: [e.type for e in it.events] == ["session.start"] and it.has_more,
    ),
    "sessions.save": ({"session_id": SESSION}, lambda it: not it.extra),
    "skills.get_discovery_paths": ({}, lambda it: it.paths[0].preferred_for_creation),
    "skills.config.set_disabled_skills": ({"disabled_skills": ()}, _nothing),
    "skills.installations.list": (
        {"contract": CONTRACT, "policy_session_id": SESSION},
        _refused,
    ),
    "tools.list": ({}, lambda it: any(tool.name == "bash" for tool in it.tools)),
    "user.settings.get": ({}, lambda it: it.settings["askUser"].is_default is True),
}

SERVER_REFUSALS: Refusals = {
    "account.get_quota": ({}, "Not authenticated"),
    "agent_registry.spawn": ({"cwd": "nowhere"}, "not enabled on this server"),
    "environments.list": ({}, "Not authenticated"),
    "llm_inference.set_provider": ({}, "before creating any sessions"),
    "models.list": ({}, "Not authenticated"),
    "session_fs.set_provider": (
        {"initial_cwd": "/", "session_state_path": "/s", "conventions": "posix"},
        "before creating any sessions",
    ),
}

IN_SESSION: Calls = {
    "interrupt_main_turn": ({}, lambda it: it.interrupted is False),
    "cancel_all_background_agents": ({}, lambda it: it == 0),
    "log": ({"message": "a line"}, lambda it: it.event_id),
    "accounts.enumerate": (
        {"query": {"kind": "providers"}},
        lambda it: any(each.kind == "githubDotCom" for each in it.items),
    ),
    "accounts.login.cancel": ({"flow_id": "none"}, _nothing),
    "agent.get_current": ({}, lambda it: it.agent is None),
    "agent.list": ({}, lambda it: it.agents == ()),
    "autopilot_objective.get_state": ({}, lambda it: it.state is None),
    "canvas.list": ({}, lambda it: it.canvases == ()),
    "commands.list": ({}, lambda it: it.commands[0].kind == "builtin"),
    "completions.request": ({"text": "@", "offset": 1}, lambda it: it.items == ()),
    "connectors.get_account": ({}, _nothing),
    "connectors.get_status": ({}, lambda it: it.pending_connections == 0),
    "content_exclusion.check_paths": (
        {"paths": ("/etc",)},
        lambda it: it.available is False,
    ),
    "customizations.reload": (
        {},
        lambda it: it.outcomes[0].subsystem == "repositoryContext",
    ),
    "debug.collect_logs": (
        {"destination": {"kind": "directory", "outputDirectory": FOLDER}},
        lambda it: it.entries[0].source == "events",
    ),
    "diagnostics.read": (
        {"sources": ("mcp",)},
        lambda it: it.cursor_status == "ok",
    ),
    "event_log.read": (
        {"types": ("session.start",)},
        lambda it: [event.type for event in it.events] == ["session.start"],
    ),
    "extensions.list": ({}, lambda it: it.extensions == ()),
    "github_auth.get_status": ({}, lambda it: it.is_authenticated is False),
    "history.list_rewind_points": ({}, lambda it: it.points[0].user_message == "hi"),
    "instructions.get_sources": ({}, lambda it: it.sources == ()),
    "limit_prediction.predict": (
        {},
        lambda it: it.prediction.model_id == "scripted-model",
    ),
    "lsp.initialize": ({}, _nothing),
    "managed_settings.get": ({}, lambda it: it.source == "none"),
    "mcp.list": ({}, lambda it: it.servers == ()),
    "mcp.apps.diagnose": (
        {"server_name": "none"},
        lambda it: it.server.connected is False,
    ),
    "mcp.headers.handle_pending_headers_refresh_request": (
        {"request_id": "none", "result": {"kind": "none"}},
        lambda it: it.success is False,
    ),
    "mcp.oauth.respond": ({"request_id": "none"}, lambda it: it.success is False),
    "metadata.snapshot": ({}, lambda it: it.is_remote is False),
    "metadata.is_processing": ({}, lambda it: it.processing is False),
    "mode.get": ({}, lambda it: it == "interactive"),
    "model.get_current": ({}, lambda it: it.model_id == "scripted-model"),
    "name.get": ({}, lambda it: it.name == "typed"),
    "options.update": ({}, lambda it: it.success is True),
    "permissions.get_mode": ({}, lambda it: it.mode == "manual"),
    "permissions.folder_trust.is_trusted": (
        {"path": "/etc"},
        lambda it: it.trusted is False,
    ),
    "permissions.locations.resolve": (
        {"working_directory": "/tmp"},
        lambda it: it.location_type == "dir",
    ),
    "permissions.paths.is_path_within_allowed_directories": (
        {"path": "/etc"},
        lambda it: it.allowed is False,
    ),
    "permissions.urls.set_unrestricted_mode": (
        {"enabled": False},
        lambda it: it.success is True,
    ),
    "plan.update": ({"content": "# A plan"}, _nothing),
    "plan.read": ({}, lambda it: it.exists and it.content == "# A plan"),
    "plugins.list": ({}, lambda it: it.plugins == ()),
    "plugins.marketplaces.list": ({}, lambda it: it.marketplaces[0].is_default),
    "provider.get_endpoint": ({}, lambda it: it.wire_api == "completions"),
    "providers.get_catalog": (
        {},
        lambda it: any(each.adapter_id == "ollama" for each in it.providers),
    ),
    "queue.pending_items": ({}, lambda it: it.items == ()),
    "quota.get": ({}, lambda it: it.plan_tier == "unknown"),
    "remote.disable": ({}, _nothing),
    "sandbox.get_enforcement_status": ({}, lambda it: it.required is False),
    "schedule.list": ({}, lambda it: it.entries == ()),
    "shell.exec": ({"command": "true"}, lambda it: it.process_id),
    "skills.list": ({}, lambda it: it.skills[0].source == "builtin"),
    "tasks.list": ({}, lambda it: it.tasks == ()),
    "telemetry.get_engagement_id": ({}, lambda it: it.engagement_id),
    "tools.get_builtin_descriptors": ({}, lambda it: it.tools),
    "tools.list_pending_requests": ({}, lambda it: it.items == ()),
    "ui.ephemeral_query": ({"question": "why?"}, lambda it: it.answer == "hello"),
    "usage.get_metrics": ({}, lambda it: it.total_user_requests == 1),
    "visibility.get": ({}, lambda it: it.synced is False),
    "workflow.list_runs": ({}, lambda it: it.runs == () and not it.has_more_newer),
    "workspaces.get_workspace": ({}, lambda it: it.workspace.name == "typed"),
    # Last, because its work continues.
    "fleet.start": ({"prompt": "Do it"}, lambda it: it.started is True),
}

SESSION_REFUSALS: Refusals = {
    "canvas.action.invoke": (
        {"instance_id": "none", "action_name": "press"},
        "is not open",
    ),
    "mcp.prompts.list": ({"server_name": "none"}, "No MCP host"),
    "mcp.resources.list": ({"server_name": "none"}, "No MCP host"),
    "workflow.journal.get": (
        {"run_id": "none", "execution_token": "none", "key": "none"},
        "not available for this session",
    ),
}

NOT_CALLED: Mapping[str, str] = {
    "session providers.models": "asks a server of models, which must be there",
}
"""Namespace -> why no call of it is made here."""


def namespaces(root: type[Namespace], path: str = "") -> Iterator[str]:
    """The paths of all namespaces below a root that have methods, the root's is ''."""
    calls = [name for name, it in vars(root).items() if hasattr(it, "__wrapped__")]
    if calls:
        yield path
    for name, member in vars(root).items():
        if isinstance(member, property):
            below: Namespace = getattr(root(_nobody), name)
            yield from namespaces(type(below), f"{path}.{name}" if path else name)


async def _nobody(method: str, params: dict[str, Any]) -> Any:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("label", "root", "tables"),
    [
        ("server", ServerRpc, (BEFORE_SESSIONS, SERVER, SERVER_REFUSALS)),
        ("session", SessionRpc, (IN_SESSION, SESSION_REFUSALS)),
    ],
)
def test_there_is_a_call_of_every_namespace(
    label: str, root: type[Namespace], tables: tuple[Mapping[str, Any], ...]
) -> None:
    called = {method.rpartition(".")[0] for table in tables for method in table}
    left_out = {name.partition(" ")[2] for name in NOT_CALLED if name.startswith(label)}
    if root is ServerRpc:
        called.add("runtime")  # its shutdown is the end of the test

    assert called | left_out == set(namespaces(root))
    assert not called & left_out


@attrs.define
class Caller:
    """Makes the calls of the tables, and notes what fails instead of raising it."""

    folder: Path
    session_id: str = ""
    failures: dict[str, str] = attrs.field(factory=dict[str, str])

    async def make(self, root: Namespace, calls: Calls) -> None:
        for method, (arguments, holds) in calls.items():
            result = await self._call(root, method, arguments)
            try:
                if not isinstance(result, Exception) and not holds(result):
                    self.failures[method] = repr(result)
            except (AttributeError, LookupError) as error:
                self.failures[method] = f"{error!r} in {result!r}"

    async def be_refused(self, root: Namespace, refusals: Refusals) -> None:
        for method, (arguments, words) in refusals.items():
            refusal = await self._call(root, method, arguments, RpcError)
            if words not in str(refusal):
                self.failures[method] = repr(refusal)

    async def _call(
        self,
        root: Namespace,
        method: str,
        arguments: Mapping[str, Any],
        expected: type[CopilotError] | None = None,
    ) -> Any:
        try:
            return await attrgetter(method)(root)(**self._filled(arguments))
        except (CopilotError, TypeError) as error:
            if expected is None or not isinstance(error, expected):
                self.failures[method] = repr(error)
            return error

    def _filled(self, arguments: Any) -> Any:
        """Put in what is not known before."""
        if isinstance(arguments, dict):
            known = cast("dict[str, Any]", arguments)
            return {name: self._filled(it) for name, it in known.items()}
        if arguments is SESSION:
            return self.session_id
        return str(self.folder) if arguments is FOLDER else arguments


@pytest.mark.cli
async def test_the_calls_of_every_namespace_bring_what_their_types_say(
    cli_path: Path, cli_home: Path
) -> None:
    async with open_stage(repeat("hello"), cli=cli_path, home=cli_home) as stage:
        assert not isinstance(stage.model, ScriptedCli)
        env = cli_environment(stage.model, cli_home)
        env["COPILOT_ENABLE_SECRET_FILTERING"] = "true"
        env["COPILOT_ALLOW_GET_PROVIDER_ENDPOINT"] = "true"
        caller = Caller(cli_home / "collected")
        with trio.fail_after(60):
            async with stage.open_client(env=env) as client:
                await caller.make(client.rpc, BEFORE_SESSIONS)
                async with client.open_session(name="typed") as session:
                    caller.session_id = session.id
                    await session.ask("hi")
                    await caller.make(client.rpc, SERVER)
                    await caller.be_refused(client.rpc, SERVER_REFUSALS)
                    await caller.be_refused(session.rpc, SESSION_REFUSALS)
                    await caller.make(session.rpc, IN_SESSION)
                await client.rpc.runtime.shutdown()

    assert caller.failures == {}
