"""The options of a session, checked where they are given and named as the CLI does."""

from __future__ import annotations

import ast
import functools
import re
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from trio_copilot import (
    Allow,
    Hooks,
    InfiniteSessions,
    PermissionRequest,
    Provider,
    SessionKeywords,
    SessionOptions,
    SystemMessage,
    Tool,
    ToolDefinitionError,
    allow_all,
)
from trio_copilot._paths import ELSEWHERE, OF_A_STREAM, OF_OUR_CLI
from trio_copilot._session import options as options_module
from trio_copilot.rpc import SessionFsHandler, SessionHandlers


def wire_of(**options: Any) -> dict[str, Any]:
    return SessionOptions(**options).to_wire("id-1")


class Judge:
    """Decides on permissions as an object."""

    async def __call__(self, request: PermissionRequest) -> Allow:
        return Allow()

    async def decide(self, request: PermissionRequest, extra: int = 0) -> Allow:
        return Allow()

    def not_async(self, request: PermissionRequest) -> Allow:
        return Allow()


# -- on the wire


def test_without_options_the_cli_has_its_defaults() -> None:
    assert wire_of() == {
        "sessionId": "id-1",
        "streaming": True,
        "includeSubAgentStreamingEvents": True,
        "envValueMode": "direct",
        "toolFilterPrecedence": "excluded",
        "requestPermission": True,
        "requestElicitation": False,
        "requestExitPlanMode": False,
        "requestAutoModeSwitch": False,
        "tools": [],
    }


def test_thresholds_of_an_infinite_session_go_under_the_names_of_the_wire() -> None:
    thresholds = InfiniteSessions(background_compaction_threshold=0.5)

    assert wire_of(infinite_sessions=thresholds)["infiniteSessions"] == {
        "enabled": True,
        "backgroundCompactionThreshold": 0.5,
        "bufferExhaustionThreshold": 0.95,
    }


@pytest.mark.parametrize(
    ("start", "wait"), [(-0.1, 0.5), (0.5, 1.1), (0.9, 0.8), (float("nan"), 0.8)]
)
def test_thresholds_that_make_no_sense_are_refused(start: float, wait: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        InfiniteSessions(
            background_compaction_threshold=start, buffer_exhaustion_threshold=wait
        )


PLAIN_OPTIONS = [
    ("model", "model", "m-1"),
    ("name", "name", "My work"),
    ("streaming", "streaming", False),
    ("include_sub_agent_streaming_events", "includeSubAgentStreamingEvents", False),
    ("working_directory", "workingDirectory", "/elsewhere"),
    ("additional_directories", "additionalDirectories", ["/more"]),
    ("available_tools", "availableTools", ["bash"]),
    ("excluded_tools", "excludedTools", ["bash"]),
    ("reasoning_effort", "reasoningEffort", "high"),
    ("reasoning_summary", "reasoningSummary", "concise"),
    ("client_name", "clientName", "mine"),
    ("agent", "agent", "reviewer"),
    ("custom_agents", "customAgents", [{"name": "reviewer", "prompt": "Review."}]),
    ("mcp_servers", "mcpServers", {"s": {"command": "serve", "args": []}}),
    ("disabled_mcp_servers", "disabledMcpServers", ["s"]),
    ("skill_directories", "skillDirectories", ["/skills"]),
    ("disabled_skills", "disabledSkills", ["s"]),
    ("instruction_directories", "instructionDirectories", ["/rules"]),
    ("config_dir", "configDir", "/config"),
    ("infinite_sessions", "infiniteSessions", {"enabled": False}),
    ("enable_config_discovery", "enableConfigDiscovery", False),
    ("skip_embedding_retrieval", "skipEmbeddingRetrieval", True),
    ("context_tier", "contextTier", "default"),
    ("tool_search", "toolSearch", {"enabled": True}),
    ("image_generation", "imageGeneration", {"enabled": True}),
    ("ask_user_variant", "askUserVariant", "legacy"),
    ("capi", "capi", {"autoTier": "low"}),
    ("providers", "providers", [{"name": "p"}]),
    ("models", "models", [{"id": "m"}]),
    ("model_capabilities", "modelCapabilities", {"supports": {"vision": True}}),
    ("session_limits", "sessionLimits", {"maxAiCredits": 30}),
    ("autopilot", "autopilot", {"continuationEnabled": True}),
    ("large_output", "largeOutput", {"enabled": True}),
    ("memory", "memory", {"enabled": False}),
    ("sandbox_config", "sandboxConfig", {"enabled": True}),
    ("diagnostics", "diagnostics", {"enabled": True}),
    ("default_agent", "defaultAgent", {"excludedTools": ["bash"]}),
    ("custom_agents_local_only", "customAgentsLocalOnly", True),
    ("excluded_builtin_agents", "excludedBuiltinAgents", ["task"]),
    ("agent_directories", "agentDirectories", ["/agents"]),
    ("hook_directories", "hookDirectories", ["/hooks"]),
    ("plugin_directories", "pluginDirectories", ["/plugins"]),
    ("enable_skills", "enableSkills", False),
    ("enable_citations", "enableCitations", True),
    ("enable_file_change_tracking", "enableFileChangeTracking", True),
    ("enable_file_hooks", "enableFileHooks", True),
    ("enable_host_git_operations", "enableHostGitOperations", True),
    (
        "enable_on_demand_instruction_discovery",
        "enableOnDemandInstructionDiscovery",
        True,
    ),
    ("enable_session_store", "enableSessionStore", True),
    ("enable_session_telemetry", "enableSessionTelemetry", False),
    ("embedding_cache_storage", "embeddingCacheStorage", "in-memory"),
    ("organization_custom_instructions", "organizationCustomInstructions", "Be brief."),
    ("is_experimental_mode", "isExperimentalMode", True),
    ("interactive_user", "interactiveUser", True),
    ("feature_flags", "featureFlags", {"flag": True}),
    ("managed_settings", "managedSettings", {"permissions": {}}),
    ("enable_managed_settings", "enableManagedSettings", True),
    ("excluded_managed_settings", "excludedManagedSettings", ["a.b"]),
    ("enforce_managed_model_defaults", "enforceManagedModelDefaults", True),
    ("github_mcp_tool_config", "githubMcpToolConfig", {"enableAllTools": True}),
    ("request_mcp_apps", "requestMcpApps", True),
    ("canvases", "canvases", [{"id": "c"}]),
    ("canvas_provider", "canvasProvider", {"id": "p"}),
    ("request_canvas_renderer", "requestCanvasRenderer", True),
    ("request_extensions", "requestExtensions", True),
    ("extension_info", "extensionInfo", {"name": "x"}),
    ("cloud", "cloud", {"repository": "a/b"}),
    ("continue_pending_work", "continuePendingWork", True),
]


@pytest.mark.parametrize(("name", "wire_name", "value"), PLAIN_OPTIONS)
def test_an_option_has_the_name_that_the_cli_knows(
    name: str, wire_name: str, value: object
) -> None:
    assert wire_of(**{name: value})[wire_name] == value


def test_every_option_is_in_that_table() -> None:
    special = {
        "session_id",
        "tools",
        "on_permission_request",
        "on_user_input",
        "on_elicitation",
        "on_exit_plan_mode",
        "on_auto_mode_switch",
        "hooks",
        "handlers",
        "system_message",
        "provider",
        "extra",
    }
    plain = {name for name, _, _ in PLAIN_OPTIONS}

    assert plain | special == attrs.fields_dict(SessionOptions).keys()


def test_the_id_of_the_session_is_the_callers_to_give() -> None:
    assert wire_of(session_id="mine")["sessionId"] == "id-1"


def test_an_empty_list_of_tools_is_not_the_default() -> None:
    assert wire_of(available_tools=[]) == {**wire_of(), "availableTools": []}


def test_paths_become_text_and_sequences_lists() -> None:
    wire = wire_of(
        working_directory=Path("a"),
        config_dir=Path("b"),
        skill_directories=(Path("c"), "d"),
        excluded_tools=("bash",),
    )

    assert wire["workingDirectory"] == "a"
    assert wire["configDir"] == "b"
    assert wire["skillDirectories"] == ["c", "d"]
    assert wire["excludedTools"] == ["bash"]


LOCATED = [
    ("working_directory", "a", "/a"),
    ("config_dir", Path("~/a"), "/user/a"),
    ("additional_directories", ["a", "/b"], ["/a", "/b"]),
    ("skill_directories", ("a",), ["/a"]),
    ("instruction_directories", ["~"], ["/user"]),
    ("agent_directories", ["a"], ["/a"]),
    ("hook_directories", ["a"], ["/a"]),
    ("plugin_directories", ["a"], ["/a"]),
    ("large_output", {"outputDir": "a"}, {"outputDir": "/a"}),
    ("large_output", {"enabled": True}, {"enabled": True}),
    (
        "mcp_servers",
        {"s": {"command": "./serve", "cwd": "a"}, "t": {"url": "x"}},
        {"s": {"command": "./serve", "cwd": "/a"}, "t": {"url": "x"}},
    ),
    (
        "custom_agents",
        [{"name": "n", "mcpServers": {"s": {"cwd": "a"}}}, {"name": "m"}],
        [{"name": "n", "mcpServers": {"s": {"cwd": "/a"}}}, {"name": "m"}],
    ),
    (
        "sandbox_config",
        {"userPolicy": {"filesystem": {"readonlyPaths": ["a"], "deniedPaths": ["~"]}}},
        {
            "userPolicy": {
                "filesystem": {"readonlyPaths": ["/a"], "deniedPaths": ["/user"]}
            }
        },
    ),
]


@pytest.mark.parametrize(("name", "given", "sent"), LOCATED)
def test_every_path_is_absolute_when_it_leaves(
    name: str, given: Any, sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/user")

    located = SessionOptions(**{name: given}).located(OF_A_STREAM)

    (wire_name,) = (wire for option, wire, _ in PLAIN_OPTIONS if option == name)
    assert located.to_wire("id-1")[wire_name] == sent


def test_every_path_is_in_that_table() -> None:
    paths = {f.name for f in attrs.fields(SessionOptions) if "PathLike" in str(f.type)}

    assert paths <= {name for name, _, _ in LOCATED}


def test_in_a_file_system_that_is_made_up_nothing_is_where_we_are() -> None:
    files = SessionHandlers(session_fs=SessionFsHandler())
    options = SessionOptions(working_directory="/work", handlers=files)
    rule = options.paths(OF_OUR_CLI)

    assert rule == ELSEWHERE
    assert options.located(rule).working_directory == "/work"
    assert SessionOptions().paths(OF_OUR_CLI) == OF_OUR_CLI


def test_a_mapping_goes_to_the_cli_as_it_is() -> None:
    servers = {"my_server": {"snake_case": None, "env": {"A_B": "c"}}}

    assert wire_of(mcp_servers=servers)["mcpServers"] == servers


# -- tools and permissions


@pytest.mark.parametrize("handler", [None, allow_all])
def test_tools_ask_for_permission_if_there_is_somebody_to_ask(handler: Any) -> None:
    wire = wire_of(tools=[Tool("look")], on_permission_request=handler)

    (declared,) = wire["tools"]
    assert declared["name"] == "look"
    assert declared.get("skipPermission", False) is (handler is None)
    assert wire["requestPermission"] is True


def test_tools_may_come_from_any_iterable() -> None:
    options = SessionOptions(tools=(Tool(name) for name in "ab"))

    assert options.tools == (Tool("a"), Tool("b"))


@pytest.mark.parametrize(
    ("tools", "error", "message"),
    [
        ([Tool("a"), Tool("a")], ToolDefinitionError, "Two tools are named 'a'"),
        ([test_tools_may_come_from_any_iterable], TypeError, "is not a tool"),
        (Tool("a"), TypeError, "tools must be Iterable, not Tool"),
        (None, TypeError, "tools must be Iterable"),
    ],
)
def test_tools_that_do_not_fit_are_refused(
    tools: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SessionOptions(tools=tools)


@pytest.mark.parametrize(
    "handler",
    [allow_all, Judge(), Judge().decide, functools.partial(Judge().decide, extra=1)],
)
def test_a_permission_handler_is_anything_async(handler: Any) -> None:
    assert SessionOptions(on_permission_request=handler).on_permission_request


@pytest.mark.parametrize("handler", [Judge().not_async, True, "allow", Allow()])
def test_a_permission_handler_that_is_not_async_is_refused(handler: Any) -> None:
    with pytest.raises(TypeError, match="on_permission_request must be an async"):
        SessionOptions(on_permission_request=handler)


# -- the system message


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("Be brief.", {"mode": "append", "content": "Be brief."}),
        (
            {"content": "Be brief.", "mode": "replace"},
            {"mode": "replace", "content": "Be brief."},
        ),
        (
            SystemMessage(content="Be brief."),
            {"mode": "append", "content": "Be brief."},
        ),
    ],
)
def test_a_system_message_is_text_a_mapping_or_itself(
    given: Any, wire: dict[str, Any]
) -> None:
    assert wire_of(system_message=given)["systemMessage"] == wire


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (7, TypeError, "system_message must be"),
        (["Be brief."], TypeError, "system_message must be"),
        ({"text": "Be brief."}, TypeError, "'text'"),
        (
            {"content": "Be brief.", "mode": "prepend"},
            ValueError,
            "mode must be one of",
        ),
    ],
)
def test_a_system_message_that_does_not_fit_is_refused(
    given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SessionOptions(system_message=given)


# -- the provider


def test_a_provider_goes_to_the_cli_with_what_is_set() -> None:
    provider = Provider(base_url="http://x/v1")

    wire = wire_of(model="m", provider=provider)
    assert wire["provider"] == {"baseUrl": "http://x/v1", "type": "openai"}


def test_every_field_of_a_provider_goes_to_the_cli() -> None:
    provider = {
        "base_url": "http://x/v1",
        "type": "azure",
        "api_key": "key",
        "bearer_token": "token",
        "wire_api": "responses",
        "headers": {"X-Team": "blue"},
    }

    assert wire_of(model="m", provider=provider)["provider"] == {
        "baseUrl": "http://x/v1",
        "type": "azure",
        "apiKey": "key",
        "bearerToken": "token",
        "wireApi": "responses",
        "headers": {"X-Team": "blue"},
    }


def test_the_secrets_of_a_provider_are_not_shown() -> None:
    provider = Provider(
        base_url="http://x/v1",
        api_key="hush-1",
        bearer_token="hush-2",
        headers={"Authorization": "hush-3"},
    )

    assert "hush" not in repr(SessionOptions(model="m", provider=provider))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("http://x/v1", TypeError, "provider must be"),
        ({}, TypeError, "base_url"),
        ({"base_url": ""}, ValueError, "base_url must not be empty"),
        ({"base_url": "http://x", "type": "other"}, ValueError, "type must be one of"),
    ],
)
def test_a_provider_that_does_not_fit_is_refused(
    given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SessionOptions(model="m", provider=given)


@pytest.mark.parametrize("model", [None, ""])
def test_a_provider_needs_the_name_of_a_model(model: str | None) -> None:
    with pytest.raises(ValueError, match="needs model="):
        SessionOptions(model=model, provider=Provider(base_url="http://x/v1"))


# -- options and keywords together


def test_keywords_alone_are_options() -> None:
    assert SessionOptions.of(None, {"model": "m"}) == SessionOptions(model="m")


def test_keywords_go_over_options_and_are_checked_again() -> None:
    options = SessionOptions(model="m", provider=Provider(base_url="http://x/v1"))

    assert SessionOptions.of(options, {}) == options
    assert SessionOptions.of(options, {"name": "n"}) == attrs.evolve(options, name="n")
    assert options.name is None
    with pytest.raises(ValueError, match="needs model="):
        SessionOptions.of(options, {"model": None})


def test_a_type_checker_knows_every_keyword() -> None:
    """A keyword takes what its field converts; `session_id` is a parameter."""
    typed = {
        name: each.__forward_arg__
        for name, each in SessionKeywords.__annotations__.items()
    }
    passed: dict[str, Any] = {
        field.name: next(
            iter(signature(field.converter).parameters.values())
        ).annotation
        if callable(field.converter)
        else field.type
        for field in attrs.fields(SessionOptions)
        if field.name != "session_id"
    }

    assert list(typed.items()) == list(passed.items())
    assert not SessionKeywords.__required_keys__


GROUPS = """
    Session, Model, Tools, Permissions, Questions and hooks, Context, Files, Agents, MCP,
    Limits, Account, Experimental
"""


def test_every_option_is_documented_in_a_group() -> None:
    """The reference is made of these comments and docstrings."""
    source = Path(options_module.__file__).read_text("utf-8")
    (cls,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    documented = [
        field.target.id
        for field, text in pairwise(cls.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
    ]
    marks = re.findall(r"(?m)^    (?:# -- (.+)|(\w+): .* = )", source)
    groups = [group for group, _ in marks if group]

    assert documented == [field.name for field in attrs.fields(SessionOptions)]
    assert documented == [option for _, option in marks if option]
    assert groups == [name.strip() for name in GROUPS.split(",")]
    assert marks[0][0] == groups[0]  # no option stands before it


@pytest.mark.parametrize("options", [None, SessionOptions()])
def test_every_unknown_keyword_is_named(options: SessionOptions | None) -> None:
    with pytest.raises(TypeError, match=r"(?s)no option 'tool'.* no option 'modle'"):
        SessionOptions.of(options, {"tool": [], "modle": "m", "model": "m"})


@pytest.mark.parametrize(
    "thing", ["gpt-5", {"model": "m"}, Provider(base_url="http://x")]
)
def test_options_of_another_type_are_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="options must be SessionOptions, not "):
        SessionOptions.of(thing, {})


@pytest.mark.parametrize(
    ("keywords", "named"),
    [
        ({"available_tools": "bash"}, "available_tools must be a sequence, not str"),
        ({"excluded_tools": [7]}, "an item of excluded_tools must be"),
        ({"custom_agents": {"name": "x"}}, "custom_agents must be a sequence"),
        ({"mcp_servers": ["x"]}, "mcp_servers must be"),
        ({"skill_directories": iter(["x"])}, "skill_directories must be a sequence"),
        ({"model": 7}, "model must be"),
        ({"streaming": "yes"}, "streaming must be"),
        ({"working_directory": 7}, "working_directory must be"),
        ({"enable_config_discovery": 1}, "enable_config_discovery must be"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(
    keywords: dict[str, Any], named: str
) -> None:
    with pytest.raises(TypeError, match=named):
        SessionOptions(**keywords)


async def answer(_: Any) -> Any:
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"on_user_input": answer}, "requestUserInput"),
        ({"on_elicitation": answer}, "requestElicitation"),
        ({"hooks": Hooks(pre_tool_use=answer)}, "hooks"),
        ({"hooks": {"pre_tool_use": answer}}, "hooks"),
    ],
)
def test_the_cli_learns_which_requests_have_a_handler(
    options: dict[str, Any], flag: str
) -> None:
    assert wire_of(**options)[flag] is True
    assert not wire_of().get(flag)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"on_user_input": print}, "on_user_input must be an async function"),
        ({"on_elicitation": 7}, "on_elicitation must be an async function"),
        ({"hooks": answer}, "hooks must be"),
        ({"hooks": {"pre_tool": answer}}, "pre_tool"),
        ({"hooks": {"pre_tool_use": print}}, "pre_tool_use must be an async function"),
        ({"hooks": {"fails_open": "yes"}}, "fails_open must be"),
    ],
)
def test_handlers_that_do_not_fit_are_refused(
    options: dict[str, Any], named: str
) -> None:
    with pytest.raises(TypeError, match=named):
        SessionOptions(**options)
