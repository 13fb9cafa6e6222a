"""Finds passages: words and vectors at the same time, fused; phrases and neighbours count.

The figures below were chosen on the public chunking set (see docs/explanation/knowledge.md). While
no vectors are there, or the embedder is away, the words alone answer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from coordinator.fusion import Hit, fuse, ordered, spread
from coordinator.knowledge.terms import terms_of
from core.errors import Retryable, UserFacing
from core.spawn import held

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from typing import Any

    from coordinator.knowledge.index import Found, Index
    from coordinator.knowledge.ports import Embedder
    from coordinator.knowledge.types import Passage

log = logging.getLogger(__name__)

WORDS, VECTORS = 0.5, 0.5
PHRASE = 0.7
SHARE = 0.06  # of a hit's score, for the chunks beside it
KIN = 0.1  # of the score of a document's best hit, for its other hits
WORD_HITS, VECTOR_HITS = 100, 100
QUESTION_CAP = 2_000
EMBED_WITHIN_S = 2.0


class Search:
    """One search over all documents."""

    def __init__(self, index: Index, embedder: Embedder | None = None) -> None:
        self._index = index
        self._embedder = embedder

    async def find(self, question: str, *, limit: int = 5) -> list[Passage]:
        """The best passages, best first.

        Raises `Retryable` only when Postgres is away; cancelling leaves nothing.
        """
        question = question[:QUESTION_CAP]
        return await self._both(question, self._by_meaning(question), limit=limit)

    async def find_with(
        self, question: str, vector: Sequence[float], *, model: str, limit: int = 5
    ) -> list[Passage]:
        """The same with the question's vector at hand."""
        by_vector = self._index.by_vector(vector, model=model, limit=VECTOR_HITS)
        return await self._both(question, by_vector, limit=limit)

    async def _both(
        self, question: str, by_vector: Coroutine[Any, Any, list[Found]], *, limit: int
    ) -> list[Passage]:
        """Words and vectors side by side; a failure of either is raised as it is."""
        async with held(by_vector, name="vectors") as near:
            words, pairs = await self._by_words(question)
            hits = combine(words, pairs, await near)
        return await self._index.passages({hit.id: hit.score for hit in hits[:limit]})

    async def _by_words(self, question: str) -> tuple[list[Found], dict[tuple[str, str], float]]:
        terms = terms_of(question)
        found, worth = await self._index.by_words(terms, limit=WORD_HITS)
        return found, pairs_of(terms, worth)

    async def _by_meaning(self, question: str) -> list[Found]:
        """By the present model; while it replaces another one, by both."""
        if self._embedder is None:
            return []
        present = self._embedder.name
        shares = await self._index.former_models()
        lists: list[tuple[list[Found], float]] = []
        for model in (present, *(name for name in shares if name != present)):
            if (vector := await self._vector(question, model)) is not None:
                found = await self._index.by_vector(vector, model=model, limit=VECTOR_HITS)
                lists.append((found, shares.get(model, 1.0)))
        return merged(lists)

    async def _vector(self, question: str, model: str) -> Sequence[float] | None:
        """The question's vector; None when the model is away or not there in time."""
        if self._embedder is None:
            return None
        try:
            async with asyncio.timeout(EMBED_WITHIN_S):
                embedded = await self._embedder.embed_by(model, [question], kind="query")
        except (Retryable, UserFacing, TimeoutError) as error:
            log.info("searching without %s: %s", model, error)
            return None
        return embedded.vectors[0]


def merged(lists: Sequence[tuple[Sequence[Found], float]]) -> list[Found]:
    """What several models found, each brought to the same scale. Pure.

    A model counts by the share of the chunks that it has embedded: the best of a few says little.
    """
    if len(lists) == 1:
        return list(lists[0][0])
    best: dict[int, Found] = {}
    for found, share in lists:
        scores = {hit.id: hit.score for hit in spread([Hit(id=f.id, score=f.score) for f in found])}
        for one in found:
            score = share * scores[one.id]
            if one.id not in best or best[one.id].score < score:
                best[one.id] = replace(one, score=score)
    return sorted(best.values(), key=lambda one: (-one.score, one.id))


def pairs_of(terms: Sequence[str], worth: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """The pairs of words that follow each other in a question, and what finding one is worth."""
    return {
        (first, second): (worth[first] + worth[second]) / 2
        for first, second in pairwise(terms)
        if first in worth and second in worth  # else no chunk holds the pair
    }


def combine(
    words: Sequence[Found], pairs: Mapping[tuple[str, str], float], near: Sequence[Found]
) -> list[Hit]:
    """One ranking of what both searches found, best first. Pure.

    A pair of words that stands in a chunk as it stands in the question adds to the words' score. A
    chunk gets a share of the score of the chunks before and after it.
    """
    known = {found.id: found for found in (*near, *words)}
    needles = [(f" {first} {second} ", worth) for (first, second), worth in pairs.items()]
    by_words = [Hit(id=f.id, score=f.score + PHRASE * _phrases(f.terms, needles)) for f in words]
    by_vector = [Hit(id=f.id, score=f.score) for f in near]
    hits = fuse([by_words, by_vector], [WORDS, VECTORS])
    return _shared(hits, known)


def _phrases(terms: str, needles: Sequence[tuple[str, float]]) -> float:
    return sum([worth for needle, worth in needles if needle in terms])


def _shared(hits: list[Hit], known: Mapping[int, Found]) -> list[Hit]:
    places = {(found.document_id, found.position): found.id for found in known.values()}

    best: dict[int, float] = {}
    for hit in hits:
        best.setdefault(known[hit.id].document_id, hit.score)
    own = {hit.id: hit.score + KIN * best[known[hit.id].document_id] for hit in hits}
    for hit in hits:
        at = known[hit.id]
        for step in (-1, 1):
            if (beside := places.get((at.document_id, at.position + step))) is not None:
                own[beside] = own.get(beside, 0.0) + SHARE * hit.score
    return ordered(own)
