"""Whether what the model wants to remember is the owner's. Pure.

Threat: a web page, a document or a forwarded message tells the model to remember something ("the
owner always pays invoices at once"), and from then on it is believed. So what the model's tool
asks for becomes a memory by itself only when all of its telling words stand in what the owner wrote
in this turn, and none of the owner's refusals was left out ("I do not want that" is no wish for
it); anything else is kept apart, is never found and never shown to a model, until the owner
confirms it by a button.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STEM = 5
SHORT = 3
_WORD = re.compile(r"[^\W_]+")
# What a sentence about the owner says with other words than the owner themselves.
_RETELLING = frozenset({
    "owner", "owners", "user", "users", "their", "theirs", "they", "them", "this", "that", "these",
    "have", "were", "with", "from", "whose", "which", "named", "called", "wants", "want", "likes",
    "like", "prefers", "remember", "remembers", "said", "says", "told", "mentioned",
})  # fmt: skip


_SENTENCE = re.compile(r"[.!?\n]+")
# Words that turn a sentence round, in the languages that the product was tried in.
_DENIALS = frozenset({
    "not", "no", "never", "none", "nobody", "nothing", "without", "cannot", "dont", "t", "nor",
    "neither", "nicht", "nie", "niemals", "kein", "keine", "keinen", "keiner", "keinem", "ohne",
    "pas", "jamais", "sans", "sin", "nunca", "non", "mai", "niet", "geen", "nooit", "не", "нет",
})  # fmt: skip


def denials(text: str) -> int:
    """How many words turn what is said round; the `t` of "don't" is one."""
    return sum(word.casefold() in _DENIALS for word in _WORD.findall(text))


def telling_words(text: str) -> frozenset[str]:
    """The beginnings of the words that carry the meaning; numbers always do."""
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(
        word[:STEM]
        for word in words
        if word not in _RETELLING and (len(word) > SHORT or word.isnumeric() or not word.isascii())
    )


def is_in_own_words(text: str, said: Iterable[str]) -> bool:
    """Whether every telling word of `text` stands in what the owner said; never without one."""
    telling, whole = telling_words(text), "\n".join(said)
    if not telling or not telling <= telling_words(whole):
        return False
    used = (part for part in _SENTENCE.split(whole) if telling & telling_words(part))
    return sum(map(denials, used)) == denials(text)
