"""A proposed skill on disk: staged to be read and tried, and put among the owner's. Blocks.

Threat: what is installed is not what the card named. So a proposal is staged as all of its files,
read from there like any skill, and its digest is made again right before it is put in place. Only
the skill's own `.md` file is ever written, beside and then renamed, never through a link: scripts
and other files of a skill are out of a proposal's reach.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean
from core.workspace.paths import checked
from skills.frontmatter import SIZE_CAP
from skills.library import Library
from skills.risks import risks_of
from skills.tree import FILE_CAP, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from skills.scan import Risk
    from skills.types import Skill

CHANGED = "The skill has changed since this was written, so it does not fit any more."


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A proposed skill as it was read from its staging folder, and what a scan found."""

    skill: Skill
    risks: tuple[Risk, ...]


def text_of(owner: Path, skill: Skill) -> str:
    """The text of a skill's `.md` file."""
    return read_bytes(owner, skill.path, SIZE_CAP).decode(errors="replace")


def stage(
    staging: Path, text: str, *, name: str, current: Skill | None = None, owner: Path | None = None
) -> Staged:
    """The skill that this text would make, with the other files of the `current` one.

    `UserFacing` says what is wrong with it.
    """
    shutil.rmtree(staging, ignore_errors=True)
    path = checked(current.path if current is not None else f"{name}.md")
    if current is not None and owner is not None:
        _copy_others(owner, staging, current)
    (staging / path).parent.mkdir(parents=True, exist_ok=True)
    (staging / path).write_bytes(text.encode())
    state = Library(None, staging).load()
    if state.problems or len(state.skills) != 1:
        said = "; ".join(problem.sentence() for problem in state.problems[:3])
        raise UserFacing(clean(said or "It is no skill.", cap=400))
    skill = next(iter(state.skills.values()))
    return Staged(skill=skill, risks=risks_of(staging, skill))


def _copy_others(owner: Path, staging: Path, current: Skill) -> None:
    base = current.path.rpartition("/")[0]
    for file in current.files:
        path = checked(f"{base}/{file.path}" if base else file.path)
        if path != current.path:
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            (staging / path).write_bytes(read_bytes(owner, path, FILE_CAP))


def put(owner: Path, path: str, text: str, *, before: str | None) -> None:
    """Writes the skill's file; doing it again changes nothing.

    `before` is what it must hold now, None when nothing may stand there. `UserFacing` otherwise.
    """
    target = owner / checked(path)
    now = _now(owner, path)
    if now == text:
        return
    if now != before:
        raise UserFacing(CHANGED)
    if not target.parent.resolve().is_relative_to(owner.resolve()):
        raise UserFacing(f"{path} lies behind a link.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / f".agentai-{secrets.token_hex(8)}"
    try:
        fresh.write_bytes(text.encode())
        os.replace(fresh, target)  # noqa: PTH105 - atomic: a reader sees the old or the new
    finally:
        fresh.unlink(missing_ok=True)


def _now(owner: Path, path: str) -> str | None:
    target = owner / path
    if not target.exists() and not target.is_symlink():
        return None
    return read_bytes(owner, path, SIZE_CAP).decode(errors="replace")
