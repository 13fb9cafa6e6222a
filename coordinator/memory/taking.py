"""What an extractor's answer becomes. Pure.

Threat: text that is not the owner's reaches the memory and is believed for ever. So nothing but the
owner's own words is ever handed to an extractor (see `own_text`), and of what comes back only this
is taken: candidates of the messages that were asked about, few and short ones, that supersede at
most a memory which was shown to the extractor.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING

from coordinator.memory.types import TEXT_CAP, NewMemory
from core.tasks.seen import own_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coordinator.memory.types import Candidate, MemoryId

A_MESSAGE = 8
WORDS_CAP = 4_000
SHORTEST, FEWEST_WORDS = 8, 3
# Scripts without spaces between words: there only the length counts.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]")


def own_text(text: str) -> str:
    """The owner's own words in a message: without our notes, within the cap.

    Empty when there is nothing to learn from it, so that small talk ("hello", "thank you") costs
    no model call: too short, too few words, or no letters.
    """
    own = own_words(text).strip()[:WORDS_CAP]
    is_long = len(own) >= SHORTEST and any(c.isalpha() for c in own)
    return own if is_long and (_UNSPACED.search(own) or len(own.split()) >= FEWEST_WORDS) else ""


def takeable(
    candidates: Iterable[Candidate], *, asked: Sequence[int], shown: Iterable[MemoryId]
) -> list[NewMemory]:
    """The memories to keep."""
    taken: list[NewMemory] = []
    counts: Counter[int] = Counter()
    known = frozenset(shown)
    for candidate in candidates:
        text = " ".join(candidate.text.split())[:TEXT_CAP]
        if not text or candidate.message_id not in asked:
            continue
        counts[candidate.message_id] += 1
        if counts[candidate.message_id] > A_MESSAGE:
            continue
        taken.append(
            NewMemory(
                text=text, key=key_of(candidate.message_id, text), layer=candidate.layer,
                message_id=candidate.message_id,
                supersedes=candidate.supersedes if candidate.supersedes in known else None,
            )
        )  # fmt: skip
    return taken


def key_of(message_id: int, text: str) -> str:
    """Names what was taken from a message: the same twice is kept once."""
    digest = hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()
    return f"message:{message_id}:{digest[:16]}"
