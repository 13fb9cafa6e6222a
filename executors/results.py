"""Copies the files a task hands over, out of a workspace that may hold anything.

Threat: the container names `../../secret.key`, a symlink to it, a hard link, a device, a pipe that
never ends, or swaps one for another between check and use. So every component is opened relative to
the one before with `O_NOFOLLOW`, the open file itself is checked (a regular file with one link),
and only then read, up to a cap.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.tasks import ResultFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.tasks import TaskStore

FILE_CAP = 45 * 1024 * 1024
FILES_CAP = 10
ENTRY_BYTES = 512  # what a name costs, so that empty files count, too
NAME_CAP = 150  # bytes: file systems count those
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WORK_FOLDER = _FOLDER
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def collect(work: Path, names: Sequence[str], target: Path) -> tuple[tuple[ResultFile, ...], str]:
    """Copies `names` from `work` to `target`; returns the files and, in words, what was refused."""
    files: list[ResultFile] = []
    refused: list[str] = []
    for name in dict.fromkeys(names):
        try:
            files.append(_copy(work, name, target, len(files)))
        except UserFacing as error:
            refused.append(f"{name[:80]!r} was not handed over: {error.text}.")
        except OSError as error:
            refused.append(f"{name[:80]!r} was not handed over: {error.strerror}.")
    return tuple(files), "\n".join(refused)


def _copy(work: Path, name: str, target: Path, number: int) -> ResultFile:
    if number >= FILES_CAP:
        raise UserFacing(f"a task hands over {FILES_CAP} files at most")
    shown = safe_name(name.rsplit("/", 1)[-1])
    descriptor = open_inside(work, name)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise UserFacing("it is not a plain file")
        if found.st_size > FILE_CAP:
            raise UserFacing(f"it is larger than {FILE_CAP // 1024 // 1024} MB")
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{number}-{shown}"
        size = _pour(descriptor, path)
    finally:
        os.close(descriptor)
    return ResultFile(name=shown, path=str(path), size=size)


def _pour(descriptor: int, path: Path) -> int:
    size = 0
    with path.open("wb") as out:
        while piece := os.read(descriptor, 1 << 20):
            size += len(piece)
            if size > FILE_CAP:
                raise UserFacing("it grew while it was read")
            out.write(piece)
    return size


def copy_into(folder: int, name: str, source: str, *, owner: tuple[int, int]) -> None:
    """Copies a file of ours into an open workspace; what has that name already stays.

    Follows no link there: the container may have put one in its place.
    """
    try:
        target = os.open(name, _NEW, 0o600, dir_fd=folder)
    except FileExistsError:
        return
    with open(target, "wb") as out, open(source, "rb") as given:  # noqa: PTH123 - a descriptor
        shutil.copyfileobj(given, out)
        if os.geteuid() == 0:
            os.fchown(out.fileno(), *owner)


def open_inside(work: Path, name: str) -> int:
    """A descriptor of `name` below `work`; no component may be a link or lead upwards."""
    parts = [part for part in name.removeprefix("/work/").split("/") if part not in {"", "."}]
    if name.removeprefix("/work/").startswith("/") or ".." in parts or "\0" in name or not parts:
        raise UserFacing("the name leads out of the workspace")
    folder = os.open(work, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def safe_name(name: str) -> str:
    """A file name that is safe to show and to store."""
    kept = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name)
    ending = kept.strip().lstrip(".").encode("utf-8", "replace")[-NAME_CAP:]
    return ending.decode("utf-8", "ignore").lstrip(". ") or "file"


async def discard_forgotten(results: Path, tasks: TaskStore) -> None:
    """Removes the folders of tasks that are not known any more; those of the owner's tasks stay."""
    there = await asyncio.to_thread(_folders, results)
    for no in there - await tasks.known(sorted(there)):
        await asyncio.to_thread(shutil.rmtree, results / str(no), ignore_errors=True)


def _folders(results: Path) -> set[int]:
    names = (path.name for path in results.iterdir()) if results.is_dir() else ()
    return {int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,9}", name)}


def used_bytes(folder: Path, *, stop_at: int) -> int:
    """Disk space used below `folder`; stops counting once it is more than `stop_at`."""
    total = 0
    waiting = [str(folder)]
    while waiting and total <= stop_at:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                total += entry.stat(follow_symlinks=False).st_blocks * 512 + ENTRY_BYTES
            except OSError:
                continue
    return total
