"""Text, Markdown and code: decoded, and cut into pieces of a size that is easy to handle. Pure."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 100_000  # characters
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def decoded(content: bytes) -> str:
    """The text, whatever it was written in; what cannot be decoded is replaced."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _lines(content.decode(name, "replace"))
    try:
        return _lines(content.decode("utf-8"))
    except UnicodeDecodeError:
        name = "utf-8" if content.count(b"\x00") else "cp1252"
        return _lines(content.decode(name, "replace"))


def is_binary(content: bytes) -> bool:
    """Whether this is no text at all, whatever its name says."""
    if content.startswith(tuple(mark for mark, _ in _MARKS)):
        return False
    return b"\x00" in content[:8192]


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


def pieces(text: str) -> Iterator[str]:
    """The text in pieces: together they are all of it, each ends between paragraphs or lines."""
    start = 0
    while start < len(text):
        end = min(len(text), start + PIECE)
        if end < len(text):
            for mark in ("\n\n", "\n", " "):
                at = text.rfind(mark, start + PIECE // 2, end)
                if at > start:
                    end = at + len(mark)
                    break
        yield text[start:end]
        start = end
