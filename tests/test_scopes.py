"""Which exception comes out of a block, and what may go on after a cancellation."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

import trio_copilot
from trio_copilot._scopes import (
    catching,
    closing,
    entering,
    last_words,
    open_block,
    open_service,
    require_trio,
)


async def fail(error: BaseException) -> None:
    raise error


async def test_an_exception_of_the_body_leaves_the_block_as_itself() -> None:
    error = LookupError("body")
    cause = ValueError("cause")
    with pytest.raises(LookupError) as caught:
        async with open_block():
            raise error from cause

    assert caught.value is error
    assert caught.value.__cause__ is cause


async def test_a_group_of_the_user_is_never_looked_into() -> None:
    group = ExceptionGroup("mine", [LookupError()])
    with pytest.raises(ExceptionGroup) as caught:
        async with open_block():
            raise group

    assert caught.value is group


async def test_nor_is_a_group_with_an_interrupt() -> None:
    group = BaseExceptionGroup("mine", [KeyboardInterrupt(), LookupError()])
    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_block():
            raise group

    assert caught.value is group


async def test_two_interrupts_are_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        async with open_block() as nursery:
            nursery.start_soon(fail, KeyboardInterrupt())
            nursery.start_soon(fail, KeyboardInterrupt())


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt])
async def test_an_exception_of_a_task_leaves_the_block_as_itself(
    kind: type[BaseException],
) -> None:
    error = kind("task")
    with pytest.raises(kind) as caught:
        async with open_block() as nursery:
            nursery.start_soon(fail, error)
            await trio.sleep_forever()

    assert caught.value is error
    assert caught.value.__context__ is None


async def test_two_faults_stay_a_group() -> None:
    body, task = LookupError("body"), ValueError("task")
    with pytest.raises(ExceptionGroup) as caught:
        async with open_block() as nursery:
            nursery.start_soon(fail, task)
            try:
                await trio.sleep_forever()
            finally:
                raise body

    assert caught.value.exceptions == (body, task)


async def test_two_faults_of_tasks_stay_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with open_block() as nursery:
            nursery.start_soon(fail, LookupError())
            nursery.start_soon(fail, ValueError())

    assert len(caught.value.exceptions) == 2


async def test_cancelled_beside_a_fault_is_none() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise LookupError

    with trio.CancelScope() as scope:
        with pytest.raises(LookupError):
            async with open_block() as nursery:
                nursery.start_soon(fail_when_cancelled)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                await trio.sleep_forever()


async def test_cancelled_alone_goes_on() -> None:
    with trio.CancelScope() as scope:
        async with open_block():
            scope.cancel()
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def only_cancelled() -> None:
    """Raise a group of nothing but `Cancelled`, as Trio's own helpers do."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)


async def test_a_group_of_nothing_but_cancelled_is_no_fault() -> None:
    error = LookupError()
    with trio.CancelScope() as scope:
        with pytest.raises(LookupError) as caught:
            async with open_block() as nursery:
                nursery.start_soon(only_cancelled)
                scope.cancel()
                raise error

    assert caught.value is error


async def test_alone_it_is_a_plain_cancelled() -> None:
    with trio.CancelScope() as scope:
        with pytest.raises(trio.Cancelled):
            async with open_block() as nursery:
                nursery.start_soon(only_cancelled)
                scope.cancel()

        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught


async def test_cancelled_in_a_group_of_the_user_is_for_the_scope_that_was_cancelled() -> (
    None
):
    with pytest.raises(ExceptionGroup) as caught:
        async with open_block() as block:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                block.cancel_scope.cancel()
                raise LookupError

    assert [type(error) for error in caught.value.exceptions] == [LookupError]


async def test_closing_that_is_cancelled_lets_the_fault_go_on() -> None:
    error = LookupError()
    with trio.CancelScope() as scope:
        with pytest.raises(LookupError) as caught:
            async with closing(trio.lowlevel.checkpoint):
                scope.cancel()
                raise error

    assert caught.value is error
    assert caught.value.__context__ is None


async def test_closing_that_is_cancelled_is_cancelled() -> None:
    with trio.CancelScope() as scope:
        async with closing(trio.lowlevel.checkpoint):
            scope.cancel()

    assert scope.cancelled_caught


async def test_closing_that_fails_makes_a_group_beside_a_fault() -> None:
    body, close = LookupError(), ValueError()
    with pytest.raises(ExceptionGroup) as caught:
        async with closing(lambda: fail(close)):
            raise body

    assert caught.value.exceptions == (body, close)


async def test_closing_that_fails_alone_fails() -> None:
    error = ValueError()
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # looked at below
        async with closing(lambda: fail(error)):
            pass

    assert caught.value is error


async def test_a_scope_that_is_cancelled_does_not_copy_a_group() -> None:
    group = ExceptionGroup("mine", [LookupError()])
    with pytest.raises(ExceptionGroup) as caught:
        with entering(trio.CancelScope()) as scope:
            scope.cancel()
            raise group

    assert caught.value is group


async def test_a_scope_that_is_cancelled_takes_its_cancelled_out_of_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        with entering(trio.CancelScope()) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                scope.cancel()
                raise LookupError

    assert [type(error) for error in caught.value.exceptions] == [LookupError]
    assert scope.cancelled_caught


@pytest.mark.parametrize("grouped", [False, True])
def test_an_exception_that_is_caught_is_heard(grouped: bool) -> None:
    error = LookupError()
    heard: list[LookupError] = []
    with catching(LookupError, heard.append):
        raise ExceptionGroup("both", [error, IndexError()]) if grouped else error

    assert heard == [error]


def test_the_only_other_one_goes_on_as_itself() -> None:
    other = ValueError()
    heard: list[LookupError] = []
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # looked at below
        with catching(LookupError, heard.append):
            raise ExceptionGroup("both", [LookupError(), other])

    assert caught.value is other
    assert len(heard) == 1


def test_a_group_without_one_goes_on_as_the_same_object() -> None:
    group = ExceptionGroup("mine", [ValueError()])
    with pytest.raises(ExceptionGroup) as caught:
        with catching(LookupError, lambda _: pytest.fail("it is another")):
            raise group

    assert caught.value is group


def test_nothing_else_opens_a_nursery_or_takes_a_group_apart() -> None:
    files = Path(trio_copilot.__file__).parent.rglob("*.py")
    marks = "open_nursery(", "except*"
    found = {
        file.name
        for file in files
        if any(mark in file.read_text(encoding="utf-8") for mark in marks)
    }

    assert found == {"_scopes.py"}


async def test_last_words_are_shielded_but_bounded(autojump_clock) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        with last_words(5) as patience:
            await trio.sleep(4)
        assert not patience.cancelled_caught
        with last_words(5) as patience:
            await trio.sleep_forever()
        assert patience.cancelled_caught
        assert trio.current_time() == pytest.approx(9)


async def test_a_service_outlives_a_cancellation_until_the_block_is_left(
    autojump_clock,
) -> None:
    served: list[float] = []

    async def serve() -> None:
        while True:
            await trio.sleep(1)
            served.append(trio.current_time())

    with trio.CancelScope() as scope:
        async with open_service(serve):
            scope.cancel()
            with last_words(3.5):
                await trio.sleep_forever()

    assert served == [1, 2, 3]


async def test_a_service_that_fails_ends_the_block() -> None:
    with pytest.raises(LookupError):
        async with open_service(lambda: fail(LookupError())):
            await trio.sleep_forever()


def test_outside_trio_a_clear_error_is_raised() -> None:
    with pytest.raises(RuntimeError, match=r"trio\.run"):
        require_trio()
