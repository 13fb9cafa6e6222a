"""The passages and their two indexes in Postgres: words, and vectors where pgvector is there.

Exact: every vector counts. Where there are many, the signs of their distances from the centre
choose `CHOSEN` candidates (48 bytes a passage are read instead of 768), and those are compared in
full. Below `CENTER_FROM` vectors all are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.memory.terms import Count, Terms, choose_terms
from coordinator.memory.types import Found, Model
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from coordinator.memory.types import Label
    from core.db import Database, Session

SQL = load_queries(__package__ or "coordinator.memory")
DEPTH = 200
CHOSEN = 400
CENTER_FROM = 2_000
QUERY_CAP = 4_000
TEXT_CAP = 8_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Where to look: memories or messages only (None: both); only messages before this id."""

    is_memory: bool | None = None
    before: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MessagePassage:
    """A message as it is indexed."""

    message_id: int
    role: str
    label: Label
    text: str
    talk: int
    place: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Unembedded:
    """A passage that waits for its vector."""

    id: int
    text: str
    attempts: int


class PassageIndex:
    """Reads and writes passages and vectors."""

    def __init__(self, database: Database, *, center_from: int = CENTER_FROM) -> None:
        self._db = database
        self.center_from = center_from
        self._has_vectors: bool | None = None
        self._models: dict[str, Model] = {}
        self._present: tuple[str, int, int] | None = None

    async def has_older(self, before: int) -> bool:
        """Whether there is any memory, or a message older than this one."""
        return bool(await self._db.fetchval(SQL["has_older"], before))

    async def has_vectors(self) -> bool:
        """Whether this database can hold vectors; makes their tables when it newly can."""
        if self._has_vectors is None:
            self._has_vectors = bool(await self._db.fetchval(SQL["make_vectors"]))
        return self._has_vectors

    # --- searching ---

    async def terms(self, text: str) -> tuple[Terms | None, float]:
        """The words of a query with their weights, and the average length of a passage."""
        rows = await self._db.fetch(SQL["counts_of_words"], text[:QUERY_CAP])
        if not rows:
            return None, 0.0
        counts = [Count(lexeme=row["lexeme"], passages=row["passages"]) for row in rows]
        return choose_terms(counts, rows[0]["total"]), rows[0]["average"]

    async def by_words(self, terms: Terms, average: float, *, scope: Scope) -> dict[int, float]:
        """Scores of passages that hold words of the query."""
        rows = await self._db.fetch(
            SQL["search_text"], terms.deciding, list(terms.each), list(terms.weights), average,
            scope.is_memory, scope.before, DEPTH,
        )  # fmt: skip
        return {row["id"]: row["score"] for row in rows}

    async def by_letters(self, text: str, *, scope: Scope, limit: int) -> dict[int, float]:
        """Those that hold these very letters: for parts of words, and scripts without spaces."""
        plain = text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        args = (f"%{plain[:200]}%", scope.is_memory, limit)
        rows = await self._db.fetch(SQL["search_plainly"], *args)
        return {row["id"]: row["score"] for row in rows}

    async def by_vector(
        self, model: str, vector: Sequence[float], *, scope: Scope, limit: int = DEPTH
    ) -> dict[int, float]:
        """The cosine of the passages nearest to the vector."""
        known = await self._model(model)
        if known is None or known.dimension not in {0, len(vector)}:
            return {}  # never embedded, or by a service that has changed its model's size since
        args: tuple[object, ...] = (known.id, as_text(vector), scope.is_memory, limit)
        if known.has_center:
            rows = await self._db.fetch(SQL["search_bits"], *args, max(CHOSEN, 2 * limit))
        else:
            rows = await self._db.fetch(SQL["search_all_vectors"], *args)
        return {row["id"]: row["score"] for row in rows}

    async def shares_beside(self, present: str) -> dict[str, float]:
        """The share of passages that each model embedded; empty when none but `present` did any.

        That is nearly always so.
        """
        if not await self._db.fetchval(SQL["has_former_models"], present):
            return {}
        return {row["name"]: row["share"] for row in await self._db.fetch(SQL["shares"])}

    async def _model(self, name: str) -> Model | None:
        """The model, if it has vectors here; what stays until a change of model is kept in mind."""
        known = self._models.get(name)
        if known is None or not known.has_center:
            row = await self._db.fetchrow(SQL["model_by_name"], name)
            if row is None:
                return None
            known = self._models[name] = Model(**row)
        return known

    async def beside(
        self, ids: Iterable[int], *, reach: int, before: int | None
    ) -> dict[int, tuple[int, ...]]:
        """For each passage those near it in its talk, as `coordinator.fusion.lend` wants them."""
        rows = await self._db.fetch(SQL["beside"], list(ids), reach, before)
        steps: dict[int, dict[int, int]] = {}
        for row in rows:
            steps.setdefault(row["id"], {})[row["step"]] = row["neighbour"]
        order = [step for distance in range(1, reach + 1) for step in (-distance, distance)]
        return {id_: tuple(at.get(step, 0) for step in order) for id_, at in steps.items()}

    async def passages(self, ids: Iterable[int]) -> dict[int, Found]:
        """The passages themselves, with score 0."""
        rows = await self._db.fetch(SQL["passages"], list(ids))
        return {row["id"]: Found(**row, score=0.0) for row in rows}

    # --- filling ---

    async def last_place(
        self, session: Session, chat_id: int, before: int
    ) -> tuple[int, int, datetime] | None:
        """Talk, place and time of the message indexed last before this one."""
        row = await session.fetchrow(SQL["last_place"], chat_id, before)
        return (row["talk"], row["place"], row["at"]) if row else None

    async def add_message(self, session: Session, passage: MessagePassage) -> None:
        """Indexes a message, once."""
        await session.execute(
            SQL["index_message"], passage.message_id, passage.role, passage.label,
            passage.text[:TEXT_CAP], passage.talk, passage.place, passage.at,
        )  # fmt: skip

    # --- vectors ---

    async def use_model(self, name: str, dimension: int) -> int:
        """The model that embeds from now on; passages without a vector of it are queued.

        Vectors of the former one stay until the last passage has a new one.
        """
        if self._present is not None and self._present[:2] == (name, dimension):
            return self._present[2]
        async with self._db.transaction() as session:
            row = await session.fetchrow(SQL["model"], name, dimension)
            assert row is not None  # noqa: S101 - an upsert always returns its row
            if dimension and row["dimension"] != dimension:
                await _resize(session, row["id"], row["dimension"], dimension)
            if not row["is_present"]:
                await session.execute(SQL["make_present"], row["id"])
                await session.execute(SQL["unembed_all"], row["id"])
                await session.execute(SQL["unqueue_embedded"], row["id"])
                await session.execute(SQL["drop_other_models"])
        self._models.clear()  # a model that comes back may have another number now
        self._present = (name, dimension, int(row["id"]))
        return self._present[2]

    async def unembedded(self, limit: int) -> tuple[Unembedded, ...]:
        """Passages to embed now, newest first; those that failed before come last."""
        rows = await self._db.fetch(SQL["due_to_embed"], limit)
        return tuple(Unembedded(**row) for row in rows)

    async def add_vectors(
        self, model_id: int, ids: Sequence[int], vectors: Sequence[Sequence[float]]
    ) -> None:
        """Keeps vectors; passages that were deleted meanwhile stay deleted."""
        texts = [as_text(vector) for vector in vectors]
        await self._db.execute(SQL["add_vectors"], model_id, list(ids), texts)

    async def put_off(self, ids: Sequence[int]) -> None:
        """These could not be embedded now."""
        await self._db.execute(SQL["put_off_embedding"], list(ids))

    async def settle(self, model_id: int, name: str) -> None:
        """After embedding: makes the centre once there is enough, drops models of the past."""
        await self._db.execute(SQL["drop_other_models"])
        known = await self._model(name)
        if known is None or known.has_center:
            return
        if await self._db.fetchval(SQL["count_vectors"], model_id) < self.center_from:
            return
        async with self._db.transaction() as session:
            await session.execute(SQL["lock_vectors"])
            for step in ("set_center", "add_bits", "has_center"):
                await session.execute(SQL[step], model_id)


async def _resize(session: Session, model_id: int, former: int, dimension: int) -> None:
    """A model that has other dimensions than before: its vectors cannot be compared any more."""
    if former:
        for step in ("drop_vectors", "drop_bits", "drop_center"):
            await session.execute(SQL[step], model_id)
        await session.execute(SQL["unembed_all"], model_id)
    await session.execute(SQL["set_dimension"], model_id, dimension)


def as_text(vector: Sequence[float]) -> str:
    """A vector as pgvector reads it; half precision keeps four digits anyway."""
    return "[" + ",".join(f"{number:.5g}" for number in vector) + "]"
