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

import json
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
from coordinator.prompt import system_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

STEP_CAPS = (6_000, 3_000, 1_500, 700, 300)
TURN_CAP = 48_000
RULES_CAP = 6_000
RULES_MOST = 40
RUNNING_CAP = 8_000
MEMORY_CAP = 17_000
SKILLS_CAP = 2_000
SYSTEM_CAP = 24_000  # what the system message may hold for sure, beside a full turn and history
HEADINGS = 600
LEAST = 200
NAME_CAP = 80
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
    room = _Room(prompt_cap(history_budget) - fixed - HEADINGS)
    rules = room.used(_rules(parts.rules))
    newest = _weights(_newest(parts.new, 0))
    steps = fit_steps(parts.steps, min(TURN_CAP, room.left - newest))
    room.take(sum(_step_size(step) for step in steps), is_cut=False)
    new = _newest(parts.new, min(TURN_CAP, room.left))
    room.take(_weights(new), is_cut=len(new) < len(parts.new) and room.left < TURN_CAP)
    running = room.lines(parts.running, RUNNING_CAP)
    memory = room.whole(parts.memory, MEMORY_CAP)
    summary = room.clipped(parts.summary, SUMMARY_CAP)
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
        Share(name="steps of this turn", size=sum(_step_size(step) for step in steps),
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


class _Room:
    """The bytes that are left. A part that has to be cut leaves nothing for those after it."""

    def __init__(self, left: int) -> None:
        self.left = max(0, left)

    def take(self, used: int, *, is_cut: bool) -> None:
        self.left = 0 if is_cut else max(0, self.left - used)

    def used(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        self.take(_sum(lines), is_cut=False)
        return lines

    def lines(self, offered: Sequence[str], cap: int) -> tuple[str, ...]:
        """The first of them that fit."""
        kept, room = [], min(cap, self.left)
        for line in offered:
            room -= _bytes(line) + 1
            if room < 0:
                break
            kept.append(line)
        self.take(_sum(kept), is_cut=len(kept) < len(offered) and self.left < cap)
        return tuple(kept)

    def whole(self, text: str, cap: int) -> str:
        """All of it or nothing: a part of a framed text would break its frame."""
        needed = _bytes(text) + 1
        kept = text if needed <= min(cap, self.left) else ""
        self.take(_sum((kept,)), is_cut=cap >= needed > self.left)
        return kept

    def clipped(self, text: str, cap: int) -> str:
        """Its beginning and its end; nothing when hardly any room is left."""
        room = min(cap, self.left) - 1
        kept = clip(text, room) if room > LEAST else ""
        self.take(_sum((kept,)), is_cut=self.left < cap and kept != text)
        return kept


# --- lines and texts ---


def _rules(lines: Sequence[str]) -> tuple[str, ...]:
    """Every standing rule; where they are long, each is clipped."""
    kept = lines[-RULES_MOST:]
    cap = RULES_CAP // max(1, len(kept)) - 1
    return tuple(clip(line, cap) for line in kept)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _sum(lines: Sequence[str]) -> int:
    return sum(_bytes(line) + 1 for line in lines if line)


def _share(name: str, offered: Sequence[str], kept: Sequence[str]) -> Share:
    there, here = (sum(1 for text in texts if text) for texts in (offered, kept))
    return Share(name=name, size=_sum(kept), count=here, left_out=there - here)


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


# --- steps ---


def fit_steps(steps: Sequence[ChatMessage], room: int) -> list[ChatMessage]:
    """The steps clipped one by one, and then without the oldest, within `room` bytes.

    A call and its result stay together: services refuse one without the other.
    """
    groups = _groups(steps)
    for cap in STEP_CAPS:
        clipped = [[_clip_step(step, cap) for step in group] for group in groups]
        if sum(_group_size(group) for group in clipped) <= room:
            break
    kept: list[list[ChatMessage]] = []
    for group in reversed(clipped):
        room -= _group_size(group)
        if room < 0 and kept:
            break
        kept.append(group if room >= 0 else _fewer(group, room))
    return [step for group in reversed(kept) for step in group]


def _group_size(group: Sequence[ChatMessage]) -> int:
    return sum(_step_size(step) for step in group)


def _groups(steps: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    """Each message of the assistant with what answers it."""
    groups: list[list[ChatMessage]] = []
    for step in steps:
        if step.get("role") == "assistant" or not groups:
            groups.append([])
        groups[-1].append(step)
    return groups


def _fewer(group: list[ChatMessage], room: int) -> list[ChatMessage]:
    """The last group alone is too much: its first calls with their results, as many as fit."""
    head, *results = group
    calls = list(head.get("tool_calls") or ())
    while len(calls) > 1 and room < 0:
        gone = calls.pop()
        room += _bytes(json.dumps(gone, ensure_ascii=False))
        room += sum(_step_size(r) for r in results if r.get("tool_call_id") == gone.get("id"))
        results = [r for r in results if r.get("tool_call_id") != gone.get("id")]
    return [{**head, "tool_calls": calls} if calls else head, *results]


def _clip_step(step: ChatMessage, cap: int) -> ChatMessage:
    content = step.get("content")
    clipped = {**step, "content": clip(content, cap)} if isinstance(content, str) else dict(step)
    if "tool_call_id" in step:
        clipped["tool_call_id"] = str(step["tool_call_id"])[:NAME_CAP]
    if step.get("tool_calls"):
        clipped["tool_calls"] = [_clip_call(call, cap) for call in step["tool_calls"]]
    return clipped


def _clip_call(call: ChatMessage, cap: int) -> ChatMessage:
    function = call["function"]
    arguments = _clip_arguments(str(function["arguments"]), cap)
    named = {"name": str(function["name"])[:NAME_CAP], "arguments": arguments}
    return {**call, "id": str(call["id"])[:NAME_CAP], "function": named}


def _clip_arguments(arguments: str, cap: int) -> str:
    """Arguments that are still JSON; their texts keep both ends."""
    if _bytes(arguments) <= cap:
        return arguments
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    if not isinstance(found, dict) or not found:
        return "{}"
    each = max(0, cap // (2 * len(found)) - NAME_CAP)
    texts = {str(k)[:NAME_CAP]: clip(v, each) for k, v in found.items() if isinstance(v, str)}
    clipped = json.dumps(texts, ensure_ascii=False)
    return clipped if _bytes(clipped) <= cap else "{}"


def _step_size(step: ChatMessage) -> int:
    """Bytes of a step without its pictures."""
    if isinstance(content := step.get("content"), list):
        return sum(size(str(part.get("text") or "")) for part in content)
    return _bytes(json.dumps(step, ensure_ascii=False))
