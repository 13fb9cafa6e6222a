"""Writes an archive's members into a fresh folder, and never anywhere else.

Threat: a member's name or an earlier member leads the next one out of the folder or onto another
file, and content that never ends. See the package for the method.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from core.archives.types import PIECE, Bounds, Entry, Source, Tree, in_mb, quoted
from core.errors import UserFacing
from core.hygiene import clean, is_plain

if TYPE_CHECKING:
    from pathlib import Path

RATIO = 100
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Writer:
    """Writes an archive's members into a fresh folder and counts what they cost."""

    def __init__(self, target: Path, bounds: Bounds, allowed: int) -> None:
        self.target = target
        self.bounds = bounds
        self.allowed = allowed
        self._entries: list[Entry] = []
        self._known: dict[str, tuple[str, bool]] = {}
        self._members = self._written = 0

    def tree(self) -> Tree:
        """What was written."""
        return Tree(entries=tuple(sorted(self._entries, key=lambda entry: entry.path)))

    def folder(self, name: str) -> None:
        """Makes a folder, unless it is there."""
        parts = self._claim(name, is_folder=True)
        os.close(self._made(parts))

    def file(self, name: str, source: Source) -> None:
        """Writes one file from `source`, which may be longer than anybody said."""
        parts = self._claim(name, is_folder=False)
        folder = self._made(parts[:-1])
        try:
            descriptor = os.open(parts[-1], _NEW, 0o644, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(descriptor, "wb") as out:
            size, sha256 = self._pour(source, out, clean(name, cap=80))
        self._entries.append(Entry(path="/".join(parts), size=size, sha256=sha256))

    def _claim(self, name: str, *, is_folder: bool) -> list[str]:
        """The components of a member's name, which no other member may hold."""
        parts = _parts(name, self.bounds)
        self._members += 1
        if not parts and not is_folder:
            raise UserFacing("it holds a file without a name")
        for depth in range(1, len(parts) + 1):
            self._know("/".join(parts[:depth]), is_folder=is_folder or depth < len(parts))
        if max(len(self._known), self._members) > 2 * self.bounds.files or (
            not is_folder and len(self._entries) >= self.bounds.files
        ):
            raise UserFacing(f"it holds more than {self.bounds.files} files")
        return parts

    def _know(self, path: str, *, is_folder: bool) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key not in self._known:
            self._known[key] = (path, is_folder)
            return
        known, was_folder = self._known[key]
        if known != path:
            raise UserFacing(f"{quoted(path)} and {quoted(known)} differ only in case or accents")
        if not (is_folder and was_folder):
            raise UserFacing(f"{quoted(path)} is there twice")

    def _made(self, parts: list[str]) -> int:
        """A descriptor of the folder, made step by step below the target."""
        folder = os.open(self.target, _FOLDER)
        for part in parts:
            try:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        return folder

    def _pour(self, source: Source, out: IO[bytes], shown: str) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while piece := source.read(PIECE):
            size += len(piece)
            self._written += len(piece)
            if size > self.bounds.each:
                raise UserFacing(f"{quoted(shown)} is larger than {in_mb(self.bounds.each)}")
            if self._written > self.bounds.total:
                raise UserFacing(f"it unpacks to more than {in_mb(self.bounds.total)}")
            if self._written > self.allowed:
                raise UserFacing(f"it unpacks to more than {RATIO} times its size")
            digest.update(piece)
            out.write(piece)
        return size, digest.hexdigest()


def _parts(name: str, bounds: Bounds) -> list[str]:
    if name.startswith("/") or name[1:3] in {":", ":/", ":\\"}:
        raise UserFacing(f"{quoted(name)} is an absolute name")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise UserFacing(f"{quoted(name)} leads out of the folder")
    if len(parts) > bounds.depth:
        raise UserFacing(f"{quoted(name)} lies too deep")
    for part in parts:
        fault = "its name holds a backslash" if "\\" in part else _name_fault(part, bounds)
        if fault:
            raise UserFacing(f"{quoted(name)}: {fault}")
    return parts


def _name_fault(name: str, bounds: Bounds) -> str:
    """Why one component of a path is refused, or nothing."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name cannot be shown"
    if length > bounds.name:
        return "its name is too long"
    if not is_plain(name) or "\t" in name:
        return "its name cannot be shown"
    return ""
