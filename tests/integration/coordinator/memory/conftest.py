"""A memory over a real database, with stand-ins for the embedder and the extractor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from coordinator.forgetting.store import Forgetting
from coordinator.memory.index import PassageIndex
from coordinator.memory.lane import MemoryLane
from coordinator.memory.recall import Recall
from coordinator.memory.search import Search
from coordinator.memory.store import MemoryStore
from coordinator.memory.types import MemoryId, NewMemory, Query
from core.db import Database
from core.migrate import migrate
from core.seal import Seal
from tests.support.memory import LineExtractor, WordEmbedder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Mind:
    """All parts of memory."""

    database: Database
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    extractor: LineExtractor = field(default_factory=LineExtractor)
    exports: Path | None = None

    def __post_init__(self) -> None:
        self.forgetting = Forgetting(self.database, seal=Seal("key"), exports=self.exports)
        self.store = MemoryStore(self.database, forgetting=self.forgetting)
        self.index = PassageIndex(self.database)
        self.search = Search(self.index, self.embedder)
        self.recall = Recall(self.search)
        self.lane = self.a_lane()

    def a_lane(self) -> MemoryLane:
        """The background work, as a new process would begin it."""
        return MemoryLane(
            database=self.database, store=self.store, index=self.index, search=self.search,
            embedder=self._embedder, extractor=self._extractor,
        )  # fmt: skip

    async def _embedder(self) -> WordEmbedder:
        return self.embedder

    async def _extractor(self) -> LineExtractor:
        return self.extractor

    async def keep(self, text: str, **fields: object) -> MemoryId | None:
        """Remembers something in a commit of its own."""
        new = NewMemory(text=text, **{"key": f"test:{text!a}", **fields})  # type: ignore[arg-type] # a test's
        async with self.database.transaction() as session:
            return await self.store.add(session, new)

    async def say(self, *texts: str, role: str = "owner", forwarded: bool = False) -> list[int]:
        """Messages of one answered turn, with the work that it causes."""
        async with self.database.transaction() as session:
            turn = await session.fetchval(
                "insert into turns (chat_id, state) values (1, 'done') returning id"
            )
            ids = [
                await session.fetchval(
                    "insert into messages (chat_id, role, text, turn_id, is_forwarded) "
                    "values (1, $1, $2, $3, $4) returning id",
                    role, text, turn, forwarded,
                )
                for text in texts
            ]  # fmt: skip
            await self.store.queue_turn(session, turn, extract=True, delay_s=0.0)
        return ids

    async def work(self) -> None:
        """Does all that is due."""
        while await self.lane.index_some():
            pass
        while await self.lane.extract_some(self.extractor):
            pass
        while await self.lane.embed_some(self.embedder):
            pass

    async def found(self, text: str, **fields: object) -> list[str]:
        """What a search finds."""
        query = Query(text=text, **fields)  # type: ignore[arg-type] # a test's
        return [one.text for one in await self.search.find(query)]

    async def everywhere(self, word: str) -> list[str]:
        """The tables in which the word stands."""
        tables = await self.database.fetch(
            "select table_name as name from information_schema.tables "
            "where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        query = "select count(*) from {} as t where t::text ilike $1"
        return [
            table["name"]
            for table in tables
            if await self.database.fetchval(query.format(table["name"]), f"%{word}%")
        ]


@pytest.fixture
async def mind(database_url: str) -> AsyncIterator[Mind]:
    """An empty memory."""
    database = await Database.connect(database_url)
    await migrate(database)
    yield Mind(database)
    await database.close()
