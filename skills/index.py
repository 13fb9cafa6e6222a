"""Finds skills by words, and tells the coordinator of them in few bytes. Pure.

The coordinator's prompt has one size whether there are five skills or five hundred: names and short
descriptions while they fit, then names, then how to search for the rest.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from skills.types import Skill

BUDGET_BYTES = 1_500
SHORT_CAP = 90
ALL = "Skills:"
_WORD = re.compile(r"[^\W_]+")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do for from has have how i in is it its me my of on or please"
        " that the this to use used using what when which with you your",
    )
)
_NAME_WEIGHT, _START_WEIGHT = 4.0, 0.6


def search(skills: Iterable[Skill], query: str, limit: int = 10) -> tuple[Skill, ...]:
    """The skills that fit the words best, best first; those without a common word are left out."""
    documents = [(skill, _words(skill.name), _words(skill.description)) for skill in skills]
    seen = Counter(word for _, name, text in documents for word in {*name, *text})
    rarity = {word: math.log(1 + len(documents) / count) for word, count in seen.items()}
    wanted = _words(query[:1000])
    scored = [(_score(wanted, name, text, rarity=rarity), skill) for skill, name, text in documents]
    best = sorted((s for s in scored if s[0] > 0), key=lambda s: (-s[0], s[1].name))
    return tuple(skill for _, skill in best[:limit])


def _score(
    wanted: Sequence[str], name: Sequence[str], text: Sequence[str], *, rarity: Mapping[str, float]
) -> float:
    return sum(
        _NAME_WEIGHT * _hit(word, name, rarity) + _hit(word, text, rarity) for word in set(wanted)
    )


def _hit(word: str, words: Sequence[str], rarity: Mapping[str, float]) -> float:
    """A whole word counts fully, the beginning of one less."""
    if word in words:
        return rarity[word]
    starts = [w for w in words if len(word) > 3 and len(w) > 3 and _same_start(word, w)]
    return max((rarity[w] for w in starts), default=0.0) * _START_WEIGHT


def _same_start(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _words(text: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple(word for word in _WORD.findall(folded) if word not in _COMMON)


def prompt_index(
    skills: Iterable[Skill],
    budget_bytes: int = BUDGET_BYTES,
    *,
    uses: Mapping[str, int] | None = None,
    query: str = "",
) -> str:
    """The skills in at most `budget_bytes` of UTF-8: those that fit `query`, then the most used."""
    offered = _ordered([s for s in skills if s.is_model_invocable], uses or {}, query)
    if not offered:
        return ""
    lines = [f"- {skill.name}: {_short(skill.description)}" for skill in offered]
    if (whole := _joined(ALL, lines)) and _size(whole) <= budget_bytes:
        return whole
    return _cut(offered, lines, budget_bytes)


def shows_all(index: str) -> bool:
    """Whether a prompt's index names every skill, so that there is nothing to search for."""
    return index.startswith(f"{ALL}\n")


def _ordered(skills: Sequence[Skill], uses: Mapping[str, int], query: str) -> list[Skill]:
    found = search(skills, query, limit=5) if query else ()
    names = {skill.name for skill in found}
    rest = sorted(
        (s for s in skills if s.name not in names), key=lambda s: (-uses.get(s.name, 0), s.name)
    )
    return [*found, *rest]


def _cut(skills: Sequence[Skill], lines: Sequence[str], budget: int) -> str:
    """As many described as half of the budget holds, then names, then the number of the others."""
    head = f"Skills ({len(skills)}; find others with search_skills):"
    kept: list[str] = []
    while len(kept) < len(lines) and _size(_joined(head, [*kept, lines[len(kept)]])) <= budget // 2:
        kept.append(lines[len(kept)])
    names: list[str] = []
    for skill in skills[len(kept) :]:
        if _size(_joined(head, [*kept, "- also: " + ", ".join([*names, skill.name])])) > budget:
            break
        names.append(skill.name)
    text = _joined(head, [*kept, *(["- also: " + ", ".join(names)] if names else [])])
    return text if _size(text) <= budget else ""


def _joined(head: str, lines: Sequence[str]) -> str:
    return "\n".join((head, *lines))


def _short(text: str) -> str:
    """The first sentence, as far as it is short."""
    first = text.partition(". ")[0]
    return first if len(first) <= SHORT_CAP else first[: SHORT_CAP - 1].rstrip() + "…"


def _size(text: str) -> int:
    return len(text.encode())
