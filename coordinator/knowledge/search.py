"""Finds passages: words and vectors at the same time, fused; phrases and neighbours count.

The figures below were chosen on the public chunking set (see docs/explanation/knowledge.md). While
no vectors are there, or the embedder is away, the words alone answer.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from coordinator.asking import Asking
from coordinator.fusion import best_of, by_share, fuse
from coordinator.knowledge.terms import terms_of
from core.spawn import held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coordinator.knowledge.index import Found, Index
    from coordinator.knowledge.ports import Embedder
    from coordinator.knowledge.types import Passage

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
        self._asking = Asking(embedder, index.shares_beside) if embedder else None

    async def find(self, question: str, *, limit: int = 5) -> list[Passage]:
        """The best passages, best first: words and vectors side by side.

        Raises `Retryable` only when Postgres is away; cancelling leaves nothing.
        """
        question = question[:QUESTION_CAP]
        async with held(self._by_meaning(question), name="vectors") as near:
            words, phrases = await self._by_words(question)
            hits = combine(words, phrases, await near)
        return await self._index.passages({id_: hits[id_] for id_ in best_of(hits, limit)})

    async def _by_words(self, question: str) -> tuple[list[Found], list[float]]:
        terms = terms_of(question)
        found, worth = await self._index.by_words(terms, limit=WORD_HITS)
        return found, phrases_in(found, pairs_of(terms, worth))

    async def _by_meaning(self, question: str) -> list[Found]:
        """By the present model; while it replaces another one, by both."""
        if self._asking is None:
            return []
        lists: list[tuple[list[Found], float]] = []
        for asked in await self._asking.vectors(question, within_s=EMBED_WITHIN_S):
            found = await self._index.by_vector(asked.vector, model=asked.model, limit=VECTOR_HITS)
            lists.append((found, asked.share))
        return merged(lists)


def merged(lists: Sequence[tuple[Sequence[Found], float]]) -> list[Found]:
    """What several models found, each counting by its share of the chunks. Pure."""
    if len(lists) == 1:
        return list(lists[0][0])
    known = {one.id: one for found, _ in lists for one in found}
    scores = by_share([({f.id: f.score for f in found}, share) for found, share in lists])
    return [replace(known[id_], score=scores[id_]) for id_ in best_of(scores, len(scores))]


def pairs_of(terms: Sequence[str], worth: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """The pairs of words that follow each other in a question, and what finding one is worth."""
    return {
        (first, second): (worth[first] + worth[second]) / 2
        for first, second in pairwise(terms)
        if first in worth and second in worth  # else no chunk holds the pair
    }


def phrases_in(words: Sequence[Found], pairs: Mapping[tuple[str, str], float]) -> list[float]:
    """What each chunk gains by pairs of words that stand in it as in the question. Pure."""
    needles = [(f" {first} {second} ", PHRASE * worth) for (first, second), worth in pairs.items()]
    return [sum([worth for needle, worth in needles if needle in one.terms]) for one in words]


def combine(
    words: Sequence[Found], phrases: Sequence[float], near: Sequence[Found]
) -> dict[int, float]:
    """One ranking of what both searches found: scores by chunk. Pure.

    `phrases` goes with `words`. Each hit gains by the best one of its document, and gives a share
    of its score to the chunks before and after it.
    """
    by_words = {f.id: f.score + more for f, more in zip(words, phrases, strict=True)}
    scores = fuse([by_words, {f.id: f.score for f in near}], [WORDS, VECTORS])
    best: dict[int, float] = {}
    places = {}
    for one in (*near, *words):
        document, score = one.document_id, scores[one.id]
        places[document, one.position] = one.id
        if score > best.get(document, -1.0):
            best[document] = score
    own = dict.fromkeys(scores, 0.0)
    for (document, position), number in places.items():
        share = SHARE * scores[number]
        own[number] += scores[number] + KIN * best[document]
        for beside in ((document, position - 1), (document, position + 1)):
            if beside in places:
                own[places[beside]] += share
    return own
