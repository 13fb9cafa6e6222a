"""When a skill is worth proposing: habits and corrections, found in tasks that ended well. Pure.

A habit is `REPEATS` tasks of one kind, asked for apart and done without a skill. Two tasks are of
one kind when half of all words in either stand in both (Jaccard's index of their word sets, without
figures and common words): coarse, cheap, the same on every run, and plain enough to be explained.
One task that the owner corrected is enough by itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from skills.proposals import State

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REPEATS = 3  # so many tasks of one kind are a habit
ALIKE = 0.5  # two tasks are of one kind when half of all words in either stand in both
WORDS_MIN = 3  # fewer words say nothing about a kind
WORDS_CAP = 400
SHOWN_TASKS = 5

_WORD = re.compile(r"[^\W\d_]{3,40}")
_COMMON = frozenset(
    _WORD.findall(
        "the and for with from this that into onto then than are was were will would can could "
        "should has have had not but you your yours our out all any each its use using please "
        "make sure about after before which what when where who how also only them they there"
    )
)
_UNDER_WAY = frozenset({State.WRITING, State.TRIAL, State.OFFERED, State.ACCEPTED, State.UNDOING})
_AGAIN = frozenset({State.POOR, State.DROPPED, State.STALE})  # new tasks may bring it up once more


@dataclass(frozen=True, kw_only=True, slots=True)
class DoneTask:
    """A task of the owner's that ended well. `asked` tells one request of theirs from another.

    `corrections` is what the owner said to mend it; `again_of` are tasks that their request was
    a reply to.
    """

    no: int
    instructions: str
    asked: str
    skill: str = ""
    corrections: tuple[str, ...] = ()
    again_of: tuple[int, ...] = ()
    is_untrusted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """A proposal that was made before."""

    kind: Literal["new", "edit"]
    skill: str
    tokens: frozenset[str]
    state: State
    newest_task: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """Why a proposal should be written: a kind of task, and the tasks of it, newest first."""

    kind: Literal["new", "edit"]
    skill: str
    tokens: frozenset[str]
    tasks: tuple[int, ...]
    is_corrected: bool
    is_untrusted: bool

    @property
    def task_kind(self) -> str:
        """The digest of the kind of task."""
        said = json.dumps([self.kind, self.skill, sorted(self.tokens)])
        return hashlib.sha256(said.encode()).hexdigest()


def tokens_of(text: str) -> frozenset[str]:
    """The words of a text that tell what kind of task it is: no figures, no common words."""
    found = (match[0].casefold() for match in _WORD.finditer(text[:8_000]))
    kept = dict.fromkeys(word for word in found if word not in _COMMON)
    return frozenset(list(kept)[:WORDS_CAP])


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0 to 1: the share of words that both have among all that either has."""
    if min(len(one), len(other)) < WORDS_MIN:
        return 0.0
    return len(one & other) / len(one | other)


def find_occasion(
    done: Sequence[DoneTask], earlier: Sequence[Earlier], *, editable: Collection[str]
) -> Occasion | None:
    """The newest reason for a proposal that was not made before, or None.

    `done` is newest first. `editable` are the owner's skills that may be edited.
    """
    known = [_Known(task=task, tokens=tokens_of(task.instructions)) for task in done]
    for one in known:
        found = _fresh(one, known, earlier, editable=editable)
        if found is not None:
            return found
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    task: DoneTask
    tokens: frozenset[str]


def _fresh(
    one: _Known, known: Sequence[_Known], earlier: Sequence[Earlier], *, editable: Collection[str]
) -> Occasion | None:
    """What this task gives reason for, unless that was proposed before.

    What the owner saw never comes back. What came to nothing may, once enough newer tasks ask.
    """
    group = _group(one, known)
    found = _occasion(one, group, known, editable=editable)
    if found is None:
        return None
    before = [other for other in earlier if _is_same(found, other, group)]
    if any(other.state not in _AGAIN for other in before):
        return None
    newest = max((other.newest_task for other in before), default=0)
    if newest == 0:
        return found
    newer = [other for other in known if other.task.no > newest]
    return _occasion(one, _group(one, newer), known, editable=editable) if one in newer else None


def _group(one: _Known, known: Sequence[_Known]) -> list[_Known]:
    """The tasks without a skill that are of one kind with this one, itself among them."""
    is_alike = (likeness(one.tokens, other.tokens) >= ALIKE for other in known)
    pairs = zip(known, is_alike, strict=True)
    return [other for other, alike in pairs if alike and not other.task.skill]


def _occasion(
    one: _Known, group: Sequence[_Known], known: Sequence[_Known], *, editable: Collection[str]
) -> Occasion | None:
    is_corrected = _is_corrected(one, known)
    if one.task.skill:
        return _edit(one.task) if is_corrected and one.task.skill in editable else None
    is_habit = len({other.task.asked for other in group}) >= REPEATS
    if len(one.tokens) < WORDS_MIN or not (is_corrected or is_habit):
        return None
    shown = [other.task for other in group[:SHOWN_TASKS]]
    return Occasion(
        kind="new", skill="", tokens=one.tokens, tasks=tuple(task.no for task in shown),
        is_corrected=is_corrected, is_untrusted=any(task.is_untrusted for task in shown),
    )  # fmt: skip


def _is_corrected(one: _Known, known: Sequence[_Known]) -> bool:
    """Whether the owner mended it: told it something, edited the request, or had it run again."""
    again = (other for other in known if other.task.no in one.task.again_of)
    is_again = any(likeness(one.tokens, other.tokens) >= ALIKE for other in again)
    return bool(one.task.corrections) or is_again


def _edit(task: DoneTask) -> Occasion:
    """The kind of an edit is what was corrected: another correction is another matter."""
    said = "\n".join(task.corrections) or task.instructions
    return Occasion(
        kind="edit", skill=task.skill, tokens=tokens_of(said), tasks=(task.no,),
        is_corrected=True, is_untrusted=task.is_untrusted,
    )  # fmt: skip


def _is_same(found: Occasion, other: Earlier, group: Sequence[_Known]) -> bool:
    """Whether that was proposed before, for a task that is like any of these."""
    if found.kind != other.kind or (found.kind == "edit" and found.skill != other.skill):
        return False
    if found.kind == "edit" and other.state in _UNDER_WAY:
        return True  # one edit of a skill at a time
    mine = [found.tokens, *(one.tokens for one in group if found.kind == "new")]
    return any(m == other.tokens or likeness(m, other.tokens) >= ALIKE for m in mine)
