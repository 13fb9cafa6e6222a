"""The bytes that a prompt has left, given out part by part.

A part that has to be cut leaves nothing for those after it, so what matters more is offered first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coordinator.context import as_record, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 200
FRAME = 200  # bytes around a summary


class Room:
    """`left` is how many there are."""

    def __init__(self, left: int) -> None:
        self.left = max(0, left)

    def take(self, used: int, *, is_cut: bool) -> None:
        """A part took `used`; `is_cut` when not all of it went in."""
        self.left = 0 if is_cut else max(0, self.left - used)

    def used(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """All of them, whatever there is."""
        self.take(lines_size(lines), is_cut=False)
        return lines

    def lines(self, offered: Sequence[str], cap: int) -> tuple[str, ...]:
        """The first of them that fit."""
        kept, room = [], min(cap, self.left)
        for line in offered:
            room -= bytes_of(line) + 1
            if room < 0:
                break
            kept.append(line)
        self.take(lines_size(kept), is_cut=len(kept) < len(offered) and self.left < cap)
        return tuple(kept)

    def whole(self, text: str, cap: int) -> str:
        """All of it or nothing: a part of a framed text would break its frame."""
        needed = bytes_of(text) + 1
        kept = text if needed <= min(cap, self.left) else ""
        self.take(lines_size((kept,)), is_cut=cap >= needed > self.left)
        return kept

    def framed(self, text: str, cap: int) -> str:
        """Its beginning and its end in a frame that it cannot close; nothing without much room."""
        room = min(cap + FRAME, self.left) - 1
        kept = _framed(text, room) if text and room > LEAST + FRAME else ""
        is_cut = self.left < cap + FRAME and bytes_of(text) + FRAME > room
        self.take(lines_size((kept,)), is_cut=is_cut)
        return kept


def _framed(text: str, room: int) -> str:
    """The most of it that fits with its frame: what hides in it takes more room once shown."""
    cap = room - FRAME
    while cap > 0:
        kept = as_record(clip(text, cap))
        if bytes_of(kept) <= room:
            return kept
        cap //= 2
    return ""


def bytes_of(text: str) -> int:
    """Of a text as it is sent."""
    return len(text.encode("utf-8", "replace"))


def lines_size(lines: Sequence[str]) -> int:
    """Bytes of lines with their ends; an empty one is none."""
    return sum(bytes_of(line) + 1 for line in lines if line)
