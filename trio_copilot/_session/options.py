"""Every option of a session, once: for creating and for resuming.

The CLI ignores what it does not know, a misspelt field included. So options are fields
of a class, checked here, and a mapping is only taken where the CLI defines its inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import attrs
from attrs import validators

from .._checks import check_type, of_type, set_fields, wrong_type
from .._did_you_mean import checks_options
from .._names import camel
from .._paths import ELSEWHERE, PathLike, PathRule
from .._protocol.roots import check_handlers
from .._tools.declare import Tool, is_async
from .._tools.run import by_name
from .hooks import Hooks
from .infinite import InfiniteSessions
from .modes import AutoModeSwitchHandler, ExitPlanModeHandler
from .permissions import PermissionHandler
from .provider import Provider
from .questions import ElicitationHandler, UserInputHandler
from .system_message import SystemMessage

if TYPE_CHECKING:
    from .._protocol.generated.rpc.handlers import SessionHandlers


def _tools(value: Iterable[Tool]) -> tuple[Tool, ...]:
    check_type("tools", value, Iterable)
    return tuple(value)


def _provider(value: Provider | Mapping[str, Any] | None) -> Provider | None:
    return Provider(**value) if isinstance(value, Mapping) else value


def _hooks(value: Hooks | Mapping[str, Any] | None) -> Hooks | None:
    return Hooks(**value) if isinstance(value, Mapping) else value


def _system_message(
    value: SystemMessage | Mapping[str, Any] | str | None,
) -> SystemMessage | None:
    if isinstance(value, str):
        return SystemMessage(content=value)
    return SystemMessage(**value) if isinstance(value, Mapping) else value


def _is_async(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not is_async(value):
        raise wrong_type(attribute.name, "an async function", value)


def _session_handlers(_: object, __: attrs.Attribute[Any], value: object) -> None:
    check_handlers(value, "SessionHandlers")


def _option(*kinds: type) -> Any:
    """A field that may be left out, and otherwise is of that kind."""
    return attrs.field(default=None, validator=validators.optional(of_type(*kinds)))


def _options(*kinds: type, also: Sequence[Any] = ()) -> Any:
    """A field that may be left out, and otherwise is a sequence of that kind."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            raise wrong_type(attribute.name, "a sequence", cast("object", value))
        for item in cast("list[Any]", value):
            check_type(f"what is in {attribute.name}", item, *kinds)

    return attrs.field(default=None, validator=[check, *also])


def _named_mappings() -> Any:
    """A field that may be left out, and otherwise has a mapping for each name."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        check_type(attribute.name, value, Mapping)
        for item in cast("Mapping[str, Any]", value).values():
            check_type(f"what is in {attribute.name}", item, Mapping)

    return attrs.field(default=None, validator=check)


_ALL_OF_A_SOURCE = ("builtin:*", "mcp:*", "custom:*")


def _tool_names(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check the names of tools: another asterisk than these is the name of none."""
    for name in value or ():
        if "*" in name and name not in _ALL_OF_A_SOURCE:
            raise ValueError(
                f"{attribute.name}: no tool is called {name!r}, and the CLI has no such "
                f"pattern. It has {', '.join(_ALL_OF_A_SOURCE)}; without available_tools "
                "the agent has all tools."
            )


_PATH = (str, os.PathLike)


@checks_options
@attrs.frozen(kw_only=True, repr=False)
class SessionOptions:
    """The options of `Client.open_session` and `Client.resume_session`.

    A resumed session remembers its working directory and nothing else: pass everything
    again. Paths start at this process's directory and home.

    Its `repr` says what is set, and shows no value that could be secret.
    """

    __repr__ = set_fields

    model: str | None = _option(str)
    """The model's id; `None` is the CLI's default."""
    session_id: str | None = _option(str)
    """An id of your choice; `None` makes a new one. Not for resuming, and not for
    `cloud`, which makes one itself."""
    name: str | None = _option(str)
    """A name to show; gives the session a place on disk from the start."""
    tools: Sequence[Tool] = attrs.field(default=(), converter=_tools)
    """Functions of yours that the model can call, made by `@tool`."""
    on_permission_request: PermissionHandler | None = attrs.field(
        default=None, validator=_is_async
    )
    """Decides what the agent may do. `None` denies everything but the tools passed
    here, and tells the model so."""
    on_user_input: UserInputHandler | None = attrs.field(
        default=None, validator=_is_async
    )
    """Answers the questions that the agent asks with its tool `ask_user`: gets a
    `UserInputRequest` and returns text. `None`: the agent has no such tool."""
    on_elicitation: ElicitationHandler | None = attrs.field(
        default=None, validator=_is_async
    )
    """Fills in forms: gets an `ElicitationRequest` and returns a mapping, or `None` to
    decline. `None`: whoever would ask is told that nobody can."""
    on_exit_plan_mode: ExitPlanModeHandler | None = attrs.field(
        default=None, validator=_is_async
    )
    """Decides on plans: gets an `ExitPlanModeRequest` and returns one of its actions, or
    `Deny("what to change")`. `None`: every plan is carried out as the CLI recommends."""
    on_auto_mode_switch: AutoModeSwitchHandler | None = attrs.field(
        default=None, validator=_is_async
    )
    """Decides when the model is rate limited: gets an `AutoModeSwitchRequest`."""
    hooks: Hooks | None = attrs.field(
        default=None,
        converter=_hooks,
        validator=validators.optional(of_type(Hooks, Mapping)),
    )
    """Functions that the CLI calls at fixed points of its work."""
    handlers: SessionHandlers | None = attrs.field(
        default=None, validator=_session_handlers
    )
    """A `trio_copilot.rpc.SessionHandlers`: what else answers requests of the CLI, such
    as a canvas, skills or a file system of yours."""
    streaming: bool = attrs.field(default=True, validator=of_type(bool))
    """Whether answers arrive piece by piece."""
    include_sub_agent_streaming_events: bool = attrs.field(
        default=True, validator=of_type(bool)
    )
    """Whether the answers of sub-agents do, too."""
    system_message: SystemMessage | None = attrs.field(
        default=None,
        converter=_system_message,
        validator=validators.optional(of_type(SystemMessage, Mapping, str)),
    )
    """A string is appended to the system prompt."""
    provider: Provider | None = attrs.field(
        default=None,
        converter=_provider,
        validator=validators.optional(of_type(Provider, Mapping)),
    )
    """A model provider of your own; needs `model`. `None` is the one that the CLI's
    environment names (`COPILOT_PROVIDER_BASE_URL` and others, and `COPILOT_MODEL`) if
    this client has started it, else the Copilot service."""
    working_directory: PathLike | None = _option(*_PATH)
    """Where the agent works. `None`: where it has worked, if the session is resumed;
    else in the `cwd=` of the client, or where the CLI was started."""
    additional_directories: Sequence[PathLike] | None = _options(*_PATH)
    """Where it may read and write, too."""
    available_tools: Sequence[str] | None = _options(str, also=[_tool_names])
    """The only tools that the agent has, built-in ones included; `[]` is none. Each is a
    name, or all of one source: `builtin:*`, `mcp:*`, `custom:*` (those passed here)."""
    excluded_tools: Sequence[str] | None = _options(str, also=[_tool_names])
    """Tools that the agent does not have, named likewise."""
    reasoning_effort: str | None = _option(str)
    reasoning_summary: str | None = _option(str)
    client_name: str | None = _option(str)
    agent: str | None = _option(str)
    custom_agents: Sequence[Mapping[str, Any]] | None = _options(Mapping)
    mcp_servers: Mapping[str, Mapping[str, Any]] | None = _named_mappings()
    disabled_mcp_servers: Sequence[str] | None = _options(str)
    skill_directories: Sequence[PathLike] | None = _options(*_PATH)
    disabled_skills: Sequence[str] | None = _options(str)
    instruction_directories: Sequence[PathLike] | None = _options(*_PATH)
    config_dir: PathLike | None = _option(*_PATH)
    infinite_sessions: InfiniteSessions | Mapping[str, Any] | None = _option(
        InfiniteSessions, Mapping
    )
    enable_config_discovery: bool | None = _option(bool)
    skip_embedding_retrieval: bool | None = _option(bool)
    context_tier: str | None = _option(str)
    tool_search: Mapping[str, Any] | None = _option(Mapping)
    image_generation: Mapping[str, Any] | None = _option(Mapping)
    ask_user_variant: str | None = _option(str)
    capi: Mapping[str, Any] | None = _option(Mapping)
    providers: Sequence[Mapping[str, Any]] | None = _options(Mapping)
    models: Sequence[Mapping[str, Any]] | None = _options(Mapping)
    model_capabilities: Mapping[str, Any] | None = _option(Mapping)
    session_limits: Mapping[str, Any] | None = _option(Mapping)
    autopilot: Mapping[str, Any] | None = _option(Mapping)
    large_output: Mapping[str, Any] | None = _option(Mapping)
    memory: Mapping[str, Any] | None = _option(Mapping)
    sandbox_config: Mapping[str, Any] | None = _option(Mapping)
    diagnostics: Mapping[str, Any] | None = _option(Mapping)
    default_agent: Mapping[str, Any] | None = _option(Mapping)
    custom_agents_local_only: bool | None = _option(bool)
    excluded_builtin_agents: Sequence[str] | None = _options(str)
    agent_directories: Sequence[PathLike] | None = _options(*_PATH)
    hook_directories: Sequence[PathLike] | None = _options(*_PATH)
    plugin_directories: Sequence[PathLike] | None = _options(*_PATH)
    enable_skills: bool | None = _option(bool)
    enable_citations: bool | None = _option(bool)
    enable_file_change_tracking: bool | None = _option(bool)
    enable_file_hooks: bool | None = _option(bool)
    enable_host_git_operations: bool | None = _option(bool)
    enable_on_demand_instruction_discovery: bool | None = _option(bool)
    enable_session_store: bool | None = _option(bool)
    enable_session_telemetry: bool | None = _option(bool)
    embedding_cache_storage: str | None = _option(str)
    organization_custom_instructions: str | None = _option(str)
    is_experimental_mode: bool | None = _option(bool)
    interactive_user: bool | None = _option(bool)
    feature_flags: Mapping[str, bool] | None = _option(Mapping)
    managed_settings: Mapping[str, Any] | None = _option(Mapping)
    enable_managed_settings: bool | None = _option(bool)
    excluded_managed_settings: Sequence[str] | None = _options(str)
    enforce_managed_model_defaults: bool | None = _option(bool)
    github_mcp_tool_config: Mapping[str, Any] | None = _option(Mapping)
    request_mcp_apps: bool | None = _option(bool)
    canvases: Sequence[Mapping[str, Any]] | None = _options(Mapping)
    canvas_provider: Mapping[str, Any] | None = _option(Mapping)
    request_canvas_renderer: bool | None = _option(bool)
    request_extensions: bool | None = _option(bool)
    extension_info: Mapping[str, Any] | None = _option(Mapping)
    cloud: Mapping[str, Any] | None = _option(Mapping)
    """Where in the cloud the session runs, such as `{"repository": {"owner": "me", "name":
    "mine"}}`; needs a login. CLI 1.0.102 takes no tools, handlers or hooks with it."""
    continue_pending_work: bool | None = _option(bool)
    """More options, each as the CLI knows it; `None` leaves its default."""
    extra: Mapping[str, Any] | None = _option(Mapping)
    """Fields of `session.create` that have no option here, as they are on the wire."""

    def __attrs_post_init__(self) -> None:
        by_name(tuple(self.tools))
        if self.cloud is not None and self.session_id is not None:
            raise ValueError(
                "cloud= and session_id= exclude each other: the cloud names it"
            )
        if self.provider is not None and not self.model:
            raise ValueError(
                "A session with a provider of its own needs model=... (or COPILOT_MODEL in "
                "the environment of the CLI): the name that "
                "the provider gives to the model"
            )

    @classmethod
    def of(
        cls, options: SessionOptions | None, keywords: Mapping[str, Any]
    ) -> SessionOptions:
        """Return `options` with the keywords put over them.

        Raises:
          TypeError: there is no such option, or it has the wrong type.
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
          ValueError: it names a provider, and nobody names a model.
        """
        if self.provider is not None or self.providers or self.models or self.cloud:
            return self  # the CLI refuses both
        provider = Provider.from_environment(environment)
        if provider is None:
            return self
        model = self.model or environment.get("COPILOT_MODEL")
        return attrs.evolve(self, provider=provider, model=model)

    def paths(self, of_cli: PathRule) -> PathRule:
        """Return what a path means in this session, on a CLI with that rule."""
        made_up = getattr(self.handlers, "session_fs", None) is not None
        return ELSEWHERE if made_up else of_cli

    def located(self, paths: PathRule) -> SessionOptions:
        """Return the options with every path as the CLI gets it.

        Raises:
          ValueError: a path means nothing there, or a directory does not exist.
        """
        places: dict[str, Any] = {}
        for name, located in _PATHS.items():
            value = getattr(self, name)
            if value is not None:
                places[name] = located(paths, value, name)
        return attrs.evolve(self, **places)

    def tools_to_wire(self, tools: Iterable[Tool]) -> list[dict[str, Any]]:
        """Return the declarations of tools in a session with these options."""
        asks = self.on_permission_request is not None
        return [tool.to_wire(ask_permission=asks) for tool in tools]

    def to_wire(self, session_id: str | None) -> dict[str, Any]:
        """Return the parameters of `session.create` and `session.resume`.

        Args:
          session_id: `None`: the CLI gives it one.
        """
        plain = attrs.asdict(self, recurse=False)
        for special in _NOT_PLAIN:
            del plain[special]
        wire = _camel_cased(plain)
        wire.pop("sessionId", None)
        if session_id is not None:
            wire["sessionId"] = session_id
        wire["envValueMode"] = "direct"
        wire["toolFilterPrecedence"] = "excluded"
        # Without this flag the CLI denies by itself and cannot say why.
        wire["requestPermission"] = True
        wire["requestElicitation"] = self.on_elicitation is not None
        wire["requestExitPlanMode"] = self.on_exit_plan_mode is not None
        wire["requestAutoModeSwitch"] = self.on_auto_mode_switch is not None
        wire["tools"] = self.tools_to_wire(self.tools)
        if self.on_user_input is not None:
            wire["requestUserInput"] = True
        if self.hooks is not None:
            wire["hooks"] = True
        if self.system_message is not None:
            wire["systemMessage"] = self.system_message.to_wire()
        if self.provider is not None:
            wire["provider"] = _camel_cased(attrs.asdict(self.provider, recurse=False))
            if getattr(self.handlers, "provider_token", None) is not None:
                wire["provider"]["hasBearerTokenProvider"] = True
        if getattr(self.handlers, "skill_provider", None) is not None:
            wire["hasSkillProvider"] = True
        if self.cloud is not None:
            _leave_to_the_cloud(wire, asks=self.on_permission_request is not None)
        return {**wire, **(self.extra or {})}


def _leave_to_the_cloud(wire: dict[str, Any], *, asks: bool) -> None:
    """Take out what nobody has asked for: with it the CLI knows no such session."""
    if wire["includeSubAgentStreamingEvents"]:
        del wire["includeSubAgentStreamingEvents"]
    if not asks:
        del wire["requestPermission"]
    if not wire["tools"]:
        del wire["tools"]


_NOT_PLAIN = (
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
)


Located: TypeAlias = Callable[[PathRule, Any, str], Any]
"""Returns a value with the paths that are in it as the CLI gets them."""


def _each(located: Located) -> Located:
    """Do that with each item of a sequence."""
    return lambda paths, values, name: [located(paths, v, name) for v in values]


def _values(located: Located) -> Located:
    """Do that with each value of a mapping."""
    return lambda paths, values, name: {
        key: located(paths, value, f"{name}[{key!r}]") for key, value in values.items()
    }


def _within(field: str, located: Located) -> Located:
    """Do that with one field of a mapping, if it is there."""

    def whole(paths: PathRule, value: Mapping[str, Any], name: str) -> Any:
        if value.get(field) is None:
            return value
        return {**value, field: located(paths, value[field], f"{name}[{field!r}]")}

    return whole


def _sandbox(paths: PathRule, value: Mapping[str, Any], name: str) -> Any:
    for field in ("readwritePaths", "readonlyPaths", "deniedPaths"):
        policy = _within(field, _each(PathRule.absolute))
        inside = _within("userPolicy", _within("filesystem", policy))
        value = inside(paths, value, name)
    return value


_DIRECTORIES = _each(PathRule.directory)
_SERVERS = _values(_within("cwd", PathRule.directory))

_PATHS: dict[str, Located] = {
    "working_directory": PathRule.directory,
    "additional_directories": _DIRECTORIES,
    "skill_directories": _DIRECTORIES,
    "instruction_directories": _DIRECTORIES,
    "agent_directories": _DIRECTORIES,
    "hook_directories": _DIRECTORIES,
    "plugin_directories": _DIRECTORIES,
    "config_dir": PathRule.absolute,  # the CLI makes it, and the next
    "large_output": _within("outputDir", PathRule.absolute),
    "mcp_servers": _SERVERS,
    "custom_agents": _each(_within("mcpServers", _SERVERS)),
    "sandbox_config": _sandbox,
}
"""The options with paths in them."""


def _camel_cased(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is set, under the names of the wire."""
    wire: dict[str, Any] = {}
    for name, value in fields.items():
        if value is not None:
            wire[camel(name)] = _plain(value)
    return wire


def _plain(value: Any) -> Any:
    if isinstance(value, InfiniteSessions):
        return _camel_cased(attrs.asdict(value))
    if isinstance(value, os.PathLike):
        return os.fspath(cast("os.PathLike[str]", value))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value
