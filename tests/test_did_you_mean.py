"""A misspelt name is refused at once, and the error suggests the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interpreter import modules_after
from trio_copilot import (
    Hooks,
    InfiniteSessions,
    Overflow,
    Provider,
    SessionOptions,
    Stdio,
    SystemMessage,
    Tcp,
    open_client,
)
from trio_copilot._did_you_mean import did_you_mean
from trio_copilot.bridge import BridgeLimits
from trio_copilot.testing import open_scripted_cli
from trio_copilot.web import TurnLimits
from trio_copilot.wire import open_peer


@pytest.mark.parametrize(
    ("name", "meant"),
    [("modle", "model"), ("MODEL", "model"), ("systemMessage", "system_message")],
)
def test_a_name_that_is_like_a_known_one_is_recognised(name: str, meant: str) -> None:
    assert did_you_mean(name, ["model", "system_message"]) == (
        f": did you mean {meant!r}?"
    )


def test_nothing_is_said_of_a_name_that_is_like_none() -> None:
    assert did_you_mean("colour", ["model", "system_message"]) == ""
    assert did_you_mean(7, ["model"]) == ""


@pytest.mark.parametrize(
    ("make", "wrong", "meant"),
    [
        (SessionOptions, "modle", "model"),
        (SessionOptions, "on_permision_request", "on_permission_request"),
        (Hooks, "pre_tool", "pre_tool_use"),
        (Provider, "baseUrl", "base_url"),
        (SystemMessage, "contents", "content"),
        (InfiniteSessions, "enable", "enabled"),
        (Stdio, "arguments", "args"),
        (Tcp, "hots", "host"),
        (BridgeLimits, "connection", "connections"),
        (TurnLimits, "runing", "running"),
        (open_client, "hoem", "home"),
        (open_scripted_cli, "anwsers", "answers"),
        (open_peer, "anser", "answer"),
    ],
)
def test_a_misspelt_keyword_is_recognised(
    make: Callable[..., Any], wrong: str, meant: str
) -> None:
    with pytest.raises(TypeError) as caught:
        make(**{wrong: None})

    said = f"{make.__name__} has no option {wrong!r}: did you mean {meant!r}?"
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("option", "mapping", "said"),
    [
        ("hooks", {"pre_tool": None}, "Hooks has no option 'pre_tool': did you mean"),
        ("provider", {"base_uri": "x"}, "Provider .* did you mean 'base_url'"),
        (
            "system_message",
            {"sektions": {}},
            "SystemMessage .* did you mean 'sections'",
        ),
    ],
)
def test_a_misspelt_key_of_a_mapping_is_recognised(
    option: str, mapping: dict[str, Any], said: str
) -> None:
    options: dict[str, Any] = {option: mapping}
    with pytest.raises(TypeError, match=said):
        SessionOptions(**options)


def test_a_keyword_that_is_like_none_is_answered_with_all() -> None:
    with pytest.raises(TypeError) as caught:
        Hooks(xyz=None, post_tool_usee=None)  # type: ignore[call-arg]

    nothing_like_it, misspelt = str(caught.value).splitlines()
    assert nothing_like_it.startswith("Hooks has no option 'xyz'; it has ")
    assert "post_tool_use, " in nothing_like_it
    assert misspelt.endswith("'post_tool_usee': did you mean 'post_tool_use'?")


def test_an_argument_that_is_missing_is_told_as_ever() -> None:
    with pytest.raises(TypeError, match=r"missing 1 required .* 'base_url'"):
        Provider()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"missing 1 required .* 'stream'"):
        open_peer()  # type: ignore[call-arg]


def test_there_are_three_overflow_rules() -> None:
    with pytest.raises(
        ValueError, match="No overflow rule is called 'block': use 'coalesce', "
    ):
        Overflow("block")


def test_what_a_name_is_like_is_looked_for_in_errors_only() -> None:
    assert "difflib" not in modules_after("from trio_copilot import SessionOptions")
