"""Carries out one commit in the owner's folder: prepare, apply, or withdraw.

Threat: `kill -9`, a full disk or the owner's own edit in the middle of it. Every step looks at the
file first and does nothing if it is already as wanted, so each function may run any number of
times. A file that is neither as before nor as after is the owner's newer work and stays. Links are
never followed (`core.workspace.folder`).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.workspace import folder, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from core.workspace.journal import Journal
    from core.workspace.types import Change, FileState

_HINT = "Nothing was changed. Look at the file and ask for the task again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a commit happens: the open folder of the owner, and where former contents are kept."""

    root: int
    kept: Path


def prepare(place: Place, journal: Journal, *, staging: Path, modes: Mapping[str, int]) -> Journal:
    """Copies the former contents and the new ones; the owner's files stay as they are.

    `modes` are those of deleted files that come back. Raises UserFacing if a staged content is not
    the approved one, or a file of the owner is not as it was.
    """
    former: dict[str, os.stat_result] = {}
    with suppress(FileExistsError):
        os.mkdir(journal.work, 0o700, dir_fd=place.root)
    with (
        folder.closing(os.open(journal.work, folder.FOLDER, dir_fd=place.root)) as work,
        folder.closing(folder.open_root(place.kept)) as kept,
        folder.closing(folder.open_root(staging)) as staged,
    ):
        for number, change in enumerate(journal.changes):
            status = _keep(place.root, change, kept, emptied=journal.emptied)
            if status:
                former[change.path] = status
            if change.after:
                out = _bring(staged, change.after, work, name=str(number))
                with folder.closing(out):
                    _dress(place.root, change.path, out, former=status, mode=modes.get(change.path))
        os.fsync(work)
        os.fsync(kept)
    found = {path: stat.S_IMODE(status.st_mode) for path, status in former.items()}
    return replace(journal, modes=found, made=tuple(_missing(place.root, journal.changes)))


def apply(place: Place, journal: Journal, *, is_strict: bool) -> tuple[str, ...]:
    """Puts all changes in place; deletions first, as a folder may take the place of a file.

    Raises UserFacing at the first file that the owner changed meanwhile; if not `is_strict`, leaves
    such files alone and returns their paths.
    """
    kept = []
    for is_deleting in (True, False):
        for number, change in enumerate(journal.changes):
            try:
                if (change.after is None) is is_deleting:
                    _put(place.root, change, f"{journal.work}/{number}")
            except UserFacing:
                if is_strict:
                    raise
                kept.append(change.path)
        _remove_empty(place.root, journal.emptied if is_deleting else ())
    _clear(place.root, journal)
    return tuple(kept)


def withdraw(place: Place, journal: Journal, *, was_applied: bool) -> None:
    """Takes back what was applied of a commit and clears its traces."""
    if was_applied:
        with suppress(FileExistsError):
            os.mkdir(journal.work, 0o700, dir_fd=place.root)
        for is_deleting in (True, False):
            for change in journal.changes:
                with suppress(UserFacing):
                    if (change.before is None) is is_deleting:
                        _put_back(place, journal, change)
            _remove_empty(place.root, journal.made if is_deleting else ())
    _clear(place.root, journal)


def state_of(root: int, path: str) -> FileState | None:
    """The present content of a file, None if there is none; UserFacing if it is no plain file."""
    try:
        with (
            folder.closing(folder.open_parent(root, path)) as parent,
            folder.closing(folder.open_file(parent, path.rsplit("/", 1)[-1])) as file,
        ):
            return folder.pour(file, None, limit=os.fstat(file).st_size)
    except FileNotFoundError:
        return None


def _changed(path: str) -> UserFacing:
    return UserFacing(f"{paths.shown(path)} changed meanwhile.", _HINT)


def _keep(
    root: int, change: Change, kept: int, *, emptied: tuple[str, ...]
) -> os.stat_result | None:
    """Keeps the former content; raises UserFacing unless it is what the change says."""
    if change.before is None:
        if change.path not in emptied and _state(root, change.path) is not None:
            raise _changed(change.path)
        return None
    try:
        with (
            folder.closing(folder.open_parent(root, change.path)) as parent,
            folder.closing(folder.open_file(parent, _name(change.path))) as file,
        ):
            _copy(file, kept, change.before, name=change.before.sha256)
            return os.fstat(file)
    except (UserFacing, FileNotFoundError) as error:
        raise _changed(change.path) from error


def _state(root: int, path: str) -> FileState | None:
    """As `state_of`; for a file below a file that this commit deletes: None."""
    try:
        return state_of(root, path)
    except UserFacing as error:
        if isinstance(error.__cause__, NotADirectoryError) and not _has_link(root, path):
            return None
        raise UserFacing(f"{paths.shown(path)} cannot be written: {error.text}.", _HINT) from error


def _has_link(root: int, path: str) -> bool:
    for part in paths.above(path):
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(part, dir_fd=root, follow_symlinks=False).st_mode):
                return True
    return False


def _bring(staged: int, wanted: FileState, work: int, *, name: str) -> int:
    """A descriptor of a fresh copy of a staged content; UserFacing if it is not the approved."""
    try:
        with folder.closing(folder.open_file(staged, wanted.sha256)) as source:
            _copy(source, work, wanted, name=name)
    except (UserFacing, FileNotFoundError) as error:
        text = "What was staged is not what was approved."
        raise UserFacing(text, "Nothing was changed. Ask for the task again.") from error
    return os.open(name, folder.FILE, dir_fd=work)


def _copy(source: int, target: int, wanted: FileState, *, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=target)
    with folder.closing(os.open(name, folder.FRESH, 0o600, dir_fd=target)) as out:
        if folder.pour(source, out, limit=wanted.size) != wanted:
            raise UserFacing("it is not as it was")
        os.fsync(out)


def _dress(
    root: int, path: str, out: int, *, former: os.stat_result | None, mode: int | None
) -> None:
    """Gives a new content the mode of the file it replaces, else one that fits the folder."""
    like = former or _nearest(root, path)
    if mode is None:
        mode = stat.S_IMODE(like.st_mode) & (0o777 if former else 0o664) | 0o600
    folder.adopt(out, mode=mode, like=like)


def _nearest(root: int, path: str) -> os.stat_result:
    """The status of the innermost folder on the path that exists."""
    while "/" in path:
        with (
            suppress(FileNotFoundError, UserFacing),
            folder.closing(folder.open_parent(root, path)) as parent,
        ):
            return os.fstat(parent)
        path = path.rsplit("/", 1)[0]
    return os.fstat(root)


def _missing(root: int, changes: tuple[Change, ...]) -> Iterator[str]:
    """The folders that the commit will make, outermost first."""
    wanted = {above for c in changes if c.after for above in paths.above(c.path)}
    for path in sorted(wanted):
        try:
            with folder.closing(folder.open_parent(root, f"{path}/x")):
                continue
        except (FileNotFoundError, UserFacing):
            yield path


def _put(root: int, change: Change, fresh: str) -> None:
    try:
        present = state_of(root, change.path)
    except UserFacing as error:
        raise _changed(change.path) from error
    if present == change.after:
        return
    if present != change.before:
        raise _changed(change.path)
    _replace(root, change.path, fresh if change.after else None)


def _replace(root: int, path: str, fresh: str | None) -> None:
    """Renames `fresh` over the file, or deletes the file; the folder is synced."""
    try:
        with folder.closing(folder.open_parent(root, path, is_made=fresh is not None)) as parent:
            if fresh is None:
                os.unlink(_name(path), dir_fd=parent)
            else:
                os.rename(fresh, _name(path), src_dir_fd=root, dst_dir_fd=parent)
            os.fsync(parent)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _changed(path) from error


def _put_back(place: Place, journal: Journal, change: Change) -> None:
    if state_of(place.root, change.path) != change.after:
        return
    if change.before is None:
        _replace(place.root, change.path, None)
        return
    with (
        folder.closing(os.open(journal.work, folder.FOLDER, dir_fd=place.root)) as work,
        folder.closing(folder.open_root(place.kept)) as kept,
        folder.closing(_bring(kept, change.before, work, name="back")) as out,
    ):
        mode = journal.modes.get(change.path)
        _dress(place.root, change.path, out, former=None, mode=mode)
    _replace(place.root, change.path, f"{journal.work}/back")


def _remove_empty(root: int, folders: tuple[str, ...]) -> None:
    """Removes the folders in which nothing is left, innermost first."""
    for path in sorted(folders, reverse=True):
        with (
            suppress(UserFacing, OSError),
            folder.closing(folder.open_parent(root, path)) as parent,
        ):
            os.rmdir(_name(path), dir_fd=parent)


def _clear(root: int, journal: Journal) -> None:
    """Removes the commit's own folder."""
    with suppress(FileNotFoundError):
        with (
            folder.closing(os.open(journal.work, folder.FOLDER, dir_fd=root)) as work,
            os.scandir(work) as listing,
        ):
            for name in [entry.name for entry in listing]:
                os.unlink(name, dir_fd=work)
        os.rmdir(journal.work, dir_fd=root)
    os.fsync(root)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
