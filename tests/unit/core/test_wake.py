"""Wake-ups that may get lost."""

import asyncio

import pytest

from core.wake import Wake, again_on_failure


async def test_the_first_look_is_at_once_and_the_next_waits_for_a_call() -> None:
    wake = Wake(60.0)
    await wake.wait()
    waiting = asyncio.get_running_loop().create_task(wake.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    wake.set()
    async with asyncio.timeout(1):
        await waiting


async def test_a_lost_call_costs_only_time() -> None:
    wake = Wake(0.01)
    await wake.wait()
    async with asyncio.timeout(1):
        await wake.wait()


async def test_a_call_while_nobody_waits_counts() -> None:
    wake = Wake(60.0)
    await wake.wait()
    wake.set()
    async with asyncio.timeout(1):
        await wake.wait()


@pytest.mark.parametrize("failure", [ValueError, asyncio.CancelledError])
async def test_after_a_failure_the_next_look_is_at_once(failure: type[BaseException]) -> None:
    wake = Wake(60.0)
    await wake.wait()
    with pytest.raises(failure), again_on_failure(wake):
        raise failure
    async with asyncio.timeout(1):
        await wake.wait()


async def test_after_a_block_that_went_well_the_next_look_waits_for_a_call() -> None:
    wake = asyncio.Event()
    with again_on_failure(wake):
        pass
    assert not wake.is_set()
