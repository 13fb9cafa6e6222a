"""Walks a folder of skills and reads its files, without following a link. Blocks.

Threat: a link, a pipe or a device among the skills makes the host read another file, wait for ever,
or read without end. So entries are looked at without following, opened with `O_NOFOLLOW` and
`O_NONBLOCK`, checked after opening, and every number and size is bounded.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserFacing
from core.workspace.paths import refusal

MAIN = "skill.md"
BUILTIN = Path(__file__).with_name("builtin")  # shipped with AgentAI
SKIPPED = {"__pycache__", "node_modules"}
NO_SKILLS = {"readme.md", "license.md", "changelog.md", "contributing.md"}
DEPTH_CAP = 8
ENTRIES_CAP = 20_000
FILES_CAP = 500
FILE_CAP = 5 * 1024 * 1024
TOTAL_CAP = 20 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
Stamp = tuple[str, int, int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One skill on disk: its `.md` file, the other files beside it, and what tells a change.

    Paths are relative to the root. `odd` names entries that are refused, with the reason.
    """

    main: str
    is_folder: bool
    files: tuple[str, ...] = ()
    odd: tuple[tuple[str, str], ...] = ()
    stamps: tuple[Stamp, ...] = ()


@dataclass(kw_only=True, slots=True)
class _Walk:
    root: Path
    found: list[Found] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    entries: int = 0


def survey(root: Path) -> tuple[tuple[Found, ...], tuple[tuple[str, str], ...]]:
    """Every skill below the root, in the order of their paths, and entries that are refused."""
    walk = _Walk(root=root)
    if root.is_dir():
        _category(walk, "", 0)
    found = tuple(sorted(walk.found, key=lambda each: each.main))
    return found, tuple(sorted(walk.odd))


def find(path: Path) -> tuple[Path, Found | None]:
    """The one skill at a path (a folder with a SKILL.md, or a `.md` file), and its root."""
    is_main = path.name.lower() == MAIN and not path.is_symlink()
    path = path.parent if is_main else path
    walk = _Walk(root=path.parent)
    if path.is_symlink() or not path.is_dir():
        return path.parent, Found(main=path.name, is_folder=False)
    main = next((e.name for e in _listed(walk, path.name) if e.name.lower() == MAIN), None)
    return path.parent, _skill_folder(walk, path.name, main) if main else None


def read_bytes(root: Path, path: str, cap: int) -> bytes:
    """A plain file's bytes; raises UserFacing for anything else and beyond the cap."""
    try:
        descriptor = os.open(root / path, _READ)
    except OSError as error:
        raise UserFacing(f"it cannot be opened ({error.strerror})") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserFacing("it is no plain file")
        content = file.read(cap + 1)
    if len(content) > cap:
        raise UserFacing(f"it is larger than {cap // 1024} KB")
    return content


def _listed(walk: _Walk, folder: str) -> list[os.DirEntry[str]]:
    """What a folder holds, but for hidden entries."""
    try:
        with os.scandir(walk.root / folder) as entries:
            shown = [e for e in entries if not e.name.startswith(".") and e.name not in SKIPPED]
    except OSError as error:
        walk.odd.append((folder, f"the folder cannot be read ({error.strerror})"))
        return []
    walk.entries += len(shown)
    if walk.entries > ENTRIES_CAP:
        walk.odd.append((folder, f"there are more than {ENTRIES_CAP} files"))
        return []
    return sorted(shown, key=lambda entry: entry.name)


def _category(walk: _Walk, folder: str, depth: int) -> None:
    """A folder that holds skills: `.md` files, skill folders, further categories."""
    entries = _listed(walk, folder)
    main = next((e for e in entries if e.name.lower() == MAIN), None)
    if main is not None and folder:
        walk.found.append(_skill_folder(walk, folder, main.name))
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if why := _why_odd(entry, path):
            walk.odd.append((path, why))
        elif entry.is_dir(follow_symlinks=False):
            _deeper(walk, path, depth)
        elif entry.name.lower().endswith(".md") and entry.name.lower() not in NO_SKILLS:
            walk.found.append(Found(main=path, is_folder=False, stamps=_stamps(entry, path)))


def _deeper(walk: _Walk, path: str, depth: int) -> None:
    if depth + 1 > DEPTH_CAP:
        walk.odd.append((path, f"it lies more than {DEPTH_CAP} folders deep"))
        return
    _category(walk, path, depth + 1)


def _skill_folder(walk: _Walk, folder: str, main: str) -> Found:
    files: list[str] = []
    odd: list[tuple[str, str]] = []
    stamps: list[Stamp] = []
    folders = [folder]
    while folders:
        here = folders.pop()
        for entry in _listed(walk, here):
            path = f"{here}/{entry.name}"
            if why := _why_odd(entry, path):
                odd.append((path, why))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                files.append(path)
            stamps.extend(_stamps(entry, path))
    if len(files) > FILES_CAP:
        odd.append((folder, f"it holds more than {FILES_CAP} files"))
    own = f"{folder}/{main}"
    others = tuple(sorted(path for path in files if path != own))
    return Found(
        main=own, is_folder=True, files=others[:FILES_CAP], odd=tuple(odd),
        stamps=tuple(sorted(stamps)),
    )  # fmt: skip


def _why_odd(entry: os.DirEntry[str], path: str) -> str | None:
    if entry.is_symlink():
        return "it is a symbolic link"
    if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
        return "it is no plain file"
    return refusal(path)


def _stamps(entry: os.DirEntry[str], path: str) -> tuple[Stamp, ...]:
    """What changes when a file does; nothing for one that has just gone."""
    try:
        now = entry.stat(follow_symlinks=False)
    except OSError:
        return ()
    return ((path, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns),)
