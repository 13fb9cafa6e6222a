"""Hybrid search: words and vectors at the same time, fused; neighbours share; age counts a little.

The figures below were chosen on conversations 1 to 5 of LoCoMo and are reported for 6 to 10 apart
(docs/decisions/0013-search.md).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from coordinator.fusion import Hit, age_factor, fuse, lend, scaled
from coordinator.memory.index import Scope
from core.db import storable
from core.errors import Retryable, UserFacing
from core.spawn import held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.memory.index import PassageIndex
    from coordinator.memory.ports import Embedder, Vectors
    from coordinator.memory.types import Found, Query

log = logging.getLogger(__name__)

WORDS, VECTORS = 1.0, 0.6
SHARES = (0.5, 0.35)
LENDERS = 100
HALF_LIFE = timedelta(days=365)
AGE_FLOOR = 0.9
KINDS = {"memories": True, "messages": False, "all": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """How well a passage fits by itself, on scales that do not depend on the other hits."""

    coverage: float = 0.0
    nearness: float = 0.0

    def best(self, other: _Fit) -> _Fit:
        return _Fit(
            coverage=max(self.coverage, other.coverage),
            nearness=max(self.nearness, other.nearness),
        )


class Search:
    """Finds passages. `embedders`: the present model first, then those still being replaced."""

    def __init__(self, index: PassageIndex, embedders: Sequence[Embedder] = ()) -> None:
        self._index = index
        self.embedders = tuple(embedders)

    async def may_find(self, *, before: int) -> bool:
        """Whether there is anything to find for a turn; false in a young conversation."""
        return await self._index.has_older(before)

    async def vectors(self, text: str, *, within_s: float) -> tuple[Vectors, ...]:
        """The query's vectors; none when the embedder is away or not there in time."""
        if within_s <= 0 or not self.embedders or not await self._index.has_vectors():
            return ()
        try:
            async with asyncio.timeout(within_s):
                return tuple([await one.embed([text], kind="query") for one in self.embedders])
        except (TimeoutError, Retryable, UserFacing) as error:
            log.debug("searching by words alone: %s", type(error).__name__)
            return ()

    async def find(
        self, query: Query, *, vectors: tuple[Vectors, ...] | None = None,
        now: datetime | None = None,
    ) -> list[Found]:  # fmt: skip
        """The best passages, best first.

        `vectors`: those of the query, when they are known already. Raises `Retryable` only when
        Postgres is away; cancelling leaves nothing.
        """
        query = replace(query, text=storable(query.text))
        scope = Scope(is_memory=KINDS[query.kinds], before=query.before)
        async with held(self._by_vectors(query, scope, vectors), name="vectors") as near:
            by_words, whole = await self._by_words(query, scope)
            by_vector = await near
        fits = _fits(by_words, whole, by_vector)
        weights = (WORDS, *(VECTORS for _ in by_vector))
        fused = fuse([[*by_words, *_ground(by_words)], *by_vector], weights)
        return await self._finish([hit for hit in fused if hit.id], fits, query, now=now)

    async def _by_words(self, query: Query, scope: Scope) -> tuple[list[Hit], float]:
        terms, average = await self._index.terms(query.text)
        hits = await self._index.by_words(terms, average, scope=scope) if terms else []
        if not hits:
            limit = query.limit
            hits = await self._index.by_letters(query.text, scope=scope, limit=limit)
            return hits, 1.0
        return hits, terms.whole if terms else 0.0

    async def _by_vectors(
        self, query: Query, scope: Scope, given: tuple[Vectors, ...] | None
    ) -> list[list[Hit]]:
        if given is None:
            given = await self.vectors(query.text, within_s=query.embed_s)
        return [
            await self._index.by_vector(one.model, one.vectors[0], scope=scope) for one in given
        ]

    async def _finish(
        self, fused: list[Hit], fits: dict[int, _Fit], query: Query, *, now: datetime | None
    ) -> list[Found]:
        """Neighbours, age, and the passages themselves."""
        lenders = fused[:LENDERS]
        beside = await self._index.beside(
            [hit.id for hit in lenders], reach=len(SHARES), before=query.before
        ) if query.kinds != "memories" else {}  # fmt: skip
        hits = lend(fused, lambda id_: beside.get(id_, ()), shares=SHARES)
        wanted = [hit.id for hit in hits[: max(4 * query.limit, 40)]]
        passages = await self._index.passages(wanted)
        for id_ in wanted:
            for neighbour in beside.get(id_, ()):
                if neighbour in passages and id_ in fits:
                    fits[neighbour] = fits.get(neighbour, _Fit()).best(fits[id_])
        moment = now or datetime.now(UTC)
        factors = {id_: _age(passage, moment) for id_, passage in passages.items()}
        best = scaled((hit for hit in hits if hit.id in passages), factors)
        found = (
            replace(passages[hit.id], score=hit.score, coverage=fits.get(hit.id, _Fit()).coverage,
                    nearness=fits.get(hit.id, _Fit()).nearness)
            for hit in best
        )  # fmt: skip
        return [one for one in found if _is_before(one, query)][: query.limit]


def _ground(hits: list[Hit]) -> list[Hit]:
    """The zero of full text: a passage without any of the words."""
    return [Hit(id=0, score=0.0)] if hits else []


def _fits(by_words: list[Hit], whole: float, by_vector: list[list[Hit]]) -> dict[int, _Fit]:
    fits = {hit.id: _Fit(coverage=hit.score / whole if whole else 0.0) for hit in by_words}
    for hits in by_vector:
        for hit in hits:
            fits[hit.id] = fits.get(hit.id, _Fit()).best(_Fit(nearness=hit.score))
    return fits


def _age(passage: Found, now: datetime) -> float:
    return age_factor(now - passage.at, half_life=HALF_LIFE, floor=AGE_FLOOR)


def _is_before(found: Found, query: Query) -> bool:
    return query.before is None or found.message_id is None or found.message_id < query.before
