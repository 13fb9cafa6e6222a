"""Puts several rankings of the same things together: full text, vectors, neighbours, age. Pure.

A ranking is a list of hits, best first, each with the score of its own search: BM25 has no upper
bound, a cosine lies between -1 and 1. `fuse` brings each ranking to 0 … 1 before it adds them up
with weights, because the distance between two hits says more than their places do (measured: see
docs/decisions/0013-search.md). `lend` gives part of a hit's score to what stands beside it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """Something that a search found, and how well it fits."""

    id: int
    score: float


def fuse(rankings: Sequence[Sequence[Hit]], weights: Sequence[float]) -> list[Hit]:
    """One ranking out of several, best first; equal scores stand in the order of their ids.

    Each ranking is spread over 0 … 1 (its best hit has 1, the lower end of what it found 0), times
    its weight; what a ranking did not find has 0 there.
    """
    sums: defaultdict[int, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for hit in spread(ranking):
            sums[hit.id] += weight * hit.score
    return ordered(sums)


def spread(ranking: Sequence[Hit]) -> list[Hit]:
    """The ranking with its scores brought to 0 … 1; all 1 when they do not differ."""
    if not ranking:
        return []
    high = max(hit.score for hit in ranking)
    low = min(hit.score for hit in ranking)
    if high <= low:
        return [Hit(id=hit.id, score=1.0) for hit in ranking]
    return [Hit(id=hit.id, score=(hit.score - low) / (high - low)) for hit in ranking]


def fuse_ranks(
    rankings: Sequence[Sequence[Hit]], weights: Sequence[float], *, k: float = 60.0
) -> list[Hit]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): only places count."""
    sums: defaultdict[int, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for place, hit in enumerate(ranking, start=1):
            sums[hit.id] += weight / (k + place)
    return ordered(sums)


def lend(
    hits: Iterable[Hit], neighbours: Callable[[int], Sequence[int]], *, shares: Sequence[float]
) -> list[Hit]:
    """Each hit gives `shares[d - 1]` of its score to its neighbours at distance d.

    `neighbours(id)` lists the ids beside it: nearest before, nearest after, second before, and so
    on (0 where there is none). So a passage is found that holds the answer while its neighbour
    holds the words of the question.
    """
    own = {hit.id: hit.score for hit in hits}
    sums: defaultdict[int, float] = defaultdict(float, own)
    for id_, score in own.items():
        for index, neighbour in enumerate(neighbours(id_)[: 2 * len(shares)]):
            if neighbour:
                sums[neighbour] += shares[index // 2] * score
    return ordered(sums)


def age_factor(age: timedelta, *, half_life: timedelta, floor: float) -> float:
    """How much something of this age still counts: 1 when new, never less than `floor`."""
    halves = max(0.0, age.total_seconds() / half_life.total_seconds())
    return floor + (1.0 - floor) * math.pow(0.5, halves)


def scaled(hits: Iterable[Hit], factors: Mapping[int, float]) -> list[Hit]:
    """The hits with their scores times `factors` (1 where none is given), ordered anew."""
    return ordered({hit.id: hit.score * factors.get(hit.id, 1.0) for hit in hits})


def ordered(scores: Mapping[int, float]) -> list[Hit]:
    """Hits by falling score, then by id."""
    found = (Hit(id=id_, score=score) for id_, score in scores.items())
    return sorted(found, key=lambda hit: (-hit.score, hit.id))
