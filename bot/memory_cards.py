"""How memories look in the chat. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.render import compose
from core.hygiene import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.delivery import Button
    from coordinator.memory.types import Found, Memory, Waiting

LISTED = 20
LINE = 200
WHOLE = 3_500
LAYERS = {"fact": "", "preference": "", "episode": "happened", "note": "for now"}
NOTHING = "I remember nothing yet. /remember my sister's name is Anna"
NOT_FOUND = "I remember nothing about that."
SOON = "From your last messages I will learn within five minutes."
NEAREST = "Nothing that I remember holds these words. The nearest in meaning:"
MARK = re.compile(r" ?\[d\d{1,9}\]")  # of a cited passage, for us alone
FOOT = (
    "/memory search WORDS · edit N TEXT · forget N · history N · export\n"
    "/forget WORDS shows what it would delete."
)


def line_of(memory: Memory) -> str:
    """One memory without its number."""
    facts = [f"{memory.created_at:%d %b %Y}", LAYERS[memory.layer]]
    return f"{_shown(memory.text)} · " + " · ".join(fact for fact in facts if fact)


def memories_card(
    active: Sequence[Memory], doubtful: Sequence[Memory], *, count: int, waiting: Waiting
) -> Card:
    """The answer to /memory."""
    if not active and not doubtful:
        return Card(piece=compose(NOTHING + _late(waiting)))
    parts: list[str | tuple[str, str]] = [("bold", f"I remember: {count}"), "\n"]
    for memory in active:
        parts += ["\n", ("bold", str(memory.id)), f" {line_of(memory)}"]
    if count > len(active):
        parts.append(f"\n… and {count - len(active)} more.")
    if doubtful:
        parts += ["\n\n", ("bold", "Not in your words, so not used until you keep it:")]
        for memory in doubtful:
            parts += ["\n", ("bold", str(memory.id)), f" {_shown(memory.text)}"]
    parts.append(f"\n\n{FOOT}{_late(waiting)}")
    return Card(piece=compose(*parts), keys=tuple(_keys(m.id, m.text, LINE) for m in doubtful))


def _late(waiting: Waiting) -> str:
    if not waiting.failed:
        return f"\n\n{SOON}" if waiting.to_extract else ""
    return f"\n\n{waiting.total} messages wait to be learnt from; I will try again by myself."


def _keys(memory_id: int, text: str, cap: int) -> tuple[Button, ...]:
    """The owner keeps only what they see in whole; the rest can be dropped."""
    keys = keep_keys(memory_id)
    return keys if _shown(text, cap) == _shown(text, len(visible(text))) else keys[1:]


def keep_keys(memory_id: int) -> tuple[Button, ...]:
    """The owner's decision about a doubtful memory."""
    return ((f"Keep {memory_id}", f"m:k:{memory_id}"), (f"Drop {memory_id}", f"m:x:{memory_id}"))


def doubtful_card(memory_id: int, text: str) -> Card:
    """Asks about something that does not stand in the owner's own words."""
    return Card(
        piece=compose(
            ("bold", "Shall I remember this?"), f"\n{_shown(text, WHOLE)}\n\n",
            "It is not in your own words, so I keep it apart until you decide.",
        ),
        keys=(_keys(memory_id, text, WHOLE),),
    )  # fmt: skip


def all_of(count: int) -> str:
    """What an export holds, in words."""
    return "Your 1 memory" if count == 1 else f"All {count} memories"


def found_card(found: Sequence[Found], *, is_said: bool = True) -> Card:
    """The answer to /recall. `is_said`: whether anything found holds the words."""
    if not found:
        return Card(piece=compose(NOT_FOUND))
    parts: list[str | tuple[str, str]] = [] if is_said else [f"{NEAREST}\n"]
    for one in found:
        text = _shown(MARK.sub("", one.text) if one.role == "assistant" else one.text)
        parts += ["\n" if parts else "", ("bold", _who(one)), f" {text}"]
        parts.append(f" · {one.at:%d %b %Y}")
    return Card(piece=compose(*parts))


def _who(found: Found) -> str:
    if found.memory_id is not None:
        return str(found.memory_id)
    return {"owner": "You:", "assistant": "I:"}.get(found.role, "Said:")


def _whose(found: Found) -> str:
    """Who said it; a memory is named by its place in the list alone."""
    return "" if found.memory_id is not None else f"{_who(found)} "


def name_of(found: Found) -> str:
    """What a button calls it: m12 a memory, p34 a message."""
    return f"m{found.memory_id}" if found.memory_id is not None else f"p{found.message_id}"


def forget_card(found: Sequence[Found]) -> Card:
    """What /forget would delete, with a button each and one for all."""
    parts: list[str | tuple[str, str]] = [
        ("bold", "This would be gone for good, also from our conversation:"), "\n",
    ]  # fmt: skip
    keys: list[tuple[Button, ...]] = []
    for number, one in enumerate(found, start=1):
        parts += ["\n", ("bold", f"{number}."), f" {_whose(one)}{_shown(one.text)}"]
        keys.append(((f"Forget {number}.", f"m:f:{name_of(one)}"),))
    if len(found) > 1:
        keys.append(((f"Forget all {len(found)}", "m:a"),))
    return Card(piece=compose(*parts), keys=tuple(keys))


def history_text(memory: Memory, earlier: Sequence[Memory]) -> str:
    """What is believed now, and what was before."""
    lines = [f"{memory.id} {line_of(memory)}"]
    lines += [f"before: {line_of(one)}" for one in earlier]
    return "\n".join(lines) if earlier else f"{lines[0]}\nThere is no earlier version."


def export_json(memories: Sequence[Memory]) -> str:
    """Everything, to read and to keep."""
    rows = [
        {
            "id": memory.id, "text": memory.text, "layer": memory.layer, "state": memory.state,
            "label": memory.label, "superseded_by": memory.superseded_by,
            "created_at": memory.created_at.isoformat(),
            "expires_at": memory.expires_at.isoformat() if memory.expires_at else None,
        }
        for memory in memories
    ]  # fmt: skip
    return json.dumps({"memories": rows}, ensure_ascii=False, indent=1) + "\n"


def _shown(text: str, cap: int = LINE) -> str:
    return short(visible(text), cap)
