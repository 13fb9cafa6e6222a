"""Skills as the chat shows them: what each may do, what waits, what is wrong. Pure.

Threat: a skill's words pass for ours, or hide what it asks for. So permissions come from the parsed
manifest, a description stands as quoted text, hidden characters are marks, nothing is Markdown. A
button names the digest of the very files that its card is about.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.render import compose, utf16_len
from core.hygiene import clean, visible
from skills.activation import Active, Waiting
from skills.permissions import NOTHING, grown, is_reading_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.delivery import Button
    from coordinator.skills import Entry, Shelf
    from skills.bundle import Bundle
    from skills.profile import BotProfile
    from skills.scan import Risk
    from skills.types import Problem, Skill

Part = str | tuple[str, str]
DIGEST_CHARS = 48
RISKS_CAP, LISTED_CAP, KEYS_CAP = 4, 16, 12
BRIEF_CHARS = 76
OFFER_CHARS = 1_500  # UTF-16 units, as below
LINES_CHARS = 1_900  # UTF-16 units: what asks for more than a card shows, no tap can allow
UNSEEN = "It is on, but it only reads and asks about each site, until you allow all of this:"
TOO_LONG = (
    "\n\nIt asks for more than a card can show, so it cannot be allowed. "
    "Shorten its manifest; `agentai skill test` shows all of it."
)
LEVELS = {
    "L1": "only reads; it changes nothing and uses no key of yours.",
    "L2": "also changes your files and reaches the sites that it lists.",
    "L3": "also uses your keys, and may delete, send or spend.",
}
READS = ", only GET, HEAD"
LIMITED = "limited: asks for more than you have allowed; /skill NAME shows what."
AT_ONCE = "It is on already, because it asks for nothing that needs your yes."
REASONS = {
    "permissions": "It asks for more than you have allowed:",
    "scripts": "Its scripts have changed; it asks for nothing new.",
    "text": "Its text has changed; it asks for nothing new.",
}


def name_key(name: str) -> str:
    """A skill's name in few bytes, for a button."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def waiting_card(skill: Skill, waiting: Waiting, risks: Sequence[Risk]) -> Card:
    """A skill that may not be used before the owner has looked."""
    level = f"\n{_level(skill.tier)}\n\n"
    parts = [*_head(skill), level, REASONS[waiting.reason], *_lines(waiting.diff)]
    if not is_shown_whole(waiting.diff):
        return Card(piece=compose(*parts, TOO_LONG))
    keys = ((("Allow", _yes(skill)), ("Not now", f"k:n:{skill.digest[:DIGEST_CHARS]}")),)
    return Card(piece=compose(*parts, *_risks(risks)), keys=keys)


def skill_card(entry: Entry) -> Card:
    """A skill that is active or off: what it may do, and what the owner may still allow."""
    skill = entry.skill
    level = f"\n{_level(skill.tier)}\n\n"
    parts = [*_head(skill), level, _state(entry), *_may(entry)]
    asked = unseen(entry)
    if not asked:
        return Card(piece=compose(*parts), keys=((_switch(entry),),))
    parts = [*_head(skill), level, UNSEEN, *_lines([a.removeprefix("may ") for a in asked])]
    if not is_shown_whole(asked):
        return Card(piece=compose(*parts, TOO_LONG), keys=((_switch(entry),),))
    return Card(piece=compose(*parts), keys=((("Allow all of it", _yes(skill)), _switch(entry)),))


def arrived_card(entries: Sequence[Entry]) -> Card:
    """Skills of the owner's that became active by themselves: what they do, and how to stop it."""
    if len(entries) == 1:
        (entry,) = entries
        name = entry.skill.name
        off = f"\n\nNot wanted? Press the button, or /skill disable {name}"
        level = f"\n{_level(entry.skill.tier)}\n\n"
        parts = [*_head(entry.skill), level, AT_ONCE, *_may(entry), off]
        return Card(piece=compose(*parts), keys=((_switch(entry),),))
    parts = [("bold", f"{len(entries)} new skills are on"), ". They ask for nothing that needs "
             "your yes.\n", _level("L1")]  # fmt: skip
    for entry in entries[:LISTED_CAP]:
        what = short(clean(entry.skill.description, cap=90), 90)
        parts += ["\n• ", ("bold", entry.skill.name), f" · {what}"]
    if (more := len(entries) - LISTED_CAP) > 0:
        parts.append(f"\n… and {more} more.")
    parts.append("\n\nNot wanted? /skill disable NAME, or /skills for buttons.")
    return Card(piece=compose(*parts))


def unseen(entry: Entry) -> tuple[str, ...]:
    """What an active skill asks for that the owner has not allowed yet, all of it."""
    is_active = isinstance(entry.decision, Active)
    if not is_active or entry.is_seen or is_reading_only(entry.skill.permissions):
        return ()
    return grown(NOTHING, entry.skill.permissions)


def _level(tier: str) -> str:
    return f"{tier}: {LEVELS[tier]}"


def _yes(skill: Skill) -> str:
    return f"k:y:{skill.digest[:DIGEST_CHARS]}"


def _head(skill: Skill) -> list[Part]:
    whose = "yours" if skill.source == "owner" else "shipped"
    return [
        ("bold", f"Skill {skill.name}"), f" · {whose} · {skill.tier}\n",
        ("italic", short(clean(skill.description, cap=200), 200)),
    ]  # fmt: skip


def _may(entry: Entry) -> list[Part]:
    if not isinstance(entry.decision, Active):
        return []
    lines = gathered(grown(NOTHING, entry.decision.permissions))
    return _lines(lines) if lines else ["\nIt may reach nothing outside its container."]


def gathered(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines below a "may:", those of one kind in one: `read files: *.csv, *.txt`."""
    kinds: dict[str, list[str]] = {}
    for line in lines:
        kind, mark, what = line.removeprefix("may ").partition(": ")
        kinds.setdefault(f"{kind}{mark}", []).append(what)
    return tuple(f"{kind}{', '.join(found)}" for kind, found in kinds.items())


def is_shown_whole(lines: Sequence[str]) -> bool:
    """Whether a card shows every word of what is asked: only then can a tap allow it."""
    return utf16_len("".join(_marked(lines))) <= LINES_CHARS


def _lines(lines: Sequence[str], cap: int = LINES_CHARS) -> list[Part]:
    text = "".join(_marked(lines))
    return [text] if utf16_len(text) <= cap else [f"{text[: cap // 2].rstrip()} … and more"]


def _marked(lines: Sequence[str]) -> list[str]:
    return [f"\n• {_worded(visible(line).replace(chr(10), ' '))}" for line in lines]


def _worded(line: str) -> str:
    return f"{line.removesuffix(READS)}, reading only" if line.endswith(READS) else line


def _risks(risks: Sequence[Risk]) -> list[Part]:
    """Advice, said as such."""
    if not risks:
        return ["\n\nA look through its files found nothing odd. That proves little."]
    parts: list[Part] = [
        "\n\n",
        ("bold", "Worth a look"),
        " (advice; the limits above hold anyway)",
    ]
    for risk in risks[:RISKS_CAP]:
        where = f"{short(clean(risk.file, cap=60), 60)}:{risk.line}"
        parts += [f"\n• {where} {risk.sentence} ", ("code", short(clean(risk.sample, cap=60), 60))]
    if (more := len(risks) - RISKS_CAP) > 0:
        parts.append(f"\n… and {more} more.")
    return parts


def _state(entry: Entry) -> str:
    if isinstance(entry.decision, Active):
        return "It is active and may:" if grown(NOTHING, entry.decision.permissions) else "Active."
    return "It waits for your look." if isinstance(entry.decision, Waiting) else "It is off."


def _switch(entry: Entry) -> Button:
    key = name_key(entry.skill.name)
    if isinstance(entry.decision, Active):
        return f"Turn {short(entry.skill.name, 24)} off", f"k:d:{key}"
    if isinstance(entry.decision, Waiting):
        return f"Look at {short(entry.skill.name, 24)}", f"k:l:{key}"
    return f"Turn {short(entry.skill.name, 24)} on", f"k:e:{key}"


def list_card(shelf: Shelf, wanted: str = "") -> Card:
    """All skills, or those whose name or description holds a word."""
    word = wanted.strip().lower()
    entries = [
        e for e in shelf.entries.values()
        if word in e.skill.name or word in e.skill.description.lower()
    ]  # fmt: skip
    if not entries:
        return Card(
            piece=compose("There is no such skill." if word else "There are no skills yet.")
        )
    parts: list[Part] = [("bold", f"{len(entries)} skill{'s' if len(entries) != 1 else ''}")]
    for entry in entries[:LISTED_CAP]:
        parts += ["\n", ("bold", entry.skill.name), f" · {_word(entry)} · {_brief(entry)}"]
    if len(entries) > LISTED_CAP:
        parts.append(f"\n… and {len(entries) - LISTED_CAP} more: /skills WORD finds them.")
    if shelf.problems:
        parts.append(f"\n\n{len(shelf.problems)} not readable: /skill problems")
    parts += _legend(entries[:LISTED_CAP])
    parts.append("\n\n/skill NAME shows what one may do, /skill NAME WORDS runs it.")
    found = [_switch(entry) for entry in entries[:KEYS_CAP]]
    keys = tuple(tuple(found[i : i + 2]) for i in range(0, len(found), 2))
    return Card(piece=compose(*parts), keys=keys)


def _legend(entries: Sequence[Entry]) -> list[Part]:
    """What the levels and words in a list mean, a line each."""
    active = [e.decision for e in entries if isinstance(e.decision, Active)]
    lines = [_level(tier) for tier in sorted({one.permissions.tier for one in active})]
    if any(one.withheld for one in active):
        lines.append(LIMITED)
    return ["\n\n" + "\n".join(lines)] if lines else []


def _word(entry: Entry) -> str:
    if isinstance(entry.decision, Active):
        return f"{entry.decision.permissions.tier}{', limited' if entry.decision.withheld else ''}"
    return "waiting" if isinstance(entry.decision, Waiting) else "off"


def _brief(entry: Entry) -> str:
    """What it is for: the first sentence of its description."""
    first = clean(entry.skill.description, cap=300).partition(". ")[0]
    return short(first, BRIEF_CHARS).removesuffix(".")


def problems_card(problems: Sequence[Problem]) -> Card:
    """What is wrong with files in the folder, all of it in one card."""
    parts: list[Part] = [("bold", "Some skills cannot be read"), "; all others work."]
    parts += [f"\n• {short(problem.sentence(), 400)}" for problem in problems[:8]]
    if (more := len(problems) - 8) > 0:
        parts.append(f"\n… and {more} more: agentai skill lint shows them.")
    return Card(piece=compose(*parts))


def offer_card(bundle: Bundle, risks: Sequence[Risk], key: str) -> Card:
    """What a file that the owner sent would install, and all that this would ask for.

    What does not fit here stands in a file before the card, see `offer_text`.
    """
    names = ", ".join(offer.skill.name for offer in bundle.offers[:10])
    parts: list[Part] = [("bold", f"Install {short(names, 300)}?" if names else "No skill in it")]
    parts += _offered(bundle)
    parts += [f"\n• {short(problem.sentence(), 200)}" for problem in bundle.problems[:3]]
    if bundle.settings:
        parts.append(f"\n\nThe {len(bundle.settings)} settings in it are not taken over.")
    parts += _profile(bundle.profile)
    keys: list[tuple[Button, ...]] = []
    if bundle.offers:
        parts += _risks(risks)
        keys.append((("Install", f"k:i:{key}"), ("Not now", f"k:x:{key}")))
    if not bundle.profile.is_empty:
        keys.append((("Take the profile over", f"k:p:{key}"),))
    return Card(piece=compose(*parts), keys=tuple(keys))


def _offered(bundle: Bundle) -> list[Part]:
    if not is_offer_shown(bundle):
        return [
            f"\n\n{len(bundle.offers)} skills; what each asks for stands in the file above. "
            "Each is shown again before it may do anything."
        ]
    parts: list[Part] = []
    for offer in bundle.offers:
        parts += ["\n\n", *_head(offer.skill), *_marked(offer.asks_for)]
        if not offer.asks_for:
            parts.append("\nIt asks for nothing outside its container.")
    return parts


def is_offer_shown(bundle: Bundle) -> bool:
    """Whether the card itself shows every permission that is asked for."""
    lines = "".join(line for offer in bundle.offers for line in _marked(offer.asks_for))
    return utf16_len(lines) + 300 * len(bundle.offers) <= OFFER_CHARS


def offer_text(bundle: Bundle) -> str:
    """Every skill of an offer and every permission that it asks for, as a file."""
    text = ""
    for offer in bundle.offers:
        lines = [f"- {visible(line)}".replace("\n", " ") for line in offer.asks_for]
        text += (
            f"{offer.skill.name} ({offer.skill.tier}): {clean(offer.skill.description, cap=200)}"
        )
        text += "\n" + "\n".join(lines or ["- nothing outside its container"]) + "\n\n"
    return text


def _profile(profile: BotProfile) -> list[Part]:
    if profile.is_empty:
        return []
    parts: list[Part] = ["\n\n", ("bold", "A profile for the bot"), " is in it, too:"]
    for part, text in profile.texts().items():
        parts += [f"\n• {part}: ", ("italic", visible(text).replace("\n", "\n    "))]
    if profile.picture:
        parts.append("\n• a picture: the file above")
    return parts
