"""What an archive may hold, what it held, and how a refusal is worded."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Protocol

from core.errors import UserFacing
from core.hygiene import clean

MB = 1024 * 1024
PIECE = 64 * 1024
KINDS = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
    stat.S_IFIFO: "is a pipe",
    stat.S_IFSOCK: "is a socket",
}
UNKNOWN_KIND = "is of an unknown kind"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one archive may hold; sizes in bytes, `name` is one component's length in UTF-8."""

    files: int = 5000
    total: int = 1024 * MB
    each: int = 200 * MB
    depth: int = 20
    name: int = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A regular file; `path` is relative, with `/`."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """The files of a folder, in the order of their names."""

    entries: tuple[Entry, ...]


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Some bytes, at most `size`; none at the end."""


class NotUnpacked(UserFacing):
    """An archive was refused; `why` is the reason without the archive's name or a full stop."""

    def __init__(self, archive: str, why: str) -> None:
        super().__init__(f"{archive} was not unpacked: {why}.")
        self.why = why


def quoted(name: str) -> str:
    """A member's name as it may be shown."""
    return f"'{clean(name, cap=80)}'"


def in_mb(size: int) -> str:
    """A size for people."""
    return f"{size / MB:.3g} MB"
