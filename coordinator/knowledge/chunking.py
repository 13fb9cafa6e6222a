"""Cuts documents into chunks of about 400 tokens. Pure.

Chunks lie one after another: together they are the whole text, nothing is lost, doubled or moved,
so neighbours can be joined again at any time. A chunk never runs over a page's edge when it has
enough of its own, and starts at a heading or a definition where there is one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.knowledge.boundaries import SECTION, cuts_of, headings_of
from coordinator.knowledge.tokens import TokenRuler
from coordinator.knowledge.types import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from coordinator.knowledge.boundaries import Heading
    from coordinator.knowledge.types import Page

MOST = 480  # they come to about 400 on average
LEAST = 260
LONGEST = 6_000  # characters; a run without spaces may be one token a mark
HEADING_CAP = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """Bounds of a chunk in tokens: at most `most`, and at least `least` where a cut is free."""

    most: int = MOST
    least: int = LEAST


_SIZES = Sizes()


def chunk_pages(
    pages: Iterable[Page], *, is_code: bool = False, sizes: Sizes = _SIZES
) -> Iterator[Chunk]:
    """The chunks of a document, in order. Headings stay in force over page edges."""
    position = offset = 0
    path: list[Heading] = []
    for page in pages:
        headings = [] if is_code else headings_of(page.text)
        trail = _trail(path, headings)
        for start, end in spans(page.text, is_code=is_code, sizes=sizes):
            text = page.text[start:end]
            if text.strip():
                here = trail[_index(headings, start, text)]
                yield Chunk(
                    position=position, text=text, start=offset + start, end=offset + end,
                    page=page.number, headings=page.headings + tuple(h.title[:HEADING_CAP]
                                                                     for h in here),
                )  # fmt: skip
                position += 1
        offset += len(page.text)
        path = list(trail[-1])


def _trail(path: list[Heading], headings: Sequence[Heading]) -> list[tuple[Heading, ...]]:
    """The heading path before any heading of the page, and after each of them."""
    trail = [tuple(path)]
    for heading in headings:
        kept = [above for above in trail[-1] if above.level < heading.level]
        trail.append((*kept, heading))
    return trail


def _index(headings: Sequence[Heading], start: int, text: str) -> int:
    """Which path holds where a chunk's first words stand: a heading at its beginning counts."""
    first = start + len(text) - len(text.lstrip())
    return bisect_right([heading.at for heading in headings], first)


def spans(text: str, *, is_code: bool, sizes: Sizes = _SIZES) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk of one page; together they cover it."""
    ruler = TokenRuler(text)
    cuts = cuts_of(text, is_code=is_code)
    places = sorted(cuts)
    start = 0
    while start < len(text):
        end = _end(start, ruler=ruler, text=text, places=places, cuts=cuts, sizes=sizes)
        yield start, end
        start = end


def _end(
    start: int, *, ruler: TokenRuler, text: str, places: list[int], cuts: dict[int, int],
    sizes: Sizes,
) -> int:  # fmt: skip
    """Where the chunk that begins at `start` ends: at the best cut that leaves it big enough."""
    reach = min(ruler.reach(start, sizes.most), start + LONGEST)
    first = bisect_right(places, start)
    last = bisect_right(places, reach)
    enough = ruler.after(start, sizes.least)
    window = places[bisect_right(places, enough - 1) : last]
    if reach >= len(text):
        sections = [at for at in window if cuts[at] == SECTION]
        return (
            sections[-1] if sections and _is_worth(sections[-1], text, ruler, sizes) else len(text)
        )
    if window:
        return max(window, key=lambda at: (cuts[at], at))
    return places[last - 1] if last > first else reach


def _is_worth(at: int, text: str, ruler: TokenRuler, sizes: Sizes) -> bool:
    """Whether what follows a section's heading is enough for a chunk of its own."""
    return ruler.between(at, len(text)) >= sizes.least
