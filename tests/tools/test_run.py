"""How a call of a tool went, as the model reads it."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from tests.awkward import WordlessError
from trio_copilot import Tool, ToolContext, ToolDefinitionError, ToolError, tool
from trio_copilot._tools.run import CANCELLED, Outcome, by_name, run_tool, succeeded

CONTEXT = ToolContext(session_id="s", call_id="c", tool_name="t")


class Colour(enum.Enum):
    RED = "red"


@attrs.frozen
class Place:
    city: str


async def outcome_of(made: Tool, arguments: object = None) -> Outcome:
    with trio.fail_after(60):
        return await run_tool(made, arguments, CONTEXT)


def raising(error: BaseException) -> Tool:
    @tool
    async def fail() -> None:
        raise error

    return fail


def waiting(**options: Any) -> Tool:
    @tool(**options)
    async def wait() -> str:
        await trio.sleep(10)
        return "done"

    return wait


# -- a call that returns


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("18 °C", "18 °C"),
        ('{"a": 1}', '{"a": 1}'),
        (True, "true"),
        (7, "7"),
        (float("nan"), "null"),
        ([1, "a", None], '[1,"a",null]'),
        ((1, 2), "[1,2]"),
        ({"a": {"b": []}}, '{"a":{"b":[]}}'),
        ({1: "one"}, '{"1":"one"}'),
        (b"hi", '"aGk="'),
        (Colour.RED, '"red"'),
        (Place("Nice"), '{"city":"Nice"}'),
        (dt.date(2020, 2, 29), '"2020-02-29"'),
    ],
)
async def test_text_is_told_as_it_is_and_all_else_as_json(
    value: object, text: str
) -> None:
    @tool
    async def give() -> object:
        return value

    outcome = await outcome_of(give)

    assert outcome.wire == {"textResultForLlm": text, "resultType": "success"}
    assert outcome.error is None


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, 1j, [ValueError()]])
async def test_a_result_that_json_cannot_express_is_a_failure(value: object) -> None:
    @tool
    async def give() -> object:
        return value

    outcome = await outcome_of(give)

    assert outcome.wire["resultType"] == "failure"
    assert outcome.wire["error"] == "The tool failed: TypeError"
    assert isinstance(outcome.error, TypeError)
    with pytest.raises(TypeError):
        succeeded(value)


async def test_arguments_and_context_reach_the_handler() -> None:
    @tool
    async def look(place: Place, context: ToolContext) -> str:
        return f"{place.city} for {context.call_id}"

    outcome = await outcome_of(look, {"place": {"city": "Nice"}})

    assert outcome.wire["textResultForLlm"] == "Nice for c"


# -- a call that fails


async def test_arguments_that_do_not_fit_are_a_failure_in_our_words() -> None:
    outcome = await outcome_of(waiting(), {"x": 1})

    text = "The arguments do not fit: Object contains unknown field `x`"
    assert outcome.wire == {
        "textResultForLlm": text,
        "resultType": "failure",
        "error": text,
    }
    assert isinstance(outcome.error, ToolError)


class WordlessToolError(WordlessError, ToolError):
    pass


FAULTS = [
    (ToolError("Ask for a town."), "Ask for a town.", "Ask for a town."),
    (
        LookupError("no such city"),
        "The tool failed: LookupError",
        "The tool failed: LookupError: no such city",
    ),
    (
        trio.TooSlowError("mine"),
        "The tool failed: TooSlowError",
        "The tool failed: TooSlowError: mine",
    ),
    (
        ExceptionGroup("x", [ToolError("Ask for a town.")]),
        "Ask for a town.",
        "Ask for a town.",
    ),
    (
        ExceptionGroup("x", [ExceptionGroup("y", [KeyError(1)]), ToolError("No.")]),
        "The tool failed: KeyError\nNo.",
        "The tool failed: KeyError: 1\nNo.",
    ),
    (
        WordlessError(),
        "The tool failed: WordlessError",
        "The tool failed: WordlessError: WordlessError",
    ),
    (WordlessToolError(), "WordlessToolError", "WordlessToolError"),
]


@pytest.mark.parametrize("errors", ["type", "tell", "raise"])
@pytest.mark.parametrize(
    ("error", "safe", "full"),
    FAULTS,
    ids=[f"{i} {type(f[0]).__name__}" for i, f in enumerate(FAULTS)],
)
async def test_what_the_handler_raises_is_kept_and_told_by_its_type_or_in_full(
    error: Exception, safe: str, full: str, errors: Any
) -> None:
    outcome = await outcome_of(attrs.evolve(raising(error), errors=errors))

    text = full if errors == "tell" else safe
    assert outcome.wire == {
        "textResultForLlm": text,
        "resultType": "failure",
        "error": text,
    }
    assert outcome.error is error


def test_by_default_only_the_type_of_an_unexpected_exception_is_told() -> None:
    assert raising(LookupError()).errors == Tool("by_hand").errors == "type"


async def test_a_tool_error_out_of_a_nursery_keeps_its_words() -> None:
    async def fail() -> None:
        raise ToolError("Ask for a town.")

    @tool
    async def look() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    outcome = await outcome_of(look)

    assert outcome.wire["textResultForLlm"] == "Ask for a town."
    assert isinstance(outcome.error, ExceptionGroup)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
async def test_an_exception_that_is_not_the_tools_goes_through(
    error: BaseException,
) -> None:
    with pytest.raises(type(error)) as caught:
        await outcome_of(raising(error))

    assert caught.value is error


# -- a call that is cancelled


async def test_cancellation_goes_through_the_handler_and_leaves_no_outcome(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reached = False
    with trio.move_on_after(1) as scope:
        await outcome_of(waiting())
        reached = True

    assert scope.cancelled_caught
    assert not reached


async def test_cancellation_out_of_a_nursery_goes_through_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    @tool
    async def look() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)

    with trio.move_on_after(1) as scope:
        await outcome_of(look)

    assert scope.cancelled_caught


def test_what_is_owed_for_a_cancelled_call_is_a_failure() -> None:
    assert CANCELLED.wire["resultType"] == "failure"
    assert "cancelled" in CANCELLED.wire["textResultForLlm"]
    assert CANCELLED.error is None


# -- the time of a call


@pytest.mark.parametrize("seconds", [11, float("inf"), None])
async def test_a_call_that_is_fast_enough_succeeds(
    seconds: float | None, autojump_clock: trio.testing.MockClock
) -> None:
    outcome = await outcome_of(waiting(timeout=seconds))

    assert outcome.wire["textResultForLlm"] == "done"


async def test_a_call_that_is_too_slow_is_cancelled_and_fails(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcome = await outcome_of(waiting(timeout=2.5))

    assert trio.current_time() == 2.5
    assert outcome.wire["resultType"] == "failure"
    assert outcome.wire["error"] == "The tool did not finish within 2.5 seconds."
    assert isinstance(outcome.error, trio.TooSlowError)
    assert str(outcome.error) == "wait took longer than 2.5 s"


async def test_no_time_at_all_is_too_slow_for_whatever_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcome = await outcome_of(waiting(timeout=0))

    assert isinstance(outcome.error, trio.TooSlowError)


async def test_a_result_that_is_there_in_spite_of_the_timeout_counts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    @tool(timeout=1)
    async def partly() -> str:
        with trio.CancelScope() as scope:
            scope.shield = True
            await trio.sleep(2)
        return "just made it"

    outcome = await outcome_of(partly)

    assert outcome.wire["textResultForLlm"] == "just made it"


# -- the number of calls


async def test_a_limiter_is_shared_by_the_calls_and_the_wait_is_not_their_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limiter = trio.CapacityLimiter(1)
    one = waiting(limiter=limiter, timeout=11)
    other = waiting(limiter=limiter, timeout=11)
    texts: list[str] = []

    async def call(made: Tool) -> None:
        outcome = await outcome_of(made)
        texts.append(outcome.wire["textResultForLlm"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, one)
        nursery.start_soon(call, other)

    assert texts == ["done", "done"]
    assert trio.current_time() == 20


@pytest.mark.parametrize("timeout", [None, 1])
async def test_a_limiter_is_free_again_however_the_call_ended(
    timeout: float | None, autojump_clock: trio.testing.MockClock
) -> None:
    limiter = trio.CapacityLimiter(1)
    with trio.move_on_after(2):
        await outcome_of(waiting(limiter=limiter, timeout=timeout))

    assert limiter.borrowed_tokens == 0


async def test_a_call_that_waits_for_a_limiter_can_be_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limiter = trio.CapacityLimiter(1)
    limiter.acquire_on_behalf_of_nowait("somebody else")

    @tool(limiter=limiter)
    async def never() -> None:
        raise AssertionError("not its turn")

    with trio.move_on_after(1) as scope:
        await outcome_of(never)

    assert scope.cancelled_caught
    assert limiter.statistics().tasks_waiting == 0


# -- several tools


def test_tools_are_found_by_their_names() -> None:
    one, two = Tool("one"), Tool("two")

    assert by_name((one, two)) == {"one": one, "two": two}
    assert by_name(()) == {}


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="Two tools are named 'one'"):
        by_name((Tool("one"), Tool("two"), Tool("one", "Another.")))


@pytest.mark.parametrize("thing", ["bash", waiting, None, Tool])
def test_something_that_is_not_a_tool_is_refused(thing: Any) -> None:
    with pytest.raises(
        TypeError, match="is not a tool: decorate the function with @tool"
    ):
        by_name((Tool("one"), thing))
