"""Letters that look like Latin ones: a small, hand-picked table.

Only what is read as a Latin letter at a glance in a sans-serif font: Cyrillic, Greek, and the
fullwidth, mathematical and letter-like forms, which Unicode's own compatibility mapping names.
"""

from __future__ import annotations

import unicodedata

_TWINS = {
    # Cyrillic, small
    0x0430: "a", 0x0435: "e", 0x043E: "o", 0x0440: "p", 0x0441: "c", 0x0443: "y", 0x0445: "x",
    0x0455: "s", 0x0456: "i", 0x0457: "i", 0x0458: "j", 0x0475: "v", 0x04AF: "y", 0x04BB: "h",
    0x04CF: "l", 0x0501: "d", 0x051B: "q", 0x051D: "w", 0x0433: "r", 0x043F: "n", 0x0432: "b",
    0x043A: "k", 0x043C: "m", 0x043D: "h", 0x0442: "t", 0x0450: "e", 0x0451: "e", 0x0461: "w",
    # Cyrillic, capital
    0x0405: "S", 0x0406: "I", 0x0408: "J", 0x0410: "A", 0x0412: "B", 0x0415: "E", 0x041A: "K",
    0x041C: "M", 0x041D: "H", 0x041E: "O", 0x0420: "P", 0x0421: "C", 0x0422: "T", 0x0423: "Y",
    0x0425: "X", 0x0474: "V", 0x04AE: "Y", 0x04C0: "I", 0x050C: "G", 0x051A: "Q", 0x051C: "W",
    # Greek
    0x0391: "A", 0x0392: "B", 0x0395: "E", 0x0396: "Z", 0x0397: "H", 0x0399: "I", 0x039A: "K",
    0x039C: "M", 0x039D: "N", 0x039F: "O", 0x03A1: "P", 0x03A4: "T", 0x03A5: "Y", 0x03A7: "X",
    0x03B1: "a", 0x03B9: "i", 0x03BA: "k", 0x03BD: "v", 0x03BF: "o", 0x03C1: "p", 0x03C5: "u",
    0x03C7: "x", 0x03F2: "c", 0x03F3: "j", 0x03F9: "C", 0x037F: "J",
}  # fmt: skip
_STYLED = ((0xFF21, 0xFF5A), (0x2100, 0x214F), (0x2160, 0x217F), (0x1D400, 0x1D7FF))
_CYRILLIC_OR_GREEK = ((0x0370, 0x052F), (0x1C80, 0x1C8F), (0x1F00, 0x1FFF), (0xA640, 0xA69F))


def _styled() -> dict[int, str]:
    found = {}
    for first, last in _STYLED:
        for code in range(first, last + 1):
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1 and plain.isascii() and plain.isalpha():
                found[code] = plain
    return found


LATIN_TWINS: dict[int, str] = _TWINS | _styled()
"""Code point to the ASCII letter it looks like; made for `str.translate`."""


def odd_letters(word: str) -> frozenset[str]:
    """The letters of a mixed-script word that do not belong; empty for an ordinary word."""
    latin = [c for c in word if _is_latin(c)]
    twins = [c for c in word if ord(c) in LATIN_TWINS]
    if not latin or not twins:
        return frozenset()
    if sum(_is_cyrillic_or_greek(c) for c in word) > len(latin):
        return frozenset(latin)
    return frozenset(twins)


def _is_latin(char: str) -> bool:
    return char.isalpha() and (ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00)


def _is_cyrillic_or_greek(char: str) -> bool:
    return any(first <= ord(char) <= last for first, last in _CYRILLIC_OR_GREEK)
