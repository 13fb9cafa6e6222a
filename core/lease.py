"""One process at a time: a Postgres advisory lock held by a connection of its own.

The lock goes with the connection, so a killed process leaves none behind. Losing the connection (a
restart of Postgres) loses the lock; it is taken again as soon as Postgres is back.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.db import Database, Session

log = logging.getLogger(__name__)

CHECK_EVERY_S = 5.0
RETRY_EVERY_S = 0.5
TRY_LOCK = "select pg_try_advisory_lock($1)"


class Lease:
    """Run `step` forever; `held` is set while this process has the lock."""

    def __init__(self, database: Database, key: int, *, told: str) -> None:
        self._database = database
        self._key = key
        self._told = told
        self.held = asyncio.Event()

    async def step(self) -> None:
        """Takes the lock and keeps it until its connection breaks; `Retryable` then."""
        try:
            async with self._database.alone() as session:
                await self._take(session)
                self.held.set()
                while await session.fetchval("select true"):  # noqa: ASYNC110 - a look is the point
                    await asyncio.sleep(CHECK_EVERY_S)
        finally:
            self.held.clear()

    async def _take(self, session: Session) -> None:
        has_told = False
        while not await session.fetchval(TRY_LOCK, self._key):
            if not has_told:
                log.warning(self._told)
                has_told = True
            await asyncio.sleep(RETRY_EVERY_S)
