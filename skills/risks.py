"""What the risk card of a skill says: all of its files, looked through. Blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import UserFacing
from skills.frontmatter import SIZE_CAP
from skills.scan import scan_files
from skills.tree import FILE_CAP, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from skills.scan import Risk
    from skills.types import Skill


def risks_of(root: Path, skill: Skill) -> tuple[Risk, ...]:
    """Findings in the skill's files below `root`; a file that cannot be read has none."""
    return scan_files(_texts(root, skill))


def _texts(root: Path, skill: Skill) -> Iterator[tuple[str, str]]:
    base = skill.path.rpartition("/")[0]
    for file in skill.files:
        path = f"{base}/{file.path}" if base else file.path
        try:
            content = read_bytes(root, path, max(FILE_CAP, SIZE_CAP))
        except UserFacing:
            continue
        if b"\0" not in content:  # pictures and programs are no text
            yield file.path, content.decode(errors="replace")
