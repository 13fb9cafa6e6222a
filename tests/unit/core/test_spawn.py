"""Background work."""

import asyncio
import logging

import pytest

from core.errors import Retryable
from core.spawn import Spawner, forever, held, to_the_end


async def test_closing_cancels_and_waits() -> None:
    spawner, ended = Spawner(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = spawner.spawn(work(), name="work")
    await asyncio.sleep(0)
    await spawner.close()
    assert ended.is_set()
    assert task.cancelled()


async def test_a_failure_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    spawner = Spawner()

    async def work() -> None:
        raise ValueError("broken")

    task = spawner.spawn(work(), name="work")
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert [r.message for r in caplog.records] == ["background work failed"]


async def test_a_lane_goes_on_after_every_kind_of_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    failures = [Retryable("away", 0.0), Retryable("away", 0.0)]
    done = asyncio.Event()

    async def step() -> None:
        if failures:
            raise failures.pop()
        done.set()
        await asyncio.Event().wait()

    async with held(forever(step, name="lane"), name="lane"):
        async with asyncio.timeout(5):
            await done.wait()
    assert not failures


async def test_held_work_ends_with_the_block() -> None:
    async with held(asyncio.Event().wait(), name="waits") as task:
        assert not task.done()
    assert task.cancelled()


async def test_a_failure_of_held_work_shows_when_it_is_awaited() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with held(work(), name="fails") as task:
            await task


async def test_work_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with held(stubborn(), name="stubborn"):
            await asyncio.sleep(0)
    assert swallowed == 2


async def test_work_that_has_begun_goes_on_when_its_caller_is_cancelled() -> None:
    steps: list[str] = []
    go = asyncio.Event()

    async def work() -> str:
        steps.append("begun")
        await go.wait()
        steps.append("done")
        return "result"

    async with held(to_the_end(work()), name="work") as task:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert steps == ["begun"]
        go.set()
    assert steps == ["begun", "done"]
    assert task.result() == "result"


async def test_a_failure_of_such_work_is_raised() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await to_the_end(work())
