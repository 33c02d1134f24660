"""A session at work: its prompts, its tools, its forms."""

from __future__ import annotations

import re

from .._cli_state import CliState, RefusedError, SendResult
from .._host import Json


def send(state: CliState, params: Json, answer: SendResult) -> None:
    """Queue a prompt."""
    state.session(params).queue.send(params, answer)


def abort(state: CliState, params: Json, answer: SendResult) -> None:
    """Abort what the session does."""
    state.session(params).queue.abort(answer)


def set_tools(state: CliState, params: Json, answer: SendResult) -> None:
    """Replace the client's tools."""
    check_tool_names(params)
    session = state.session(params).state
    session.options = {**session.options, "tools": params["tools"]}
    answer({})


def check_tool_names(params: Json) -> None:
    """Refuse tools whose names the CLI does not accept."""
    for tool in params.get("tools") or ():
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", tool["name"]):
            raise RefusedError(
                "session construction failed: GenericFailure, externalToolDefinitions: "
                f'tool name "{tool["name"]}" contains invalid characters. Tool names '
                "may only contain ASCII letters, digits, underscores, and hyphens "
                "(matching /^[a-zA-Z0-9_-]+$/)."
            )


def elicit(state: CliState, params: Json, answer: SendResult) -> None:
    """Show a form to the user; what becomes of it is the result."""
    form: Json = {k: params[k] for k in params if k != "sessionId"}
    state.session(params).elicitations.ask(form, answer)


METHODS = {
    "session.abort": abort,
    "session.send": send,
    "session.tools.set": set_tools,
    "session.ui.elicitation": elicit,
}
