"""The methods with which a client answers what a session asked by an event.

They never fail because an answer comes too late: they say `success: false`.
"""

from __future__ import annotations

from typing import Any

from ._desk import Answer, Desk, RefusedError
from ._host import Json


def answer_call(desk: Desk, params: Json, answer: Answer) -> None:
    """Take the result of a tool call."""
    call = desk.session(params).calls.get(params.get("requestId", ""))
    if call is not None:
        call.answer(params)
    answer({"success": call is not None})


def answer_permission(desk: Desk, params: Json, answer: Answer) -> None:
    """Take a decision about a tool call."""
    call = desk.session(params).permissions.get(params.get("requestId", ""))
    if call is not None:
        call.decide(params.get("result") or {})
    answer({"success": call is not None})


def answer_user_input(desk: Desk, params: Json, answer: Answer) -> None:
    """Take what the user said to a question of the model."""
    request_id, response = _required(params, "requestId", "response")
    success = desk.session(params).user_inputs.answer(request_id, response)
    answer({"success": success})


def elicit(desk: Desk, params: Json, answer: Answer) -> None:
    """Show a form to the user; the answer to the request is the result."""
    form: Json = {k: params[k] for k in params if k != "sessionId"}
    desk.session(params).elicitations.ask(form, answer)


def answer_elicitation(desk: Desk, params: Json, answer: Answer) -> None:
    """Take the form that the user has filled in, or not."""
    request_id, result = _required(params, "requestId", "result")
    success = desk.session(params).elicitations.answer(request_id, result)
    answer({"success": success})


def _required(params: Json, *names: str) -> list[Any]:
    for name in names:
        if name not in params:
            raise RefusedError(f"missing parameter '{name}'")
    return [params[name] for name in names]
