"""The states of a proposal, and whether one may be tried, offered, or pass by itself. Pure.

    writing ──► trial ──► offered ──► accepted ──► installed ──► undoing ──► undone
       │          │          ├──► rejected   ▲
       ▼          ▼          └──► stale      └── by itself: wording only, own skill, setting
    dropped     poor

Threat: text that a stranger wrote (a page, a mail, a file) becomes a rule that the agent follows in
every later task: the classic attack on an agent that improves itself. What stops it:

- The model that writes sees the instructions of tasks and the owner's own words, never a page, a
  file, a tool's output or a result; tasks that an outside event started are left out.
- A proposal born of tasks that had seen such text is marked so for good. Its card says it, and it
  never passes by itself.
- The text gives no right: it is read like any skill, its permissions stand on the card, and nothing
  is active before the owner's tap on a card that names the digest of every file.
- The trial works in a container of its own, asks nobody, and may only read.
"""

from __future__ import annotations

import difflib
import json
from enum import StrEnum
from typing import TYPE_CHECKING

from skills.permissions import as_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from skills.scan import Risk
    from skills.types import Skill

TEXT_CAP = 16 * 1024  # bytes of a proposed skill
REASON_CAP = 400


class State(StrEnum):
    """Where a proposal stands."""

    WRITING = "writing"
    TRIAL = "trial"
    OFFERED = "offered"
    POOR = "poor"  # its trial did not end well
    DROPPED = "dropped"  # nothing came of it before a trial
    ACCEPTED = "accepted"
    INSTALLED = "installed"
    REJECTED = "rejected"
    STALE = "stale"  # the skill that it would edit has changed since
    UNDOING = "undoing"
    UNDONE = "undone"


_NEXT: dict[State, frozenset[State]] = {
    State.WRITING: frozenset({State.TRIAL, State.DROPPED}),
    State.TRIAL: frozenset({State.OFFERED, State.ACCEPTED, State.POOR, State.STALE}),
    State.OFFERED: frozenset({State.ACCEPTED, State.REJECTED, State.STALE}),
    State.ACCEPTED: frozenset({State.INSTALLED, State.STALE}),
    State.INSTALLED: frozenset({State.UNDOING}),
    State.UNDOING: frozenset({State.UNDONE, State.INSTALLED}),
}


def may_become(state: State, following: State) -> bool:
    """Whether a proposal may go from `state` to `following`."""
    return following in _NEXT.get(state, frozenset())


def objection(
    skill: Skill, risks: Sequence[Risk], *, current: Skill | None, taken: Collection[str]
) -> str:
    """Why a written skill is not even tried, in words; empty when it may be."""
    if current is None and skill.name in taken:
        return f"there is a skill {skill.name} already"
    if current is not None and skill.name != current.name:
        return "an edit may not rename a skill"
    if current is not None and skill.digest == current.digest:
        return "nothing would change"
    if skill.dispatch != (current.dispatch if current is not None else None):
        return "it would run words as a command"
    if any(risk.kind == "hidden" for risk in risks):
        return "it holds characters that nobody sees"
    return ""


def is_wording_only(
    old: Skill, new: Skill, *, old_risks: Sequence[Risk], new_risks: Sequence[Risk]
) -> bool:
    """Whether only texts differ: same rights, same scripts, same calling, and no new finding."""
    known = {(risk.kind, risk.sentence, risk.sample) for risk in old_risks}
    is_clean = all((risk.kind, risk.sentence, risk.sample) in known for risk in new_risks)
    return is_clean and _fixed(old) == _fixed(new)


def _fixed(skill: Skill) -> tuple[object, ...]:
    return (
        skill.name, skill.path, json.dumps(as_json(skill.permissions), sort_keys=True),
        skill.code_digest, skill.is_user_invocable, skill.is_model_invocable, skill.dispatch,
        skill.requires, skill.allowed_tools,
    )  # fmt: skip


def may_pass(*, is_wording: bool, is_own: bool, is_untrusted: bool, is_approved: bool) -> bool:
    """Whether an edit needs no tap, where the owner's setting lets any pass.

    `is_own`: the agent wrote the skill as it stands; `is_approved`: it is active as it stands.
    """
    return is_wording and is_own and is_approved and not is_untrusted


def diff_lines(base: str, text: str) -> Iterator[str]:
    """What an edit changes, line by line, with three lines around."""
    lines = difflib.unified_diff(base.splitlines(), text.splitlines(), lineterm="", n=3)
    for index, line in enumerate(lines):
        if index > 1:  # the two lines that name files say nothing here
            yield line
