"""What can be searched, in Postgres: reads only, each one statement. Scores: higher is better.

Words: BM25 over packed postings, one array a word and run of chunks, so that 150,000 chunks answer
in milliseconds. Words that very many chunks hold are left out when there are rarer ones (`WORK`).
Vectors: compared in full where there are few; else the signs of their distances from the middle
choose `CANDIDATES` first. Raises `Retryable` while Postgres is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.knowledge.types import ChunkId, DocumentId, Passage
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.db import Database, Row

SQL = load_queries("coordinator.knowledge")
WORK = 5_000  # postings that one search may add up
CANDIDATES = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A chunk that one search found. `terms`: its words in order, if found by them."""

    id: int
    score: float
    document_id: int
    position: int
    terms: str


class Index:
    """The read path."""

    def __init__(self, database: Database, *, work: int = WORK) -> None:
        self._db = database
        self._work = work
        self._with_center: dict[str, int] = {}

    async def is_empty(self) -> bool:
        """Whether no document answers yet."""
        return bool(await self._db.fetchval(SQL["is_empty"]))

    async def by_words(
        self, terms: Sequence[str], *, limit: int
    ) -> tuple[list[Found], dict[str, float]]:
        """The chunks that hold the terms best, and how much each term that is anywhere counts."""
        if not terms:
            return [], {}
        rows = await self._db.fetch(SQL["by_words"], list(set(terms)), self._work, limit)
        worth = {row["terms"]: row["score"] for row in rows if row["id"] is None}
        return [_found(row) for row in rows if row["id"] is not None], worth

    async def by_vector(self, vector: Sequence[float], *, model: str, limit: int) -> list[Found]:
        """The nearest chunks among those that `model` embedded, without terms."""
        known = self._with_center.get(model)
        if known is not None and (found := await self._by_bits(known, vector, limit)):
            return found
        row = await self._db.fetchrow(SQL["present_model"], model)
        if row is None:
            return []
        if row["has_center"]:
            self._with_center[model] = row["id"]
            return await self._by_bits(row["id"], vector, limit)
        rows = await self._db.fetch(SQL["by_vector"], row["id"], as_vector(vector), limit)
        return [_found(r) for r in rows]

    async def shares_beside(self, present: str) -> dict[str, float]:
        """The share of chunks that each model embedded; empty when none but `present` did any.

        That is nearly always so.
        """
        if not await self._db.fetchval(SQL["has_former_models"], present):
            return {}
        return {row["name"]: row["share"] for row in await self._db.fetch(SQL["shares"])}

    async def _by_bits(self, model_id: int, vector: Sequence[float], limit: int) -> list[Found]:
        args = (model_id, as_vector(vector), limit, CANDIDATES)
        return [_found(row) for row in await self._db.fetch(SQL["by_bits"], *args)]

    async def passages(self, scores: dict[int, float]) -> list[Passage]:
        """The chunks themselves, best first; those that are gone by now are left out."""
        rows = await self._db.fetch(SQL["passages"], list(scores))
        found = [passage(row, scores[row["id"]]) for row in rows]
        return sorted(found, key=lambda p: (-p.score, p.id))

    async def around(self, chunk_id: int, *, reach: int) -> list[Passage]:
        """A chunk and up to `reach` neighbours on both sides, in order; empty when it is gone."""
        rows = await self._db.fetch(SQL["around"], chunk_id, reach)
        return [passage(row, 0.0) for row in rows]


def as_vector(vector: Iterable[float]) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{number:.6g}" for number in vector) + "]"


def _found(row: Row) -> Found:
    return Found(
        id=row["id"], score=row["score"], document_id=row["document_id"],
        position=row["position"], terms=row["terms"],
    )  # fmt: skip


def passage(row: Row, score: float) -> Passage:
    """A row with the columns of `passages`."""
    return Passage(
        id=ChunkId(row["id"]), document_id=DocumentId(row["document_id"]),
        document=row["document"], position=row["position"], text=row["text"], page=row["page"],
        headings=tuple(row["headings"]), score=score,
    )  # fmt: skip
