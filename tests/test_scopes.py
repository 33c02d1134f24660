"""Which exception comes out of a block, and what may go on after a cancellation."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_copilot._scopes import last_words, open_block, open_service, require_trio


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
