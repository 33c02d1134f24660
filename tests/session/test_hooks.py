"""What a hook gets, what it may answer, and that a failing hook opens no door."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
import trio

from trio_copilot import Allow, Deny, HookInput, Hooks
from trio_copilot._session import hooks as session_hooks
from trio_copilot._session.hooks import refusal

DENIED = {"permissionDecision": "deny", "permissionDecisionReason": "no"}


def params(moment: str, **details: Any) -> dict[str, Any]:
    return {"sessionId": "s", "hookType": moment, "input": details}


async def run_hook(
    hooks: Hooks, params: dict[str, Any]
) -> tuple[Any, Exception | None]:
    """The answer to the CLI, and what the hook raised."""
    answer, error = await session_hooks.run_hook(hooks, params)
    return msgspec.json.decode(msgspec.json.encode(answer)), error


def returning(value: Any) -> Any:
    async def hook(_: HookInput) -> Any:
        await trio.lowlevel.checkpoint()
        return value

    return hook


def raising(error: Exception) -> Any:
    async def hook(_: HookInput) -> Any:
        await trio.lowlevel.checkpoint()
        raise error

    return hook


async def test_a_hook_is_told_what_it_is_about() -> None:
    given: list[HookInput] = []

    async def note(question: HookInput) -> None:
        await trio.lowlevel.checkpoint()
        given.append(question)

    hooks = Hooks(pre_tool_use=note, user_prompt_submitted=note)
    await run_hook(hooks, params("preToolUse", toolName="bash", toolArgs={"a": 1}))
    await run_hook(hooks, params("userPromptSubmitted", prompt="hello"))

    about_tool, about_prompt = given
    assert (about_tool.type, about_tool.tool_name) == ("preToolUse", "bash")
    assert about_tool.tool_arguments == {"a": 1}
    assert (about_prompt.prompt, about_prompt.tool_name) == ("hello", "")


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("session_start", "sessionStart"),
        ("user_prompt_submitted", "userPromptSubmitted"),
        ("user_prompt_transformed", "userPromptTransformed"),
        ("pre_tool_use", "preToolUse"),
        ("pre_mcp_tool_call", "preMcpToolCall"),
        ("post_tool_use", "postToolUse"),
        ("post_tool_use_failure", "postToolUseFailure"),
        ("error_occurred", "errorOccurred"),
        ("agent_stop", "agentStop"),
        ("subagent_start", "subagentStart"),
        ("subagent_stop", "subagentStop"),
        ("session_end", "sessionEnd"),
    ],
)
async def test_each_moment_has_its_function(name: str, moment: str) -> None:
    hooks = Hooks(**{name: returning({"additionalContext": "x"})})

    result, error = await run_hook(hooks, params(moment))

    assert result == {"output": {"additionalContext": "x"}}
    assert error is None


@pytest.mark.parametrize("moment", ["preToolUse", "aMomentOfTheFuture", "fails_open"])
async def test_a_moment_without_a_function_passes(moment: str) -> None:
    result, error = await run_hook(Hooks(), params(moment))

    assert result == {"output": None}
    assert error is None


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        (None, None),
        (Allow(), {"permissionDecision": "allow"}),
        (Deny("no"), DENIED),
        ({"modifiedArgs": {"a": 2}}, {"modifiedArgs": {"a": 2}}),
    ],
)
async def test_what_a_tool_hook_returns_is_the_output(
    returned: Any, output: Any
) -> None:
    hooks = Hooks(pre_tool_use=returning(returned))

    assert await run_hook(hooks, params("preToolUse")) == ({"output": output}, None)


@pytest.mark.parametrize(
    ("name", "moment", "returned"),
    [
        ("pre_tool_use", "preToolUse", True),
        ("agent_stop", "agentStop", Deny()),
        ("post_tool_use", "postToolUse", "text"),
        ("pre_tool_use", "preToolUse", {"modifiedArgs": {"x": object()}}),
        ("pre_tool_use", "preToolUse", Deny(object())),  # type: ignore[arg-type]  # that is the mistake
        ("user_prompt_submitted", "userPromptSubmitted", {"additionalContext": int}),
        ("pre_tool_use", "preToolUse", {"modifiedArgs": {("a", "b"): 1}}),
        ("pre_tool_use", "preToolUse", {"modifiedArgs": {"path": "caf\udce9"}}),
        ("pre_tool_use", "preToolUse", {"modifiedArgs": {"number": 10**400}}),
    ],
)
async def test_what_makes_no_sense_is_a_failure(
    name: str, moment: str, returned: Any
) -> None:
    hooks = Hooks(**{name: returning(returned)})

    result, error = await run_hook(hooks, params(moment))

    assert isinstance(error, (TypeError, ValueError))
    assert result == refusal(moment, "A hook of the program failed.")


@pytest.mark.parametrize(
    ("name", "moment", "answered"),
    [
        ("pre_tool_use", "preToolUse", "permissionDecision"),
        ("user_prompt_submitted", "userPromptSubmitted", "decision"),
        ("post_tool_use", "postToolUse", None),
    ],
)
async def test_a_hook_that_raises_has_forbidden_what_it_could(
    name: str, moment: str, answered: str | None
) -> None:
    fault = LookupError("broken")

    result, error = await run_hook(Hooks(**{name: raising(fault)}), params(moment))

    assert error is fault
    if answered is None:
        assert result["output"] is None
    else:
        assert result["output"][answered] in ("deny", "block")


async def test_failing_open_has_to_be_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooks = Hooks(pre_tool_use=raising(LookupError("broken")), fails_open=True)
    caplog.set_level(logging.ERROR, "trio_copilot.session")

    assert await run_hook(hooks, params("preToolUse")) == ({"output": None}, None)
    assert "preToolUse failed" in caplog.text
    assert "broken" in caplog.text
