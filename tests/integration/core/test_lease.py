"""One process at a time."""

import asyncio

import pytest

from core.db import Database
from core.lease import Lease
from core.spawn import forever, held


async def test_the_second_waits_until_the_first_is_gone(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await Database.connect(database_url), await Database.connect(database_url)
    one, two = Lease(first, 1, told="wait"), Lease(second, 1, told="wait")
    async with held(forever(two.step, name="two"), name="two"):
        async with asyncio.timeout(5):
            await two.held.wait()
        async with held(forever(one.step, name="one"), name="one"):
            async with asyncio.timeout(5):
                while "wait" not in caplog.messages:  # it looked, and was refused
                    await asyncio.sleep(0.01)
            assert not one.held.is_set()
            assert two.held.is_set()
    async with held(forever(one.step, name="one"), name="one"), asyncio.timeout(5):
        await one.held.wait()
    await first.close()
    await second.close()
