"""What the CLI asks the client, and what it does with the answers: hooks, questions."""

from __future__ import annotations

from tests.testing.raw import (
    ANSWER_ELICITATION,
    ANSWER_USER_INPUT,
    FREE_LOOK,
    LOOK,
)
from tests.testing.scenarios.registry import (
    LOOKS,
    LOOKS_TWICE,
    Talk,
    scenario,
)
from trio_copilot.testing import Call, Reply

ASKS = Reply(calls=[Call("ask_user", {"question": "Which?", "choices": ["a", "b"]})])
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
DENIAL = {"permissionDecision": "deny", "permissionDecisionReason": "too dark"}


# -- hooks that say nothing, or fail


@scenario(LOOKS, "blue", "again", tools=(LOOK,), hooks=True)
async def hooks_that_say_nothing(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("preToolUse")
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "approve-once")
    call = await talk.client.event("external_tool.requested")
    await talk.client.deliver(call, result="the sky")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")
    await talk.client.prompt("the second begins no session")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")


@scenario(LOOKS, "blue", tools=(FREE_LOOK,), hooks=True)
async def hooks_that_fail_change_nothing(talk: Talk) -> None:
    failed = dict.fromkeys(
        ("sessionStart", "userPromptSubmitted", "preToolUse", "postToolUse"),
        ValueError("It failed"),
    )
    await talk.client.prompt()
    await talk.client.answer_hooks("preToolUse", **failed)
    await talk.client.deliver(await talk.client.event("external_tool.requested"))
    await talk.client.answer_hooks("agentStop", agentStop=ValueError("It failed"))
    await talk.client.event("session.idle")


@scenario(Reply(calls=[Call("peek")]), "blind", hooks=True)
async def a_hook_is_told_of_a_call_that_failed(talk: Talk) -> None:
    await talk.client.prompt()
    context = {"additionalContext": "There is nothing to see."}
    await talk.client.answer_hooks("agentStop", postToolUseFailure=context)
    await talk.client.event("session.idle")

    assert "nothing to see" in talk.model.requests[1].prompt


@scenario(LOOKS, "no", tools=(LOOK,), hooks=True)
async def no_hook_is_told_of_a_call_that_was_refused(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("preToolUse")
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "reject", feedback="too dark")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")


# -- hooks that are obeyed


@scenario(LOOKS, "no", tools=(LOOK,), hooks=True)
async def a_hook_denies_a_call(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("agentStop", preToolUse=DENIAL)
    await talk.client.event("session.idle")

    assert "too dark" in talk.model.requests[1].messages[-1]["content"]


@scenario(LOOKS, "no", tools=(FREE_LOOK,), hooks=True)
async def a_hook_denies_a_call_without_a_reason(talk: Talk) -> None:
    await talk.client.prompt()
    denial = {"permissionDecision": "deny"}
    await talk.client.answer_hooks("agentStop", preToolUse=denial)
    await talk.client.event("session.idle")


@scenario(LOOKS, "yes", tools=(LOOK,), hooks=True)
async def a_hook_allows_a_call(talk: Talk) -> None:
    await talk.client.prompt()
    allowed = {"permissionDecision": "allow"}
    await talk.client.answer_hooks("preToolUse", preToolUse=allowed)
    await talk.client.deliver(await talk.client.event("external_tool.requested"))
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert talk.client.data("permission.requested") == []


@scenario(LOOKS, "green", tools=(LOOK,), hooks=True)
async def hooks_change_a_call_and_its_result(talk: Talk) -> None:
    await talk.client.prompt()
    before = {"modifiedArgs": {"at": "grass"}, "additionalContext": "It is summer."}
    await talk.client.answer_hooks("preToolUse", preToolUse=before)
    asked = await talk.client.event("permission.requested")
    await talk.client.decide(asked, "approve-once")
    call = await talk.client.event("external_tool.requested")
    await talk.client.deliver(call, result="blue")
    changed = {"textResultForLlm": "green", "resultType": "success"}
    after = {"modifiedResult": changed, "additionalContext": "Green is fine."}
    await talk.client.answer_hooks("agentStop", postToolUse=after)
    await talk.client.event("session.idle")
    result, context = talk.model.requests[1].messages[-2:]

    assert call["arguments"] == {"at": "grass"}
    assert result["content"].startswith("green\n")
    assert result["content"].endswith("Green is fine.")
    assert "It is summer." in context["content"]


@scenario("fine", hooks=True)
async def hooks_change_a_prompt(talk: Talk) -> None:
    await talk.client.prompt("Hello?")
    await talk.client.answer_hooks(
        "agentStop",
        sessionStart={"additionalContext": "It is summer."},
        userPromptSubmitted={"modifiedPrompt": "Bye!", "additionalContext": "Nicely."},
    )
    await talk.client.event("session.idle")
    content = [message["content"] for message in talk.model.requests[0].messages[1:]]

    assert content[0] == "It is summer."
    assert content[1].endswith("Bye!\n\n<system_reminder>\nNicely.\n</system_reminder>")


@scenario("fine", hooks=True)
async def a_hook_changes_what_the_model_sees(talk: Talk) -> None:
    await talk.client.prompt()
    seen = {"modifiedTransformedPrompt": "Nothing."}
    await talk.client.answer_hooks("agentStop", userPromptTransformed=seen)
    await talk.client.event("session.idle")

    assert talk.model.requests[0].prompt == "Nothing."


@scenario("after", hooks=True)
async def a_hook_blocks_a_prompt(talk: Talk) -> None:
    await talk.client.prompt()
    block = {"decision": "block", "reason": "Not now."}
    await talk.client.answer_hooks("userPromptSubmitted", userPromptSubmitted=block)
    idle = await talk.client.event("session.idle")
    await talk.client.prompt("What about now?")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert "aborted" not in idle
    assert len(talk.client.data("user.message")) == 1


@scenario("one", "two", hooks=True)
async def a_hook_has_the_agent_go_on(talk: Talk) -> None:
    await talk.client.prompt()
    more = {"decision": "block", "reason": "One more."}
    await talk.client.answer_hooks("agentStop", agentStop=more)
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert "One more." in talk.model.requests[1].prompt


@scenario(LOOKS_TWICE, "x", tools=(FREE_LOOK,), hooks=True, chancy=True)
async def a_hook_denies_one_of_two_calls(talk: Talk) -> None:
    await talk.client.prompt()
    first = await talk.client.hook("preToolUse")
    await talk.client.reply(first, {"output": DENIAL})
    await talk.client.answer_hooks("preToolUse")
    call = await talk.client.event("external_tool.requested")
    await talk.client.deliver(call, result="x")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert call["arguments"] == {"at": "b"}


@scenario("before", "after", hooks=True)
async def a_session_with_hooks_is_resumed(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")
    left = await talk.client.write("session.detach")
    await talk.client.answer_hooks("sessionEnd")
    assert await talk.client.answer(left) == {"success": True}
    await talk.client.call("session.resume", **talk.options, hooks=True)
    await talk.client.prompt()
    start = await talk.client.hook("sessionStart")
    await talk.client.reply(start, {"output": None})
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert start.params["input"]["source"] == "resume"


# -- aborts that a hook holds up


async def abort_before(talk: Talk, hook: str) -> None:
    """Abort while a hook of that type is asked, and only then answer it."""
    question = await talk.client.hook(hook)
    abort = await talk.client.write("session.abort")
    await talk.client.event("abort")
    assert await talk.client.call("ping")
    await talk.client.reply(question, {"output": None})
    if hook == "userPromptSubmitted":
        await talk.client.answer_hooks("userPromptTransformed")
    assert await talk.client.answer(abort) == {"success": True}
    idle = await talk.client.event("session.idle")
    await talk.client.prompt("next")
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert idle["aborted"] is True


@scenario("next", hooks=True, chancy=True)
async def an_abort_waits_for_a_hook_at_the_start(talk: Talk) -> None:
    await talk.client.prompt()
    await abort_before(talk, "sessionStart")

    assert len(talk.client.data("user.message")) == 1


@scenario("next", hooks=True)
async def an_abort_waits_for_a_hook_about_a_prompt(talk: Talk) -> None:
    await talk.client.prompt()
    await abort_before(talk, "userPromptSubmitted")

    assert len(talk.client.data("user.message")) == 2


@scenario(LOOKS, "next", tools=(FREE_LOOK,), hooks=True)
async def an_abort_waits_for_a_hook_before_a_call(talk: Talk) -> None:
    await talk.client.prompt()
    await abort_before(talk, "preToolUse")


@scenario(LOOKS, "next", tools=(FREE_LOOK,), hooks=True)
async def an_abort_waits_for_a_hook_after_a_call(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("preToolUse")
    await talk.client.deliver(await talk.client.event("external_tool.requested"))
    await abort_before(talk, "postToolUse")

    assert len(talk.client.data("tool.execution_complete")) == 1


@scenario("one", "next", hooks=True)
async def an_abort_waits_for_a_hook_at_the_end(talk: Talk) -> None:
    await talk.client.prompt()
    await abort_before(talk, "agentStop")


@scenario(LOOKS, "next", tools=(FREE_LOOK,), hooks=True)
async def an_error_of_a_hook_lets_an_abort_go_on(talk: Talk) -> None:
    await talk.client.prompt()
    question = await talk.client.hook("preToolUse")
    abort = await talk.client.write("session.abort")
    await talk.client.event("abort")
    await talk.client.prompt("sent while the abort waits")
    await talk.client.reply(question, ValueError("cancelled"))
    await talk.client.answer(abort)
    await talk.client.answer_hooks("agentStop")
    idle = await talk.client.event("session.idle")

    assert "aborted" not in idle
    assert len(talk.client.data("assistant.idle")) == 1


# -- questions


@scenario(ASKS, "thanks", requestUserInput=True)
async def a_question_that_is_answered(talk: Talk) -> None:
    await talk.client.prompt()
    question = await talk.client.next_request("userInput.request")
    await talk.client.reply(question, {"answer": "b", "wasFreeform": False})
    await talk.client.event("session.idle")
    (asked,) = talk.client.data("user_input.requested")
    content = talk.model.requests[1].messages[-1]["content"]

    assert question.params == {
        "sessionId": talk.client.session,
        "question": "Which?",
        "choices": ["a", "b"],
        "allowFreeform": True,
    }
    assert asked["toolCallId"] == talk.model.requests[0].call_id(0)
    assert content == "User selected: b"


@scenario(ASKS, "thanks", requestUserInput=True)
async def a_question_that_is_answered_by_its_event(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("user_input.requested")
    question = await talk.client.next_request("userInput.request")
    answer = {"requestId": asked["requestId"]}
    answer["response"] = {"answer": "neither", "wasFreeform": True}
    assert await talk.client.call(ANSWER_USER_INPUT, **answer) == {"success": True}
    assert await talk.client.call(ANSWER_USER_INPUT, **answer) == {"success": False}
    await talk.client.reply(question, {"answer": "late", "wasFreeform": True})
    await talk.client.event("session.idle")
    content = talk.model.requests[1].messages[-1]["content"]

    assert content == "User responded: neither"


@scenario(ASKS, "a pity", requestUserInput=True)
async def a_question_that_cannot_be_answered(talk: Talk) -> None:
    await talk.client.prompt()
    question = await talk.client.next_request("userInput.request")
    await talk.client.reply(question, ValueError("It failed"))
    await talk.client.event("session.idle")
    content = talk.model.requests[1].messages[-1]["content"]

    assert content.startswith("User responded: The user was unable to respond")


@scenario(ASKS, "next", requestUserInput=True)
async def a_question_that_is_aborted(talk: Talk) -> None:
    await talk.client.prompt()
    asked = await talk.client.event("user_input.requested")
    await talk.client.call("session.abort")
    await talk.client.event("session.idle")
    assert talk.client.data("user_input.completed") == []
    answer = {"answer": "late", "wasFreeform": True}
    late = {"requestId": asked["requestId"], "response": answer}
    assert await talk.client.call(ANSWER_USER_INPUT, **late) == {"success": True}
    await talk.client.turn()


@scenario(
    Reply(calls=[Call("ask_user", {"question": "What?"})]),
    Reply(calls=[Call("ask_user", {"choices": ["a"]})]),
    "thanks",
    requestUserInput=True,
    hooks=True,
)
async def a_question_is_a_call_for_hooks(talk: Talk) -> None:
    await talk.client.prompt()
    await talk.client.answer_hooks("preToolUse")
    question = await talk.client.next_request("userInput.request")
    await talk.client.reply(question, {"answer": "", "wasFreeform": True})
    await talk.client.answer_hooks("agentStop")
    await talk.client.event("session.idle")

    assert "choices" not in question.params


@scenario(ASKS, "never mind")
async def a_question_that_nobody_wants_to_hear(talk: Talk) -> None:
    await talk.client.turn()
    (done,) = talk.client.data("tool.execution_complete")

    assert done["error"]["message"] == "Tool 'ask_user' does not exist."


# -- forms


@scenario(requestElicitation=True)
async def forms_that_are_filled_in_or_not(talk: Talk) -> None:
    for result in (
        {"action": "accept", "content": {"name": "me"}},
        {"action": "accept", "content": {"unknown": 1}},
        {"action": "decline"},
    ):
        form = {"message": "Who?", "requestedSchema": FORM}
        number = await talk.client.write("session.ui.elicitation", **form)
        asked = await talk.client.event("elicitation.requested")
        answer = {"requestId": asked["requestId"], "result": result}
        assert await talk.client.call(ANSWER_ELICITATION, **answer) == {"success": True}
        assert await talk.client.answer(number) == result
        late = await talk.client.call(ANSWER_ELICITATION, **answer)
        assert late == {"success": False}
