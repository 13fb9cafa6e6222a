"""Writes text and remembers which stretches of it mean something."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.render.types import Entity, Piece, clean, utf16_len

if TYPE_CHECKING:
    from collections.abc import Iterator


CODE = frozenset({"code", "pre"})
STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "text_link"})


class Writer:
    """Grows a text; entities are opened and closed around what is written."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._entities: list[Entity] = []
        self._last = ""

    @property
    def length(self) -> int:
        """UTF-16 units written so far."""
        return self._length

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written yet."""
        return not self._last

    def write(self, text: str) -> None:
        """Appends text."""
        text = clean(text)
        if text:
            self._parts.append(text)
            self._length += utf16_len(text)
            self._last = (self._last + text)[-2:]

    def break_to(self, newlines: int) -> None:
        """Makes sure that the text ends with this many newlines (1 or 2), unless it is empty."""
        if self.is_empty:
            return
        have = len(self._last) - len(self._last.rstrip("\n"))
        self.write("\n" * max(0, newlines - have))

    @contextmanager
    def entity(
        self, kind: str, *, url: str | None = None, language: str | None = None
    ) -> Iterator[None]:
        """What is written inside the block is of this kind; nothing written, nothing marked."""
        begin = self._length
        place = len(self._entities)
        yield
        if self._length > begin:
            found = Entity(
                type=kind, offset=begin, length=self._length - begin, url=url, language=language
            )
            self._entities.insert(place, found)

    def piece(self) -> Piece:
        """All of it as one piece of any length, trimmed."""
        entities = tuple(_outside_code(self._entities))
        return trimmed(Piece(text="".join(self._parts), entities=entities))


def _outside_code(entities: list[Entity]) -> Iterator[Entity]:
    """`entities` with styles and links cut out where they would touch code."""
    code = [e for e in entities if e.type in CODE]
    yield from (e for e in entities if e.type not in STYLES)
    for entity in (e for e in entities if e.type in STYLES):
        begin = entity.offset
        for hole in (c for c in code if c.end > entity.offset and c.offset < entity.end):
            if hole.offset > begin:
                yield replace(entity, offset=begin, length=hole.offset - begin)
            begin = max(begin, hole.end)
        if begin < entity.end:
            yield replace(entity, offset=begin, length=entity.end - begin)


def trimmed(piece: Piece) -> Piece:
    """`piece` without surrounding whitespace, entities moved along; Telegram would do the same."""
    stripped = piece.text.strip()
    if stripped == piece.text:
        return _sorted(piece)
    lead = utf16_len(piece.text) - utf16_len(piece.text.lstrip())
    return cut(piece, lead, lead + utf16_len(stripped), stripped)


def cut(piece: Piece, begin: int, end: int, text: str) -> Piece:
    """The part from `begin` to `end` (UTF-16), whose text is `text`; entities are clipped to it."""
    entities = []
    for entity in piece.entities:
        first, last = max(entity.offset, begin), min(entity.end, end)
        if first < last:
            entities.append(replace(entity, offset=first - begin, length=last - first))
    return _sorted(Piece(text=text, entities=tuple(entities)))


def _sorted(piece: Piece) -> Piece:
    entities = tuple(sorted(piece.entities, key=lambda e: (e.offset, -e.length)))
    return Piece(text=piece.text, entities=entities)


def compose(*parts: str | tuple[str, str]) -> Piece:
    """A short piece from plain texts and (entity type, text) pairs."""
    writer = Writer()
    for part in parts:
        if isinstance(part, str):
            writer.write(part)
        else:
            with writer.entity(part[0]):
                writer.write(part[1])
    return writer.piece()
