"""Permissions: what the CLI asks its client, and what it makes of the answer.

Values only: who waits for the answer is in `_tool_calls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ._host import Json

REJECTED = "The user rejected this tool call."

UNANSWERED = (
    "Permission denied and could not request permission from user. Copilot needed the "
    "user's approval and no one could answer."
)

_MALFORMED = (
    "native tool permission flow failed: GenericFailure, permission host returned "
    "malformed payload"
)
_EXPECTED = (
    "expected one of `approve-once`, `approve-for-session`, `approve-for-location`, "
    "`reject`, `user-not-available`, `approved`"
)


def permission_request(tool: Mapping[str, Any], call: Json, request_id: str) -> Json:
    """Return the payload of `permission.requested` for a client's own tool."""
    prompt = {
        "kind": "custom-tool",
        "toolCallId": call["toolCallId"],
        "toolName": call["toolName"],
        "toolDescription": tool.get("description", ""),
        "args": call["arguments"],
    }
    return {
        "requestId": request_id,
        "permissionRequest": prompt,
        "promptRequest": prompt,
        "agentMode": "interactive",
        "permissionMode": "manual",
    }


@attrs.frozen
class Verdict:
    """What the CLI makes of a client's answer."""

    outcome: Json
    """The `result` of `permission.completed`."""
    refusal: str | None = None
    """Why the tool is not called, as the model reads it; `None` if it is called."""
    code: str = ""
    """The `code` of the error in `tool.execution_complete`."""
    approved_for_session: str | None = None
    """The tool that needs no permission from now on."""
    ends_turn: bool = False


def verdict_of(result: Json) -> Verdict:
    """Return the verdict for the `result` of an answer."""
    match result.get("kind"):
        case "approve-once" | "approve-for-location" | "approved":
            return Verdict({"kind": "approved"})
        case "approve-for-session":
            approval = result.get("approval")
            if approval is None:  # the CLI does not guess what is approved
                return Verdict({"kind": "approved"})
            outcome = {"kind": "approved-for-session", "approval": approval}
            tool = approval.get("toolName", "")
            return Verdict(outcome, approved_for_session=tool)
        case "reject":
            outcome = {"kind": "denied-interactively-by-user"}
            feedback = result.get("feedback")
            if feedback is not None:
                outcome["feedback"] = feedback
            if feedback:
                return Verdict(
                    outcome, f"{REJECTED} User feedback: {feedback}", "denied"
                )
            # The CLI takes a bare "no" for "stop".
            return Verdict(outcome, REJECTED, "rejected", ends_turn=True)
        case "user-not-available":
            kind = "denied-no-approval-rule-and-could-not-request-from-user"
            return Verdict({"kind": kind}, UNANSWERED, "denied")
        case kind:
            reason = f"{_MALFORMED}: unknown variant `{kind}`, {_EXPECTED}"
            return Verdict({"kind": kind}, reason, "failure")
