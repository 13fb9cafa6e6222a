"""A database on which the process dies at a chosen moment, beside any statement or commit."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from core.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from core.db import Row, Session


class Killed(BaseException):
    """The process is gone; nothing may catch this."""


class Clockwork:
    """Counts moments, and kills at number `at` (0: never)."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0

    def tick(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed


class _Session:
    def __init__(self, session: Session, work: Clockwork) -> None:
        self._session = session
        self._work = work

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        self._work.tick()
        found = await self._session.fetch(query, *args)
        self._work.tick()
        return found

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        self._work.tick()
        found = await self._session.fetchrow(query, *args)
        self._work.tick()
        return found

    async def fetchval(self, query: str, *args: object) -> Any:
        self._work.tick()
        found = await self._session.fetchval(query, *args)
        self._work.tick()
        return found

    async def execute(self, query: str, *args: object) -> None:
        self._work.tick()
        await self._session.execute(query, *args)
        self._work.tick()

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None:
        self._work.tick()
        await self._session.executemany(query, args)
        self._work.tick()


class KillingDatabase(Database):
    """Another's pool, with a clockwork around every statement and behind every commit."""

    def __init__(self, real: Database, work: Clockwork) -> None:
        self._real = real
        self._work = work

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        async with self._real.session() as session:
            yield _Session(session, self._work)
        self._work.tick()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        async with self._real.transaction() as session:
            yield _Session(session, self._work)
        self._work.tick()
