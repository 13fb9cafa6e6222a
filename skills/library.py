"""The skills on disk: those shipped with AgentAI and the owner's, which win over them.

Reading is cheap to repeat: only what changed on disk is read and parsed again, and `changed` only
looks at the entries of folders. One broken file is a problem in the state and hides nothing else.
All methods block: call them through `asyncio.to_thread`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.errors import UserFacing
from skills.frontmatter import SIZE_CAP
from skills.manifest import parse_skill
from skills.tree import FILE_CAP, TOTAL_CAP, Found, find, read_bytes, survey
from skills.types import Problem, Skill, SkillFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from skills.types import Parsed, Source

_LINK_MEND = "Put the file itself there."


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryState:
    """All skills by name, and what is wrong with the rest."""

    skills: Mapping[str, Skill] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class Library:
    """Two folders of skills: single `.md` files, folders with a SKILL.md, categories of both."""

    def __init__(self, builtin: Path | None, owner: Path) -> None:
        self._roots: list[tuple[Source, Path]] = [("owner", owner)]
        if builtin is not None:
            self._roots.append(("builtin", builtin))
        self._seen: tuple[object, ...] | None = None
        self._cache: dict[tuple[Source, Found], Parsed] = {}

    def changed(self) -> bool:
        """Whether something on disk is not as it was when `load` last looked."""
        return self._surveyed() != self._seen

    def load(self) -> LibraryState:
        """Reads what changed since the last call; a file that changes meanwhile shows up next."""
        self._seen = surveyed = self._surveyed()
        skills: dict[str, Skill] = {}
        problems: list[Problem] = []
        cache: dict[tuple[Source, Found], Parsed] = {}
        for (source, root), (found, odd) in zip(self._roots, surveyed, strict=True):
            problems.extend(_odd_problem(path, why) for path, why in odd)
            for one in found:
                key = (source, one)
                cache[key] = self._cache.get(key) or _parsed(root, one, source)
            _add(skills, problems, [cache[(source, one)] for one in found])
        self._cache = cache
        return LibraryState(skills=MappingProxyType(skills), problems=tuple(problems))

    def _surveyed(self) -> tuple[tuple[tuple[Found, ...], tuple[tuple[str, str], ...]], ...]:
        return tuple(survey(root) for _, root in self._roots)


def load_one(path: Path) -> LibraryState | None:
    """One skill by itself: a `.md` file, or a folder with a SKILL.md (None for another folder)."""
    root, found = find(path)
    if found is None:
        return None
    parsed = _parsed(root, found, "owner")
    if isinstance(parsed, Skill):
        return LibraryState(skills={parsed.name: parsed})
    return LibraryState(problems=parsed)


def _add(skills: dict[str, Skill], problems: list[Problem], parsed: Iterable[Parsed]) -> None:
    """The first of a name wins, and the folder that was read first wins over the next."""
    for one in parsed:
        if not isinstance(one, Skill):
            problems.extend(one)
        elif (first := skills.setdefault(one.name, one)) is not one and first.source == one.source:
            wrong = f"the name {one.name} is taken by {first.path}"
            problems.append(_problem(one.path, wrong, "Give one of them another name."))


def _parsed(root: Path, found: Found, source: Source) -> Parsed:
    if found.odd:
        return tuple(_odd_problem(path, why) for path, why in found.odd)
    try:
        raw = read_bytes(root, found.main, SIZE_CAP)
        text = raw.decode()
        files = _files(root, found)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return (_problem(found.main, "it is not UTF-8", "Save the file as UTF-8.", line=line),)
    except UserFacing as error:
        return (_problem(found.main, error.text, "Mend or remove the file."),)
    parsed = parse_skill(text, path=found.main, files=files)
    if not isinstance(parsed, Skill):
        return parsed
    folder = (root / found.main).parent if found.is_folder else None
    return replace(parsed, source=source, folder=folder)


def _files(root: Path, found: Found) -> tuple[SkillFile, ...]:
    """The files beside the `.md`, by paths relative to the skill's folder."""
    start = found.main.rpartition("/")[0]
    files, total = [], 0
    for path in found.files:
        content = read_bytes(root, path, FILE_CAP)
        total += len(content)
        if total > TOTAL_CAP:
            raise UserFacing(f"its files are larger than {TOTAL_CAP // 1024 // 1024} MB together")
        inner = path.removeprefix(f"{start}/")
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(SkillFile(path=inner, size=len(content), sha256=sha256))
    return tuple(files)


def _odd_problem(path: str, why: str) -> Problem:
    return _problem(path, why, _LINK_MEND if "link" in why else "Rename, move or remove it.")


def _problem(path: str, wrong: str, mend: str, *, line: int = 1) -> Problem:
    return Problem(file=path, line=line, key="", wrong=wrong, mend=mend)
