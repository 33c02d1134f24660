"""Where the CLI does not keep to its own schema: measured, and kept short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNSAID = ("cli_version", "os_platform", "os_version", "os_arch", "node_version")

NOT_REQUIRED = (
    ("AgentGetCurrentResult", "agent"),  # null for the default agent
    ("BuiltinToolInputSchema", "type"),  # missing if the schema is a `oneOf`
    *(("GitHubTelemetryClientInfo", it) for it in _UNSAID),
)
"""Definition, and a field that may be missing although the schema requires it."""


def corrected(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema as the CLI means it."""
    definitions: dict[str, Any] = dict(schema.get("definitions", {}))
    for name, field in NOT_REQUIRED:
        if name in definitions:
            it = definitions[name]
            required = [each for each in it.get("required", ()) if each != field]
            definitions[name] = {**it, "required": required}
    return {**schema, "definitions": definitions}
