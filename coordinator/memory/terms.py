"""Which words of a query decide, and how much each of them weighs. Pure.

Words are weighed as in BM25: the fewer passages hold one, the more it says. Common words cost the
most time and say the least, so candidates come from the rarest ones alone; all of them then count
for the order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CANDIDATES = 1_000  # passages that the deciding words may lead to, about
TERMS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """A word of the query, and how many passages hold it (0: none does)."""

    lexeme: str
    passages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The query for Postgres.

    `deciding` is a tsquery; `each` has one tsquery a word with its weight beside it in `weights`.
    `whole` is the weight of all words, known or not: what a perfect passage would reach.
    """

    deciding: str
    each: tuple[str, ...]
    weights: tuple[float, ...]
    whole: float


def weight(passages: int, total: int) -> float:
    """The inverse document frequency of BM25, which is never negative."""
    return math.log(1.0 + (max(0, total - passages) + 0.5) / (passages + 0.5))


def quoted(lexeme: str) -> str:
    """The lexeme as a tsquery that means just it."""
    inner = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{inner}'"


def choose_terms(
    counts: Sequence[Count], total: int, *, candidates: int = CANDIDATES
) -> Terms | None:
    """The rarest words that together lead to at most about `candidates` passages; None without any.

    The rarest one always counts, however common it is.
    """
    whole = sum(weight(count.passages, total) for count in counts)
    known = sorted((c for c in counts if c.passages > 0), key=lambda c: (c.passages, c.lexeme))
    known = known[:TERMS]
    if not known:
        return None
    deciding, reached = [known[0]], known[0].passages
    for count in known[1:]:
        reached += count.passages
        if reached > candidates:
            break
        deciding.append(count)
    return Terms(
        deciding="|".join(quoted(count.lexeme) for count in deciding),
        each=tuple(quoted(count.lexeme) for count in known),
        weights=tuple(weight(count.passages, total) for count in known),
        whole=whole,
    )
