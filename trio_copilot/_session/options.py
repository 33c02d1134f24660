"""Every option of a session, once: for creating and for resuming.

The CLI ignores what it does not know, a misspelt field included. So options are fields
of a class, checked here, and a mapping is only taken where the CLI defines its inside.

Longer than other modules because every option is documented here. A comment such as
`# -- Model` begins a group, which is a section of the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .._checks import safe_repr, wrong_type
from .._did_you_mean import checks_options
from .._paths import ELSEWHERE, PathLike, PathRule
from .._tools.declare import Tool
from .._tools.run import by_name
from .hooks import Hooks
from .infinite import InfiniteSessions
from .modes import AutoModeSwitchHandler, ExitPlanModeHandler
from .option_fields import (
    PATH,
    flag,
    function,
    mappings_by_name,
    option,
    optional,
    sequence,
    session_handlers,
    to_hooks,
    to_provider,
    to_system_message,
    to_tools,
    tool_names,
)
from .option_paths import PATHS
from .permissions import PermissionHandler
from .provider import Provider
from .questions import ElicitationHandler, UserInputHandler
from .system_message import SystemMessage
from .wire_fields import wire_fields

if TYPE_CHECKING:
    from .._protocol.generated.rpc.handlers import SessionHandlers


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class SessionOptions:
    """The options of `Client.open_session` and `Client.resume_session`.

    The CLI remembers the working directory of a session and nothing else: pass all other
    options again when you resume it. `None` leaves an option to the CLI. On the wire an
    option has its name in camel case, unless its description names another field.

    `provider`, `hooks` and `system_message` also take a mapping with the fields of their
    class. Any other mapping goes to the CLI as it is, so its keys are the CLI's.

    Paths start at this process's directory and home. The `repr` shows which options are
    set, and no value that could be secret.
    """

    __repr__ = safe_repr

    # -- Session

    session_id: str | None = option(str)
    """An id of your choice; `None` makes a new one. Not for resuming, and not with
    `cloud`, where the service chooses it."""
    name: str | None = option(str)
    """A name to show, of at most 100 characters. A session with a name is kept on disk
    from the start, any other from its first prompt. Not for resuming, and not with
    `cloud`."""
    client_name: str | None = option(str)
    """What the CLI calls your program in its requests to GitHub (`User-Agent`)."""
    streaming: bool = flag()
    """Whether answers arrive piece by piece; default: on."""
    include_sub_agent_streaming_events: bool = flag()
    """Whether the answers of sub-agents do, too; default: on. Needs `streaming`."""
    continue_pending_work: bool | None = option(bool)
    """Whether tool calls and permission requests that were pending when the session was
    left can still be answered; default: the CLI gives them up. For resuming only."""
    extra: Mapping[str, Any] | None = option(Mapping)
    """Fields of `session.create` or `session.resume` that have no option here, as they
    are on the wire. They win over the options."""

    # -- Model

    model: str | None = option(str)
    """The model's id, as in `Client.list_models()`; `None` is the CLI's default. Needed
    with `provider`."""
    reasoning_effort: str | None = option(str)
    """How much the model reasons, such as `low`, `medium` or `high`. Which levels there
    are, and which is the default, depends on the model."""
    reasoning_summary: str | None = option(str)
    """How much of its reasoning the model reports: `none`, `concise` or `detailed`. Needs
    a model that supports it."""
    context_tier: str | None = option(str)
    """`long_context` for the larger context window of a model that has two sizes, or
    `default`."""
    model_capabilities: Mapping[str, Any] | None = option(Mapping)
    """Corrects what the CLI assumes about the model, such as `{"supports": {"vision":
    True}, "limits": {"max_prompt_tokens": 32000}}`. Limits are in tokens."""
    provider: Provider | None = attrs.field(
        default=None, converter=to_provider, validator=optional(Provider, Mapping)
    )
    """A model provider of your own; needs `model`. `None` is the one that the CLI's
    environment names (`COPILOT_PROVIDER_BASE_URL` and others, and `COPILOT_MODEL`) if
    this client has started it, else the Copilot service."""
    providers: Sequence[Mapping[str, Any]] | None = sequence(Mapping)
    """Providers beside the Copilot service, such as `[{"name": "mine", "type": "openai",
    "baseUrl": "http://127.0.0.1:11434/v1"}]`; `models` lists what they serve. Not with
    `provider`. Experimental."""
    models: Sequence[Mapping[str, Any]] | None = sequence(Mapping)
    """Models of `providers`: `[{"provider": "mine", "id": "qwen"}]` is the model
    `mine/qwen`. Experimental."""
    capi: Mapping[str, Any] | None = option(Mapping)
    """How the CLI uses the Copilot service: `autoTier` is what the model `auto` prefers,
    `{"enableWebSocketResponses": False}` avoids WebSockets. Needs an account."""

    # -- Tools

    tools: Sequence[Tool] = attrs.field(default=(), converter=to_tools)
    """Your functions that the model can call, made by `@tool`."""
    available_tools: Sequence[str] | None = sequence(str, also=[tool_names])
    """The only tools that the agent has, built-in ones included; `[]` is none. Each is a
    name, or all of one source: `builtin:*`, `mcp:*`, `custom:*` (those in `tools`)."""
    excluded_tools: Sequence[str] | None = sequence(str, also=[tool_names])
    """Tools that the agent does not have, in the same notation. They win over
    `available_tools`."""
    tool_search: Mapping[str, Any] | None = option(Mapping)
    """When the model has to search for tools: with more than `deferThreshold` of them
    (default: 30) it does not see those in `tools` and of MCP servers at once.
    `{"enabled": False}` always shows all of them."""
    large_output: Mapping[str, Any] | None = option(Mapping)
    """Output of a tool beyond `maxSizeBytes` (default: 51200) goes to a file in
    `outputDir`, and the model gets a reference; `{"enabled": False}` passes all on."""
    image_generation: Mapping[str, Any] | None = option(Mapping)
    """`{"enabled": True}` lets the agent make pictures; default: off. `{"watermark":
    True}` labels them. Needs an account, and no `provider`. Experimental."""

    # -- Permissions

    on_permission_request: PermissionHandler | None = function()
    """Decides what the agent may do: gets a `PermissionRequest` and returns `Allow()`,
    `Deny("why")` or `Abstain()`. `None` denies everything except the tools in `tools`,
    and tells the model so. On the wire: `requestPermission`, always true."""
    sandbox_config: Mapping[str, Any] | None = option(Mapping)
    """Confines shell commands, MCP servers and language servers: `{"enabled": True,
    "userPolicy": {"filesystem": {"readonlyPaths": ["/data"]}}}`; default: the CLI's own
    settings."""
    managed_settings: Mapping[str, Any] | None = option(Mapping)
    """Rules that restrict permissions as an organization's do: `{"permissions": {"deny":
    ["Shell(git push *)"]}}`; also `ask`, `allow`, and `limitTo` for hosts."""

    # -- Questions and hooks

    on_user_input: UserInputHandler | None = function()
    """Answers the questions that the agent asks with its tool `ask_user`: gets a
    `UserInputRequest` and returns text. `None`: the agent has no such tool. On the wire:
    `requestUserInput`."""
    ask_user_variant: str | None = option(str)
    """How `ask_user` asks: `legacy`, the default, by `on_user_input`; `elicitation` with a
    form, by `on_elicitation`."""
    on_elicitation: ElicitationHandler | None = function()
    """Fills in forms: gets an `ElicitationRequest` and returns a mapping, or `None` to
    decline. `None`: the session announces that it takes no forms. On the wire:
    `requestElicitation`."""
    on_exit_plan_mode: ExitPlanModeHandler | None = function()
    """Decides on plans: gets an `ExitPlanModeRequest` and returns one of its actions, or
    `Deny("what to change")`. `None`: every plan is carried out as the CLI recommends. On
    the wire: `requestExitPlanMode`."""
    on_auto_mode_switch: AutoModeSwitchHandler | None = function()
    """Decides whether the CLI may choose another model when this one is rate limited:
    gets an `AutoModeSwitchRequest` and returns `"yes"`, `"yes_always"` or `"no"`. On the
    wire: `requestAutoModeSwitch`."""
    hooks: Hooks | None = attrs.field(
        default=None, converter=to_hooks, validator=optional(Hooks, Mapping)
    )
    """Your functions that the CLI calls at fixed points of its work."""
    hook_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Directories with hooks in files. They are read whatever `enable_file_hooks` and
    `enable_config_discovery` are."""
    enable_file_hooks: bool | None = option(bool)
    """Whether hooks in the repository (``.github/hooks``) run. They run without asking for
    permission: only for repositories that you trust."""
    handlers: SessionHandlers | None = session_handlers()
    """A `trio_copilot.rpc.SessionHandlers`: what else answers requests of the CLI, such
    as a canvas, skills or a file system. Its skills are `hasSkillProvider` on the
    wire."""

    # -- Context

    system_message: SystemMessage | None = attrs.field(
        default=None,
        converter=to_system_message,
        validator=optional(SystemMessage, Mapping, str),
    )
    """Changes the system prompt; a string is appended to it."""
    organization_custom_instructions: str | None = option(str)
    """Text that the system prompt presents as instructions of the organization."""
    instruction_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Directories with instruction files, besides those that the CLI finds by itself."""
    enable_on_demand_instruction_discovery: bool | None = option(bool)
    """Whether the CLI picks up instruction files (`AGENTS.md` and the like) that are near
    a file which the agent views."""
    skill_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Directories with skills: a folder with a `SKILL.md` for each."""
    disabled_skills: Sequence[str] | None = sequence(str)
    """Names of skills that are not loaded."""
    enable_skills: bool | None = option(bool)
    """Whether skills are loaded at all. `None`: if there are `skill_directories` or a
    handler of skills; otherwise it depends on `enable_config_discovery`."""
    memory: Mapping[str, Any] | None = option(Mapping)
    """Whether the agent may remember facts: `{"enabled": True}`. With `mode` they go into
    the `system-prompt`, the default, or the `user-prompt`."""
    infinite_sessions: InfiniteSessions | Mapping[str, Any] | None = option(
        InfiniteSessions, Mapping
    )
    """When the CLI summarises the beginning of a long conversation, to make room; the
    default is `InfiniteSessions()`."""
    skip_embedding_retrieval: bool | None = option(bool)
    """Whether the CLI does without retrieval by embeddings; default: no. Set it if sessions
    of different people share a CLI: they share its cache."""
    embedding_cache_storage: str | None = option(str)
    """Where that cache is: `persistent` on disk, for all sessions, or `in-memory`, for
    this one."""
    enable_session_store: bool | None = option(bool)
    """Whether the conversation is written to the store of all sessions, and the agent can
    search that."""

    # -- Files

    working_directory: PathLike | None = option(*PATH)
    """Where the agent works. `None`: where it worked before, in a resumed session;
    otherwise in the `cwd=` of the client, or where the CLI was started."""
    additional_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Where it may read and write, too. With `enable_config_discovery` the skills and
    agents in them are loaded: only directories that you trust."""
    config_dir: PathLike | None = option(*PATH)
    """Where the CLI keeps its settings and sessions; default: `home=` of the client. It
    need not exist."""
    enable_config_discovery: bool | None = option(bool)
    """Whether the CLI looks for configuration in the working directory: MCP servers,
    skills, agents; default: no. What you pass wins."""
    plugin_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Directories of plugins to load, whatever `enable_config_discovery` is."""
    enable_file_change_tracking: bool | None = option(bool)
    """Whether the changes that the agent makes to files are recorded, so that
    `session.rpc.history.rewind` can undo them; default: no. Has to be on from the first
    prompt."""
    enable_host_git_operations: bool | None = option(bool)
    """Whether the CLI asks git about the working directory, and tells the model of its
    branch, status and commits."""

    # -- Agents

    agent: str | None = option(str)
    """The name of the custom agent that begins; `None` is the CLI's own."""
    custom_agents: Sequence[Mapping[str, Any]] | None = sequence(Mapping)
    """Agents that the main one can call: mappings with `name` and `prompt`, and perhaps
    `description`, `displayName`, `tools`, `mcpServers`, `skills`, `model`, or `infer`,
    false if only you choose it."""
    agent_directories: Sequence[PathLike] | None = sequence(*PATH)
    """Directories with custom agents in files."""
    custom_agents_local_only: bool | None = option(bool)
    """Whether custom agents run on this machine only, never on remote workers; default:
    no."""
    default_agent: Mapping[str, Any] | None = option(Mapping)
    """`{"excludedTools": ["bash"]}`: tools that the CLI's own agent does not have, and
    custom agents may have."""
    excluded_builtin_agents: Sequence[str] | None = sequence(str)
    """Names of the CLI's own sub-agents that cannot be called."""

    # -- MCP

    mcp_servers: Mapping[str, Mapping[str, Any]] | None = mappings_by_name()
    """MCP servers by name: `{"command": "serve", "args": [], "env": {}, "cwd": "."}`
    starts one, `{"type": "http", "url": "https://...", "headers": {}}` connects to one.
    `tools` are those that the agent gets (default: all), `timeout` bounds a call, in
    milliseconds."""
    disabled_mcp_servers: Sequence[str] | None = sequence(str)
    """Names of servers that are not started, such as those that the CLI finds itself."""
    github_mcp_tool_config: Mapping[str, Any] | None = option(Mapping)
    """What the built-in GitHub server offers: `enableAllTools`, `additionalToolsets`,
    `additionalTools`, `enableInsidersMode`. Needs an account."""
    request_mcp_apps: bool | None = option(bool)
    """Whether MCP servers may offer user interfaces (MCP Apps), for your program to show;
    default: no. Needs `COPILOT_MCP_APPS=true` in the CLI's environment. Experimental."""

    # -- Limits

    session_limits: Mapping[str, Any] | None = option(Mapping)
    """`{"maxAiCredits": 30}`: how many AI credits the session may use, at least 30;
    default: no limit. Experimental."""
    autopilot: Mapping[str, Any] | None = option(Mapping)
    """How often the CLI continues by itself in autopilot mode: `{"continuationEnabled":
    True, "maxContinues": 5}` is the default. It does not change the mode.
    Experimental."""

    # -- Account

    cloud: Mapping[str, Any] | None = option(Mapping)
    """Where in the cloud the session runs, such as `{"repository": {"owner": "me", "name":
    "mine"}}`. Needs an account. CLI 1.0.102 takes no tools, handlers or hooks with it."""
    enable_managed_settings: bool | None = option(bool)
    """Whether the CLI fetches and enforces the policy of the account's organization;
    default: no. Needs an account."""
    excluded_managed_settings: Sequence[str] | None = sequence(str)
    """Settings of that policy that do not apply, as paths with dots."""
    enforce_managed_model_defaults: bool | None = option(bool)
    """Whether a change of the model against that policy is an error; default: no."""
    enable_session_telemetry: bool | None = option(bool)
    """Whether the CLI reports usage to GitHub; default: yes with an account, and never
    with `provider`. It has nothing to do with OpenTelemetry."""
    interactive_user: bool | None = option(bool)
    """Whether a person writes the prompts, which the CLI may then analyse for its
    telemetry; default: no."""

    # -- Experimental

    is_experimental_mode: bool | None = option(bool)
    """Whether the CLI's experimental features are on; `None`: as in its settings."""
    feature_flags: Mapping[str, bool] | None = option(Mapping)
    """Features of the CLI that are switched on or off, by name."""
    enable_citations: bool | None = option(bool)
    """Whether answers cite their sources, in `assistant.message`; default: no. Needs a
    model that supports it."""
    diagnostics: Mapping[str, Any] | None = option(Mapping)
    """`{"sources": {"mcp": {"level": "debug"}}}` records what MCP servers do, for
    `session.rpc.diagnostics`; default: `off`. May record secrets."""
    canvases: Sequence[Mapping[str, Any]] | None = sequence(Mapping)
    """Panels that the agent can open and your program shows: mappings with `id`,
    `displayName` and `description`. Needs `handlers` with a `canvas`."""
    canvas_provider: Mapping[str, Any] | None = option(Mapping)
    """`{"id": "mine"}`: the CLI recognises your canvases by it after a reconnection."""
    request_canvas_renderer: bool | None = option(bool)
    """Whether the agent gets tools for canvases, because this client can show them;
    default: no."""
    request_extensions: bool | None = option(bool)
    """Whether the agent gets tools for the CLI's extensions; default: no."""
    extension_info: Mapping[str, Any] | None = option(Mapping)
    """`{"source": "me", "name": "mine"}`: the extension that your canvases belong to."""

    def __attrs_post_init__(self) -> None:
        by_name(tuple(self.tools))
        if self.cloud is not None and self.session_id is not None:
            raise ValueError(
                "cloud= and session_id= exclude each other: the cloud names it"
            )
        if self.provider is not None and not self.model:
            raise ValueError(
                "A session with its own provider needs model=..., the provider's name "
                "for the model (or COPILOT_MODEL in the environment of the CLI)"
            )

    @classmethod
    def of(
        cls, options: SessionOptions | None, keywords: Mapping[str, Any]
    ) -> SessionOptions:
        """Return `options` with the keywords put over them.

        Raises:
          TypeError: an option does not exist, or has the wrong type.
          ValueError: the options do not go together.
        """
        if options is None:
            return cls(**keywords)
        if not isinstance(options, SessionOptions):  # pyright: ignore[reportUnnecessaryIsInstance]  # what users pass
            raise wrong_type("options", "SessionOptions", options)
        return attrs.evolve(options, **keywords)

    def filled_from(self, environment: Mapping[str, str]) -> SessionOptions:
        """Return the options with the provider that the CLI's environment names.

        Raises:
          ValueError: it names a provider, and nothing names a model.
        """
        if self.provider is not None or self.providers or self.models or self.cloud:
            return self  # the CLI refuses a provider beside any of these
        provider = Provider.from_environment(environment)
        if provider is None:
            return self
        model = self.model or environment.get("COPILOT_MODEL")
        return attrs.evolve(self, provider=provider, model=model)

    def paths(self, of_cli: PathRule) -> PathRule:
        """Return what a path means in this session, on a CLI with that rule."""
        # Then the agent's files are what that handler returns.
        is_virtual = getattr(self.handlers, "session_fs", None) is not None
        return ELSEWHERE if is_virtual else of_cli

    def located(self, paths: PathRule) -> SessionOptions:
        """Return the options with every path as the CLI gets it.

        Raises:
          ValueError: a path means nothing there, or a directory does not exist.
        """
        return attrs.evolve(
            self,
            **{
                name: locate(paths, value, name)
                for name, locate in PATHS.items()
                if (value := getattr(self, name)) is not None
            },
        )

    def tools_to_wire(self, tools: Iterable[Tool]) -> list[dict[str, Any]]:
        """Return the declarations of tools in a session with these options."""
        asks = self.on_permission_request is not None
        return [tool.to_wire(ask_permission=asks) for tool in tools]

    def to_wire(self, session_id: str | None) -> dict[str, Any]:
        """Return the parameters of `session.create` and `session.resume`.

        Args:
          session_id: `None` lets the CLI choose one.
        """
        wire = {
            **wire_fields(attrs.asdict(self, filter=_is_plain, recurse=False)),
            # Variables of MCP servers are values, not names of the CLI's own variables.
            "envValueMode": "direct",
            # A tool that is in both lists is not available.
            "toolFilterPrecedence": "excluded",
            # Without this flag the CLI denies by itself, without a reason for the model.
            "requestPermission": True,
            "requestElicitation": self.on_elicitation is not None,
            "requestExitPlanMode": self.on_exit_plan_mode is not None,
            "requestAutoModeSwitch": self.on_auto_mode_switch is not None,
            "tools": self.tools_to_wire(self.tools),
        }
        if session_id is not None:
            wire["sessionId"] = session_id
        if self.on_user_input is not None:
            wire["requestUserInput"] = True
        if self.hooks is not None:
            wire["hooks"] = True
        if self.system_message is not None:
            wire["systemMessage"] = self.system_message.to_wire()
        if isinstance(self.infinite_sessions, InfiniteSessions):
            wire["infiniteSessions"] = self.infinite_sessions.to_wire()
        if self.provider is not None:
            wire["provider"] = self.provider.to_wire()
            if getattr(self.handlers, "provider_token", None) is not None:
                wire["provider"]["hasBearerTokenProvider"] = True
        if getattr(self.handlers, "skill_provider", None) is not None:
            wire["hasSkillProvider"] = True
        if self.cloud is not None:
            self._leave_to_the_cloud(wire)
        return {**wire, **(self.extra or {})}

    def _leave_to_the_cloud(self, wire: dict[str, Any]) -> None:
        """Remove what the user has not asked for: with it the CLI finds no such method."""
        if self.include_sub_agent_streaming_events:
            del wire["includeSubAgentStreamingEvents"]
        if self.on_permission_request is None:
            del wire["requestPermission"]
        if not self.tools:
            del wire["tools"]


_NOT_PLAIN = frozenset(
    ["session_id", "tools", "hooks", "handlers", "system_message", "provider", "extra"]
)


def _is_plain(field: attrs.Attribute[Any], _: object) -> bool:
    """Whether a field goes to the CLI as it is."""
    return field.name not in _NOT_PLAIN and not field.name.startswith("on_")
