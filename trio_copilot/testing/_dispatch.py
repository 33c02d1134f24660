"""Puts what a client's messages ask for on the agenda, in order of arrival."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._errors import RpcError
from .._wire.codes import METHOD_NOT_FOUND
from .._wire.messages import ErrorResponse, Message, Request, Response
from ._cli_state import CliState, RefusedError
from ._host import Json
from ._methods import METHODS


def dispatch(state: CliState, message: Message) -> None:
    """Put on the agenda what a message asks for."""
    host = state.host
    if isinstance(message, Response | ErrorResponse):
        host.agenda.add(0, partial(host.client.callbacks.take, message))
    elif isinstance(message, Request) and message.method not in host.behaviour.ignore:
        delay = host.behaviour.answer_after.get(message.method, 0)
        host.agenda.add(delay, partial(answer_request, state, message))


def answer_request(state: CliState, request: Request) -> None:
    """Do what a request asks for, or refuse it."""
    post, name = state.host.client.post, request.method
    params: Json = request.params or {}

    def answer(result: Any) -> None:
        post(Response(request.id, result))

    replacement, method = state.host.behaviour.answers.get(name), METHODS.get(name)
    try:
        if replacement is not None:
            answer(replacement(params))
        elif method is not None:
            method(state, params, answer)
        else:
            post(
                ErrorResponse(request.id, METHOD_NOT_FOUND, f"Unhandled method {name}")
            )
    except RefusedError as refusal:
        post(ErrorResponse(request.id, refusal.code, refusal.message(name)))
    except RpcError as error:  # of the test's own `answers`
        post(ErrorResponse(request.id, error.code, error.message, error.data))
