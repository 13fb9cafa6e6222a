"""Runs of chunks with the words they hold, ready to be written. Pure.

A run is small, so that indexing a book needs little memory at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from coordinator.knowledge.chunking import chunk_pages
from coordinator.knowledge.terms import terms_of, weights_of
from coordinator.knowledge.types import Page
from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coordinator.knowledge.types import Chunk

RUN = 128
LINE_CAP = 1_000_000  # characters of one line of the reader's file
TEXT_CAP = 60_000_000  # characters of a document
PAGES_CAP = 200_000
MALFORMED = UserFacing("The reader gave back something that is no text.", "Please try it again.")

Postings = dict[str, tuple[list[int], list[float]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A run of chunks. Postings name chunks by their place in the run."""

    chunks: tuple[Chunk, ...]
    terms: tuple[str, ...]
    postings: Postings


def embedding_text(headings: Iterable[str], text: str) -> str:
    """What is embedded and indexed of a chunk: its nearest headings lead it."""
    above = " > ".join(tuple(headings)[-2:])
    return f"{above}\n{text}" if above else text


def segments_of(pages: Iterable[Page], *, is_code: bool) -> Iterator[Segment]:
    """The document's chunks in runs, in order."""
    chunks = chunk_pages(pages, is_code=is_code)
    while run := tuple(islice(chunks, RUN)):
        yield segment_of(run)


def segment_of(run: tuple[Chunk, ...]) -> Segment:
    """One run with its words."""
    postings: Postings = {}
    lines = []
    for place, chunk in enumerate(run):
        terms = terms_of(embedding_text(chunk.headings, chunk.text))
        lines.append(f" {' '.join(terms)} ")
        for term, weight in weights_of(terms).items():
            places, weights = postings.setdefault(term, ([], []))
            places.append(place)
            weights.append(weight)
    return Segment(chunks=run, terms=tuple(lines), postings=postings)


def read_pages(lines: Iterable[str]) -> Iterator[Page]:
    """The reader's file as pages. It comes from a container, so nothing about it is believed."""
    total = 0
    for count, line in enumerate(lines):
        if len(line) > LINE_CAP or count >= PAGES_CAP:
            raise MALFORMED
        page = _page(line)
        total += len(page.text)
        if total > TEXT_CAP:
            raise UserFacing("It holds more text than I can keep.", "Please split it.")
        yield page


def _page(line: str) -> Page:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise MALFORMED from None
    if not isinstance(found, dict):
        raise MALFORMED
    text, number, headings = found.get("text"), found.get("page"), found.get("headings", [])
    if not isinstance(text, str) or not isinstance(headings, list):
        raise MALFORMED
    if number is not None and (type(number) is not int or not 0 < number < 1_000_000):
        raise MALFORMED
    return Page(
        text=text, number=number, headings=tuple(str(heading)[:120] for heading in headings[:6])
    )
