"""Words as the full text index knows them, and how much each says about a chunk. Pure.

Names in code count whole and by their parts (`parseHttpHeader` is also parse, http, header).
Endings are cut off in a simple English way, the same for what is stored and what is asked, so other
languages lose little by it. A weight is BM25's, with the chunk's length already in it; what is rare
among the chunks counts more; that is known only when somebody asks (`by_words` in queries.sql).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_WIDE}]|(?:(?![{_WIDE}])\w)+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\da-zA-Z_]+")
TERM_CAP = 64
K1, B = 1.2, 0.4
USUAL_LENGTH = 230.0  # words of a chunk; chunks are nearly equally long, so this need not be kept
_STOP = (
    "a an and are as at be been but by can could did do does for from had has have he her his how i"
    " if in into is it its me my no not of on or our she so some such than that the their them then"
    " there these they this those to was we were what when where which while who whom whose why"
    " will with would you your about also any each"
)
STOP = frozenset(_STOP.split())


def terms_of(text: str) -> list[str]:
    """The terms of a text in order; the parts of compound names follow the name."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match.group()
        found.append(stem(word.lower()[:TERM_CAP]))
        parts = _PART.findall(word) if len(word) > 3 else ()
        if len(parts) > 1:
            found.extend(stem(part.lower()[:TERM_CAP]) for part in parts if len(part) > 1)
    return [term for term in found if term and term not in STOP and term != "_"]


def stem(word: str) -> str:
    """A word without its English ending."""
    if len(word) < 4 or not word.isalpha():
        return word
    for ending, instead in (
        ("ies", "y"), ("sses", "ss"), ("ness", ""), ("ments", ""), ("ment", ""), ("ations", "at"),
        ("ation", "at"), ("ions", ""), ("ion", ""), ("ingly", ""), ("ings", ""), ("ing", ""),
        ("edly", ""), ("ed", ""), ("ers", ""), ("er", ""), ("es", ""), ("ly", ""), ("s", ""),
        ("e", ""), ("y", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return _undoubled(word[: -len(ending)] + instead)
    return word


def _undoubled(word: str) -> str:
    """`runn` is run, `stat` and `state` are one."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        return word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("y") else word


def weights_of(terms: Iterable[str]) -> dict[str, float]:
    """What each term of one chunk is worth there, before its rarity is known."""
    counts = Counter(terms)
    length = sum(counts.values())
    norm = K1 * (1 - B + B * length / USUAL_LENGTH)
    return {term: n * (K1 + 1) / (n + norm) for term, n in counts.items()}
