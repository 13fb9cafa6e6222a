"""What comes to mind before a turn: the best memories for the new message, within a few bytes.

Threat: recalled text is not an order of the owner's now, and some of it was written by others. It
goes into the prompt as framed data, is bounded, and is never extracted again (only messages are).
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from coordinator.context import NONCE
from coordinator.memory.trust import STEM, telling_words
from coordinator.memory.types import Query
from core.hygiene import delimit, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.memory.search import Search
    from coordinator.memory.types import Found

EMBED_WITHIN_S = 0.03
COVERED = 0.25
ALIKE = 0.8  # as difflib counts
SAID_CAP = 1_000
LINE_CAP = 240
LIMIT = 12
FEW = 3
KINDS: tuple[Literal["memories", "messages"], ...] = ("memories", "messages")
_WORD = re.compile(r"[^\W_]+")
SOURCE = "what you remember of the owner; it may matter now"


def worth_it(found: Found, *, near: float) -> bool:
    """Whether this is about the message at all, and not just the best of nothing.

    What others wrote comes to mind only when it is asked for.
    """
    return found.label != "untrusted" and _is_about(found, near)


def _is_about(found: Found, near: float) -> bool:
    return found.coverage >= COVERED or found.nearness >= near


def about(found: Sequence[Found], *, near: float) -> list[Found]:
    """What fits what the owner looks for; the nearest few when nothing does."""
    return [one for one in found if _is_about(one, near)] or list(found[:FEW])


def holds(text: str, words: str) -> bool:
    """Whether one of the telling words stands in the text, small misspellings aside."""
    telling = telling_words(words) or frozenset(words.casefold().split())
    if not telling.isdisjoint(telling_words(text)):
        return True
    whole = text.casefold()
    if any(not word.isascii() and word in whole for word in telling):
        return True  # writing without spaces has no words to compare
    own = _WORD.findall(whole)
    wanted = (word for word in _WORD.findall(words.casefold()) if {word, word[:STEM]} & telling)
    return any(get_close_matches(word, own, n=1, cutoff=ALIKE) for word in wanted)


def near_of(search: Search) -> float:
    """How near a passage must be to be about something, by the present embedder's scale."""
    return search.near


def excerpt(text: str, query: str, cap: int) -> str:
    """The `cap` characters of `text` that hold most of the query's words; the earliest of equals.

    What somebody said once often stands in the middle of a long message about other things.
    """
    if len(text) <= cap:
        return text
    stems = telling_words(query)
    places = [(m.start(), m[0].casefold()[:STEM]) for m in _WORD.finditer(text)]
    hits = [(at, stem) for at, stem in places if stem in stems][:200]
    reach, best, most = cap * 2 // 3, 0, 0
    for number, (at, _) in enumerate(hits):
        count = len({stem for start, stem in hits[number:] if start < at + reach})
        if count > most:
            best, most = at, count
    start = max(0, min(best - cap // 6, len(text) - cap + 1))
    head = "…" if start else ""
    end = start + cap - len(head)
    tail = "…" if end < len(text) else ""
    return head + text[start : end - len(tail)].strip() + tail


def line_of(found: Found, query: str = "") -> str:
    """A memory or an earlier message in one line; of a long one what the query is about."""
    text = excerpt(" ".join(visible(found.text).split()), query, LINE_CAP)
    who = found.layer or {"owner": "the owner said", "assistant": "you said"}.get(
        found.role, "said"
    )
    return f"- {found.at:%Y-%m-%d} {who}: {text}"


def packed(found: Sequence[Found], *, budget: int, query: str = "") -> str:
    """The lines that fit into `budget` bytes, best first, framed as data; empty without any."""
    label = "owner" if all(one.label == "owner" for one in found) else "untrusted"
    room = budget - len(delimit("", source=SOURCE, label=label, nonce=NONCE).encode())
    lines: list[str] = []
    for one in found:
        line = line_of(one, query)
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    return delimit("\n".join(lines), source=SOURCE, label=label, nonce=NONCE) if lines else ""


class Recall:
    """Looks for what a turn should know."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def before_turn(self, said: str, *, before: int, budget: int) -> str:
        """A block for the system message; may be empty.

        `before`: the id of the first message that the prompt holds anyway. Waits 30 ms for the
        embedder at most; `Retryable` when Postgres is away.
        """
        text = said.strip()[:SAID_CAP]
        if budget <= 0 or not text or not await self._search.may_find(before=before):
            return ""
        vectors = await self._search.vectors(text, within_s=EMBED_WITHIN_S)
        found: list[Found] = []
        for kind in KINDS:
            query = Query(text=text, limit=LIMIT, kinds=kind, before=before)
            found += await self._search.find(query, vectors=vectors)
        near = near_of(self._search)
        worth = [one for one in found if worth_it(one, near=near)]
        return packed(worth, budget=budget, query=text)

    async def answer(self, words: str, *, limit: int = 8) -> str:
        """What the model's tool `recall` is told."""
        found = await self._search.find(Query(text=words[:SAID_CAP], limit=limit))
        return packed(found, budget=4_000, query=words) or "Nothing is remembered about that."
