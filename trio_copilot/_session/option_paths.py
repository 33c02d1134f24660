"""Which options have paths in them, and how each of them reaches the CLI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._paths import PathRule

Located: TypeAlias = Callable[[PathRule, Any, str], Any]
"""Returns the value of an option, given with its name, with the paths in it located."""


def _each(located: Located) -> Located:
    """Locate each item of a sequence."""
    return lambda paths, values, name: [located(paths, v, name) for v in values]


def _within(field: str, located: Located) -> Located:
    """Locate one field of a mapping, if it is there."""

    def whole(paths: PathRule, value: Mapping[str, Any], name: str) -> Any:
        if value.get(field) is None:
            return value
        return {**value, field: located(paths, value[field], f"{name}[{field!r}]")}

    return whole


def _servers(paths: PathRule, servers: Mapping[str, Any], name: str) -> Any:
    """Locate the working directory of each MCP server."""
    located = _within("cwd", PathRule.directory)
    return {
        server: located(paths, config, f"{name}[{server!r}]")
        for server, config in servers.items()
    }


def _sandbox(paths: PathRule, config: Mapping[str, Any], name: str) -> Any:
    """Locate the files that a sandbox opens or closes."""
    for field in ("readwritePaths", "readonlyPaths", "deniedPaths"):
        policy = _within(field, _each(PathRule.absolute))
        located = _within("userPolicy", _within("filesystem", policy))
        config = located(paths, config, name)
    return config


_DIRECTORIES = _each(PathRule.directory)

PATHS: dict[str, Located] = {
    "working_directory": PathRule.directory,
    "additional_directories": _DIRECTORIES,
    "skill_directories": _DIRECTORIES,
    "instruction_directories": _DIRECTORIES,
    "agent_directories": _DIRECTORIES,
    "hook_directories": _DIRECTORIES,
    "plugin_directories": _DIRECTORIES,
    # The CLI makes these two.
    "config_dir": PathRule.absolute,
    "large_output": _within("outputDir", PathRule.absolute),
    "mcp_servers": _servers,
    "custom_agents": _each(_within("mcpServers", _servers)),
    "sandbox_config": _sandbox,
}
"""{option: how it is located}"""
