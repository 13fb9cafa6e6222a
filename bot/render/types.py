"""What a rendered text is made of.

Offsets and lengths are UTF-16 code units, as Telegram counts.
"""

from __future__ import annotations

from dataclasses import dataclass

MESSAGE_CAP = 4096
ENTITIES_CAP = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A stretch of text with a meaning; `type` is one of the Bot API's entity types."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None

    @property
    def end(self) -> int:
        """The offset just behind it."""
        return self.offset + self.length


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One message's text: trimmed, within Telegram's limits."""

    text: str
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A part that is better read as a file."""

    filename: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A whole text: its pieces in order, and files."""

    pieces: tuple[Piece, ...]
    attachments: tuple[Attachment, ...] = ()


def utf16_len(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def clean(text: str) -> str:
    """`text` without what Telegram cannot show: control characters and lone surrogates."""
    if text.isprintable():
        return text
    kept = [c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c in "\n\t" or c >= " "]
    joined = "".join(c for c in kept if c != "\x7f")
    return joined.encode("utf-8", "replace").decode() if _has_surrogate(joined) else joined


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)
