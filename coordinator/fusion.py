"""Puts several rankings of the same things together: full text, vectors, neighbours, age. Pure.

A ranking is the score of each thing found, by its id: BM25 has no upper bound, a cosine lies
between -1 and 1. `fuse` brings each ranking to 0 … 1 before it adds them up with weights, because
the distance between two hits says more than their places do (measured: see
docs/decisions/0013-search.md). `lend` gives part of a hit's score to what stands beside it.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    Scores = Mapping[int, float]


def fuse(rankings: Sequence[Scores], weights: Sequence[float]) -> dict[int, float]:
    """One ranking out of several.

    Each ranking is spread over 0 … 1 (its best hit has 1, the lower end of what it found 0), times
    its weight; what a ranking did not find has 0 there.
    """
    sums: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for id_, score in spread(ranking).items():
            sums[id_] = sums.get(id_, 0.0) + weight * score
    return sums


def spread(ranking: Scores) -> dict[int, float]:
    """The ranking with its scores brought to 0 … 1; all 1 when they do not differ."""
    if not ranking:
        return {}
    low, high = min(ranking.values()), max(ranking.values())
    if high <= low:
        return dict.fromkeys(ranking, 1.0)
    width = high - low
    return {id_: (score - low) / width for id_, score in ranking.items()}


def by_share(rankings: Sequence[tuple[Scores, float]]) -> dict[int, float]:
    """One ranking of what the vectors of several models found, each with its model's share.

    A model counts by the share of things that it has embedded: the best of a few says little. What
    two models found has the better score of both. A single ranking stays as it is.
    """
    if len(rankings) == 1:
        return dict(rankings[0][0])
    best: dict[int, float] = {}
    for ranking, share in rankings:
        for id_, score in spread(ranking).items():
            best[id_] = max(best.get(id_, 0.0), share * score)
    return best


def lend(
    ranking: Scores, neighbours: Callable[[int], Sequence[int]], *, shares: Sequence[float]
) -> dict[int, float]:
    """Each hit gives `shares[d - 1]` of its score to its neighbours at distance d.

    `neighbours(id)` lists the ids beside it: nearest before, nearest after, second before, and so
    on (0 where there is none). So a passage is found that holds the answer while its neighbour
    holds the words of the question.
    """
    sums = dict(ranking)
    for id_, score in ranking.items():
        for index, neighbour in enumerate(neighbours(id_)[: 2 * len(shares)]):
            if neighbour:
                sums[neighbour] = sums.get(neighbour, 0.0) + shares[index // 2] * score
    return sums


def age_factor(age: timedelta, *, half_life: timedelta, floor: float) -> float:
    """How much something of this age still counts: 1 when new, never less than `floor`."""
    halves = max(0.0, age.total_seconds() / half_life.total_seconds())
    return floor + (1.0 - floor) * math.pow(0.5, halves)


def best_of(ranking: Scores, limit: int) -> list[int]:
    """The ids of the best, best first; equal scores stand in the order of their ids."""
    return heapq.nsmallest(limit, ranking, key=lambda id_: (-ranking[id_], id_))
