"""The options of a session as keywords, for type checkers and editors.

`SessionOptions` documents and checks them; a test compares the two. The types here are
what a caller may pass, before a field converts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._paths import PathLike
    from .._protocol.generated.rpc.handlers import SessionHandlers
    from .._tools.declare import Tool
    from .hooks import Hooks
    from .infinite import InfiniteSessions
    from .modes import AutoModeSwitchHandler, ExitPlanModeHandler
    from .permissions import PermissionHandler
    from .provider import Provider
    from .questions import ElicitationHandler, UserInputHandler
    from .system_message import SystemMessage


class SessionKeywords(TypedDict, total=False):
    """The keywords of `open_session`, `resume_session` and `open_bridge`, for annotations.

    With `def my_session(client: Client, **keywords: Unpack[SessionKeywords])` a type
    checker checks the calls of your function like those of `client.open_session`. It has
    every field of `SessionOptions` except `session_id`, which is a separate parameter.
    """

    # -- Session
    name: str | None
    client_name: str | None
    streaming: bool
    include_sub_agent_streaming_events: bool
    continue_pending_work: bool | None
    extra: Mapping[str, Any] | None

    # -- Model
    model: str | None
    reasoning_effort: str | None
    reasoning_summary: str | None
    context_tier: str | None
    model_capabilities: Mapping[str, Any] | None
    provider: Provider | Mapping[str, Any] | None
    providers: Sequence[Mapping[str, Any]] | None
    models: Sequence[Mapping[str, Any]] | None
    capi: Mapping[str, Any] | None

    # -- Tools
    tools: Iterable[Tool]
    available_tools: Sequence[str] | None
    excluded_tools: Sequence[str] | None
    tool_search: Mapping[str, Any] | None
    large_output: Mapping[str, Any] | None
    image_generation: Mapping[str, Any] | None

    # -- Permissions
    on_permission_request: PermissionHandler | None
    sandbox_config: Mapping[str, Any] | None
    managed_settings: Mapping[str, Any] | None

    # -- Questions and hooks
    on_user_input: UserInputHandler | None
    ask_user_variant: str | None
    on_elicitation: ElicitationHandler | None
    on_exit_plan_mode: ExitPlanModeHandler | None
    on_auto_mode_switch: AutoModeSwitchHandler | None
    hooks: Hooks | Mapping[str, Any] | None
    hook_directories: Sequence[PathLike] | None
    enable_file_hooks: bool | None
    handlers: SessionHandlers | None

    # -- Context
    system_message: SystemMessage | Mapping[str, Any] | str | None
    organization_custom_instructions: str | None
    instruction_directories: Sequence[PathLike] | None
    enable_on_demand_instruction_discovery: bool | None
    skill_directories: Sequence[PathLike] | None
    disabled_skills: Sequence[str] | None
    enable_skills: bool | None
    memory: Mapping[str, Any] | None
    infinite_sessions: InfiniteSessions | Mapping[str, Any] | None
    skip_embedding_retrieval: bool | None
    embedding_cache_storage: str | None
    enable_session_store: bool | None

    # -- Files
    working_directory: PathLike | None
    additional_directories: Sequence[PathLike] | None
    config_dir: PathLike | None
    enable_config_discovery: bool | None
    plugin_directories: Sequence[PathLike] | None
    enable_file_change_tracking: bool | None
    enable_host_git_operations: bool | None

    # -- Agents
    agent: str | None
    custom_agents: Sequence[Mapping[str, Any]] | None
    agent_directories: Sequence[PathLike] | None
    custom_agents_local_only: bool | None
    default_agent: Mapping[str, Any] | None
    excluded_builtin_agents: Sequence[str] | None

    # -- MCP
    mcp_servers: Mapping[str, Mapping[str, Any]] | None
    disabled_mcp_servers: Sequence[str] | None
    github_mcp_tool_config: Mapping[str, Any] | None
    request_mcp_apps: bool | None

    # -- Limits
    session_limits: Mapping[str, Any] | None
    autopilot: Mapping[str, Any] | None

    # -- Account
    cloud: Mapping[str, Any] | None
    enable_managed_settings: bool | None
    excluded_managed_settings: Sequence[str] | None
    enforce_managed_model_defaults: bool | None
    enable_session_telemetry: bool | None
    interactive_user: bool | None

    # -- Experimental
    is_experimental_mode: bool | None
    feature_flags: Mapping[str, bool] | None
    enable_citations: bool | None
    diagnostics: Mapping[str, Any] | None
    canvases: Sequence[Mapping[str, Any]] | None
    canvas_provider: Mapping[str, Any] | None
    request_canvas_renderer: bool | None
    request_extensions: bool | None
    extension_info: Mapping[str, Any] | None
