"""The files of a skill as they travel into a task's container. Blocks.

Threat: a file changes between the owner's look and the task's start. So every byte that leaves here
is checked against the digest that stands in the skill; hidden files and links never travel, because
only files that the skill lists do.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from core.errors import UserFacing
from skills.frontmatter import SIZE_CAP
from skills.tree import FILE_CAP, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from skills.types import Skill, SkillFile


def cargo(skill: Skill) -> Iterator[tuple[SkillFile, bytes]]:
    """Each file of a skill's folder with its bytes; nothing for a skill of a single file.

    Raises UserFacing if one is not what it was when the skill was read.
    """
    if skill.folder is None:
        return
    for file in skill.files:
        yield file, _checked(skill.folder, file, skill.name)


def _checked(folder: Path, file: SkillFile, name: str) -> bytes:
    content = read_bytes(folder, file.path, max(FILE_CAP, SIZE_CAP))
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise UserFacing(f"{file.path} of the skill {name} has just changed.", "Try again.")
    return content
