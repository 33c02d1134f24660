"""A client's answers to what a session asked by an event.

They never fail because an answer comes too late: then `success` is false.
"""

from __future__ import annotations

from typing import Any

from .._cli_state import CliState, RefusedError, SendResult
from .._host import Json


def answer_call(state: CliState, params: Json, answer: SendResult) -> None:
    """Take the result of a tool call."""
    call = state.session(params).tools.results.get(params.get("requestId", ""))
    if call is not None:
        call.answer(params)
    answer({"success": call is not None})


def answer_permission(state: CliState, params: Json, answer: SendResult) -> None:
    """Take a decision about a tool call."""
    call = state.session(params).tools.permissions.get(params.get("requestId", ""))
    if call is not None:
        call.decide(params.get("result") or {})
    answer({"success": call is not None})


def answer_user_input(state: CliState, params: Json, answer: SendResult) -> None:
    """Take the user's answer to a question of the model."""
    request_id, response = _required(params, "requestId", "response")
    success = state.session(params).user_inputs.answer(request_id, response)
    answer({"success": success})


def answer_elicitation(state: CliState, params: Json, answer: SendResult) -> None:
    """Take the form that the user has filled in, or not."""
    request_id, result = _required(params, "requestId", "result")
    success = state.session(params).elicitations.answer(request_id, result)
    answer({"success": success})


def _required(params: Json, *names: str) -> list[Any]:
    for name in names:
        if name not in params:
            raise RefusedError(f"missing parameter '{name}'")
    return [params[name] for name in names]


METHODS = {
    "session.permissions.handlePendingPermissionRequest": answer_permission,
    "session.tools.handlePendingToolCall": answer_call,
    "session.ui.handlePendingElicitation": answer_elicitation,
    "session.ui.handlePendingUserInput": answer_user_input,
}
