"""The CLI itself: connecting, its state, its account, its end."""

from __future__ import annotations

from ..._wire.codes import INVALID_PARAMS
from .._cli_state import CliState, RefusedError, SendResult
from .._host import Behaviour, Json

_CONNECT_FIELDS = {
    "clientInfo",
    "enableGitHubTelemetryForwarding",
    "supportedTaskKinds",
}


def connect(state: CliState, params: Json, answer: SendResult) -> None:
    """Greet a client, and report the versions."""
    if "token" in params:
        raise RefusedError("AUTHENTICATION_NOT_CONFIGURED", -32003)
    for name in params.keys() - _CONNECT_FIELDS:
        reason = f"Invalid connect request: unknown field `{name}`"
        raise RefusedError(reason, INVALID_PARAMS)
    behaviour = state.host.behaviour
    versions = {**_protocol(behaviour), "version": behaviour.version}
    kinds = params.get("supportedTaskKinds", [])
    answer({"ok": True, **versions, "taskKinds": kinds})


def ping(state: CliState, params: Json, answer: SendResult) -> None:
    """Return the message, and the time."""
    text = params.get("message")
    message = f"pong: {text}" if text else "pong"
    time = {"message": message, "timestamp": state.host.now()}
    answer({**time, **_protocol(state.host.behaviour)})


def get_status(state: CliState, params: Json, answer: SendResult) -> None:
    """Report the versions."""
    behaviour = state.host.behaviour
    answer({**_protocol(behaviour), "version": behaviour.version})


def _protocol(behaviour: Behaviour) -> Json:
    version = behaviour.protocol_version
    return {} if version is None else {"protocolVersion": version}


def get_auth_status(state: CliState, params: Json, answer: SendResult) -> None:
    """Report that nobody is logged in."""
    answer({"isAuthenticated": False, "statusMessage": "Not authenticated"})


def list_models(state: CliState, params: Json, answer: SendResult) -> None:
    """List the models that the test has set."""
    models = state.host.behaviour.models
    if models is None:
        raise RefusedError("Not authenticated. Please authenticate first.")
    answer({"models": list(models)})


def shut_down(state: CliState, params: Json, answer: SendResult) -> None:
    """End the CLI."""
    answer(None)
    state.host.client.close()


METHODS = {
    "auth.getStatus": get_auth_status,
    "connect": connect,
    "models.list": list_models,
    "ping": ping,
    "runtime.shutdown": shut_down,
    "status.get": get_status,
}
