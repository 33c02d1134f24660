"""Which options have paths in them, and how each of them reaches the CLI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._paths import PathRule

Locator: TypeAlias = Callable[[PathRule, Any, str], Any]
"""Gets the value and the name of an option; returns the value with the CLI's paths in it."""


def _each(locate: Locator) -> Locator:
    """Locate each item of a sequence."""
    return lambda paths, values, name: [locate(paths, v, name) for v in values]


def _within(field: str, locate: Locator) -> Locator:
    """Locate one field of a mapping, if it is there."""

    def whole(paths: PathRule, value: Mapping[str, Any], name: str) -> Any:
        if value.get(field) is None:
            return value
        return {**value, field: locate(paths, value[field], f"{name}[{field!r}]")}

    return whole


def _servers(paths: PathRule, servers: Mapping[str, Any], name: str) -> Any:
    """Locate the working directory of each MCP server."""
    locate = _within("cwd", PathRule.directory)
    return {
        server: locate(paths, config, f"{name}[{server!r}]")
        for server, config in servers.items()
    }


def _sandbox(paths: PathRule, config: Mapping[str, Any], name: str) -> Any:
    """Locate the files that a sandbox opens or closes."""
    for field in ("readwritePaths", "readonlyPaths", "deniedPaths"):
        policy = _within(field, _each(PathRule.absolute))
        locate = _within("userPolicy", _within("filesystem", policy))
        config = locate(paths, config, name)
    return config


_DIRECTORIES = _each(PathRule.directory)

PATHS: dict[str, Locator] = {
    "working_directory": PathRule.directory,
    "additional_directories": _DIRECTORIES,
    "skill_directories": _DIRECTORIES,
    "instruction_directories": _DIRECTORIES,
    "agent_directories": _DIRECTORIES,
    "hook_directories": _DIRECTORIES,
    "plugin_directories": _DIRECTORIES,
    # These two need not exist: the CLI creates them.
    "config_dir": PathRule.absolute,
    "large_output": _within("outputDir", PathRule.absolute),
    "mcp_servers": _servers,
    "custom_agents": _each(_within("mcpServers", _servers)),
    "sandbox_config": _sandbox,
}
"""{option: the function that locates its paths}"""
