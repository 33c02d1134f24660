"""Errors say what was wrong and what to do, and reach every waiter anew."""

from __future__ import annotations

import pytest

from trio_copilot import (
    CliExitedError,
    CliNotFoundError,
    CopilotError,
    IncompatibleCliError,
    RpcError,
    SessionNotFoundError,
    SubscriberLaggedError,
    TurnError,
)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CliNotFoundError(["here", "there"]), "- here\n  - there"),
        (CliNotFoundError(["here"]), "install-cli"),
        (CliExitedError(None), "closed the connection"),
        (CliExitedError(3), "exited with status 3"),
        (CliExitedError(-9), "killed by signal 9"),
        (CliExitedError(1, "no model\n"), "stderr:\nno model"),
        (
            IncompatibleCliError(cli_version="2", cli_protocol=4, supported=3),
            "version 3 .* \\(2\\) speaks version 4",
        ),
        (RpcError(-32603, "boom", method="x.y"), r"x\.y: boom \(code -32603\)"),
        (
            SessionNotFoundError(-32603, "lost", method="x.y", session_id="abc"),
            r"no session 'abc': .* x\.y: lost \(code -32603\)",
        ),
        (SubscriberLaggedError(7), "missed 7 event"),
        (TurnError("too many", kind="rate_limit", status_code=429), "too many"),
    ],
)
def test_a_message_says_what_was_seen(error: CopilotError, message: str) -> None:
    with pytest.raises(CopilotError, match=message):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        CliExitedError(-9, "tail"),
        RpcError(-1, "m", {"d": 1}, method="x"),
        SessionNotFoundError(-1, "m", {"d": 1}, method="x", session_id="abc"),
        IncompatibleCliError(cli_version=None, cli_protocol=None, supported=3),
    ],
)
def test_an_error_is_made_anew_for_each_waiter(error: CopilotError) -> None:
    try:
        raise error
    except CopilotError as raised:
        twin = raised.renewed()

    assert twin is not error
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
    assert twin.__traceback__ is None
