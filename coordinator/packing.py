"""Puts a prompt together within a hard cap: one pure function, `pack`.

The cap is `prompt_cap(history_budget)` bytes of text, whatever comes in; pictures are bounded by
`coordinator.vision`, the tools' schemas by a test. What is dropped first, when not all of it fits:

    1  recent messages, the oldest first (the summary and the search hold them)
    2  the index of skills
    3  the summary
    4  what was recalled
    5  tasks under way, the last of the list first
    6  earlier messages of this burst, the oldest first, with a note that says so
    7  steps of this turn, the oldest first; before that each is clipped

Never dropped: the fixed rules, every standing rule, the newest message and the newest step. Each
part has a cap of its own besides; a single message, rule or result keeps its beginning and its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.context import (
    SUMMARY_CAP,
    ChatMessage,
    Said,
    as_chat,
    clip,
    recent,
    size,
    weight,
)
from coordinator.fitting import fit_steps, step_size
from coordinator.prompt import system_prompt
from coordinator.room import Room, lines_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

TURN_CAP = 48_000
RULES_CAP = 6_000
RULES_MOST = 40
RUNNING_CAP = 8_000
MEMORY_CAP = 17_000
SKILLS_CAP = 2_000
SYSTEM_CAP = 24_000  # what the system message may hold for sure, beside a full turn and history
HEADINGS = 600
LEFT_OUT = "[{count} earlier messages of this burst were left out for their length]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """All that a prompt may be made of. `rules` and `running` are lines; `new` is oldest first."""

    now: datetime
    rules: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    skills: str = ""
    memory: str = ""
    summary: str = ""
    history: Sequence[Said] = ()
    new: Sequence[Said] = ()
    steps: Sequence[ChatMessage] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one part of a prompt takes: bytes, items that went in, and items that did not."""

    name: str
    size: int
    count: int
    left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A prompt, and what it is made of."""

    messages: tuple[ChatMessage, ...]
    shares: tuple[Share, ...]

    @property
    def size(self) -> int:
        """Bytes of text in all."""
        return sum(share.size for share in self.shares)


def prompt_cap(history_budget: int) -> int:
    """No prompt is larger than that, in bytes of text."""
    return history_budget + TURN_CAP + SYSTEM_CAP


def pack(parts: Parts, *, history_budget: int) -> Packed:
    """The messages of one model call: system, what fits of the history, the turn's own, its steps.

    Takes the parts in the order in which they matter; each leaves less for those after it.
    """
    fixed = size(system_prompt(now=parts.now, summary="", running=""))
    room = Room(prompt_cap(history_budget) - fixed - HEADINGS)
    rules = room.used(_rules(parts.rules))
    newest = _weights(_newest(parts.new, 0))
    steps = fit_steps(parts.steps, min(TURN_CAP, room.left - newest))
    room.take(sum(step_size(step) for step in steps), is_cut=False)
    new = _newest(parts.new, min(TURN_CAP, room.left))
    in_new = sum(1 for said in new if said.id)  # the note about what is left out has no id
    room.take(_weights(new), is_cut=in_new < len(parts.new) and room.left < TURN_CAP)
    running = room.lines(parts.running, RUNNING_CAP)
    memory = room.whole(parts.memory, MEMORY_CAP)
    summary = room.framed(parts.summary, SUMMARY_CAP)
    skills = room.whole(parts.skills, SKILLS_CAP)
    history = recent(parts.history, min(history_budget, room.left))
    system = system_prompt(
        now=parts.now, summary=summary, running="\n".join(running), skills=skills, memory=memory,
        rules="\n".join(rules),
    )  # fmt: skip
    shares = (
        _share("standing rules", parts.rules, rules),
        _share("tasks under way", parts.running, running),
        _share("what I recall", (parts.memory,), (memory,)),
        _share("summary of earlier talk", (parts.summary,), (summary,)),
        _share("skills", (parts.skills,), (skills,)),
        _said_share("recent messages", parts.history, history),
        _said_share("your message", parts.new, new),
        Share(name="steps of this turn", size=sum(step_size(step) for step in steps),
              count=len(steps), left_out=len(parts.steps) - len(steps)),
    )  # fmt: skip
    own = size(system) - sum(share.size for share in shares[:5])
    return Packed(
        messages=(
            {"role": "system", "content": system},
            *(as_chat(said) for said in (*history, *new)),
            *steps,
        ),
        shares=(Share(name="my own rules", size=own, count=1), *shares),
    )


# --- lines and texts ---


def _rules(lines: Sequence[str]) -> tuple[str, ...]:
    """Every standing rule; the store keeps no more than fit, and only more than that is clipped."""
    kept = tuple(lines[-RULES_MOST:])
    if lines_size(kept) <= RULES_CAP:
        return kept
    cap = RULES_CAP // max(1, len(kept)) - 1
    return tuple(clip(line, cap) for line in kept)


def _share(name: str, offered: Sequence[str], kept: Sequence[str]) -> Share:
    there, here = (sum(1 for text in texts if text) for texts in (offered, kept))
    return Share(name=name, size=lines_size(kept), count=here, left_out=there - here)


def _said_share(name: str, offered: Sequence[Said], kept: Sequence[Said]) -> Share:
    count = sum(1 for said in kept if said.id)  # the note about what is left out has no id
    return Share(name=name, size=_weights(kept), count=count, left_out=len(offered) - count)


# --- the turn's own messages ---


def _newest(new: Sequence[Said], room: int) -> list[Said]:
    """The newest for sure, and those before it while there is room."""
    if not new:
        return []
    before = recent(new[:-1], room - weight(new[-1]) - size(LEFT_OUT) - 10)
    left_out = len(new) - 1 - len(before)
    if not left_out:
        return list(new)
    note = Said(id=0, role="owner", text=LEFT_OUT.format(count=left_out))
    return [note, *before, new[-1]]


def _weights(said: Sequence[Said]) -> int:
    return sum(weight(one) for one in said)
