"""Walks, reads and writes below a folder without ever following a link.

Threat: the folder is changed by somebody else while it is read or written. A folder becomes a link
to `/etc`, a file a pipe that never ends, a device, or a sparse file of a terabyte. Method: each
component is opened relative to the one before with `O_NOFOLLOW`; what was opened is checked, not
what was listed; every read and every listing has a cap. All paths were passed by `paths.refusal`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.workspace import paths
from core.workspace.types import FileState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
TOO_MANY = "the folder holds too many entries; not all of them were looked at"
GONE = "it disappeared while it was read"
_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An entry of a folder, or why it is refused; `folder` is open until the next entry."""

    path: str
    folder: int
    status: os.stat_result | None = None
    why: str | None = None

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rsplit("/", 1)[-1]


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Closes the descriptor at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_root(folder: Path) -> int:
    """A descriptor of the folder that everything else is relative to."""
    return os.open(folder, FOLDER)


def open_parent(root: int, path: str, *, is_made: bool = False) -> int:
    """A descriptor of the folder that holds `path`; `is_made` creates what is missing.

    Raises UserFacing if a component is a link or a file, FileNotFoundError if one is missing.
    """
    here = os.dup(root)
    for part in path.split("/")[:-1]:
        try:
            inner = _step(here, part, is_made=is_made)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                text = f"{paths.shown(path)} does not lie in a plain folder"
                raise UserFacing(text, "A part of its path is a link or a file.") from error
            raise
        finally:
            os.close(here)
        here = inner
    return here


def _step(here: int, part: str, *, is_made: bool) -> int:
    try:
        return os.open(part, FOLDER, dir_fd=here)
    except FileNotFoundError:
        if not is_made:
            raise
    above = os.fstat(here)
    os.mkdir(part, 0o700, dir_fd=here)
    inner = os.open(part, FOLDER, dir_fd=here)
    adopt(inner, mode=stat.S_IMODE(above.st_mode) & 0o775 | 0o700, like=above)
    return inner


def adopt(descriptor: int, *, mode: int, like: os.stat_result) -> None:
    """Gives what is open a mode and, as root, the owner of `like`; never the setuid bits."""
    if os.geteuid() == 0:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, mode & 0o777)


def open_file(folder: int, name: str) -> int:
    """A descriptor of a regular file; raises UserFacing with the reason for anything else."""
    try:
        descriptor = os.open(name, FILE, dir_fd=folder)
    except OSError as error:
        why = {errno.ELOOP: "it is a link", errno.ENXIO: "it is a socket"}.get(error.errno or 0)
        if why is None:
            raise
        raise UserFacing(why) from error
    if why := kind_refusal(os.fstat(descriptor)):
        os.close(descriptor)
        raise UserFacing(why)
    return descriptor


def kind_refusal(status: os.stat_result) -> str | None:
    """Why an entry is no plain file, in words; None if it is one."""
    kinds: dict[int, str | None] = {
        stat.S_IFREG: None,
        stat.S_IFDIR: "it is a folder",
        stat.S_IFLNK: "it is a link",
        stat.S_IFIFO: "it is a pipe",
        stat.S_IFSOCK: "it is a socket",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "it is a device")


def pour(source: int, target: int | None, *, limit: int) -> FileState:
    """Reads to the end, into `target` if given; raises UserFacing past `limit` bytes."""
    size, digest = 0, hashlib.sha256()
    while piece := os.read(source, _PIECE):
        size += len(piece)
        if size > limit:
            raise UserFacing("it is too large, or grew while it was read")
        digest.update(piece)
        rest = memoryview(piece)
        while target is not None and rest:
            rest = rest[os.write(target, rest) :]
    return FileState(size=size, sha256=digest.hexdigest())


def walk(root: int, *, entries: int) -> Iterator[Found]:
    """All files below `root` in order, and whatever is refused; looks at `entries` at most.

    If there are more, an entry with the path `""` says so.
    """
    yield from _walk(root, "", [entries])


def _walk(folder: int, prefix: str, left: list[int]) -> Iterator[Found]:
    try:
        with os.scandir(folder) as listing:
            names = sorted(entry.name for entry in islice(listing, left[0] + 1))
    except OSError as error:
        yield Found(path=prefix.rstrip("/"), folder=folder, why=f"{error.strerror}")
        return
    if len(names) > left[0]:
        left[0] = 0
        yield Found(path="", folder=folder, why=TOO_MANY)
        return
    left[0] -= len(names)
    for name in names:
        yield from _entry(folder, prefix + name, left)


def _entry(folder: int, path: str, left: list[int]) -> Iterator[Found]:
    found = Found(path=path, folder=folder)
    try:
        status = os.stat(found.name, dir_fd=folder, follow_symlinks=False)
        why = paths.refusal(path)
        if why or not stat.S_ISDIR(status.st_mode):
            why = why or kind_refusal(status)
            yield Found(path=path, folder=folder, status=status, why=why)
            return
        inner = os.open(found.name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Found(path=path, folder=folder, why=f"it could not be opened: {error.strerror}")
        return
    with closing(inner):
        yield from _walk(inner, f"{path}/", left)
