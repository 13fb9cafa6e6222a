"""What a failing statement means: Postgres is away, or our own code is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.db import Database
from core.errors import Bug, Retryable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = await Database.connect(database_url)
    yield made
    await made.close()


async def test_a_wrong_number_of_arguments_is_a_bug_and_no_outage(database: Database) -> None:
    with pytest.raises(Bug, match="the server expects 1 argument"):
        await database.fetchval("select $1::int")
    with pytest.raises(Bug):
        async with database.transaction() as session:
            await session.execute("select $1::int", 1, 2)
    with pytest.raises(Bug):
        await database.executemany("select $1::int", [(1, 2)])
    with pytest.raises(Bug):
        async with database.alone() as session:
            await session.fetchval("select $1::int")
    assert await database.fetchval("select $1::int", 3) == 3


async def test_a_connection_that_is_gone_is_an_outage(database: Database) -> None:
    with pytest.raises(Retryable):
        await database.fetchval("select pg_terminate_backend(pg_backend_pid())")
    assert await database.fetchval("select 1") == 1


async def test_a_closed_pool_is_an_outage(database: Database) -> None:
    await database.close()
    with pytest.raises(Retryable):
        await database.fetchval("select 1")
