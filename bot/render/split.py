"""Cuts a long piece into messages: at most 4,096 UTF-16 units and 100 entities each.

A cut falls at the best place in the second half of what fits: between paragraphs, lines, sentences,
words, and only then anywhere. An entity that crosses a cut goes on in the next message, code with
its language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.render.types import ENTITIES_CAP, MESSAGE_CAP, Piece, utf16_len
from bot.render.writer import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")


def split(piece: Piece) -> tuple[Piece, ...]:
    """The messages that show `piece`; none when it is empty."""
    return tuple(_pieces(piece))


def _pieces(piece: Piece) -> Iterator[Piece]:
    text, at = piece.text, 0
    index = 0
    while index < len(text):
        if text[index].isspace():  # whitespace at a cut is not shown
            index, at = index + 1, at + utf16_len(text[index])
            continue
        room = _room(piece, at)
        rest = _prefix(text[index : index + MESSAGE_CAP + 1], room)
        taken = rest if index + len(rest) >= len(text) else rest[: _best_cut(rest)]
        shown = taken.rstrip()
        yield cut(piece, at, at + utf16_len(shown), shown)
        index, at = index + len(taken), at + utf16_len(taken)


def _room(piece: Piece, at: int) -> int:
    """Units that fit into a message that begins at `at`: its entities count, too."""
    inside = [e for e in piece.entities if e.end > at and e.offset < at + MESSAGE_CAP]
    if len(inside) <= ENTITIES_CAP:
        return MESSAGE_CAP
    return max(1, min(MESSAGE_CAP, inside[ENTITIES_CAP].offset - at))


def _prefix(text: str, room: int) -> str:
    """The longest beginning of `text` with at most `room` units, and at least one character."""
    if utf16_len(text) <= room:
        return text
    units = 0
    for count, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > room:
            return text[: max(1, count)]
    return text


def _best_cut(text: str) -> int:
    """Where to end a message that is not the last."""
    half = len(text) // 2
    for mark in BREAKS:
        place = text.rfind(mark, half)
        if place > 0:
            return place + len(mark)
    return max(1, _unjoined(text))


def _unjoined(text: str) -> int:
    """The end, moved back a little so that it does not separate joined characters such as emoji."""
    end = len(text)
    while end > max(1, len(text) - 16) and text[end - 1] in "\u200d\ufe0f":
        end -= 1
    return end
