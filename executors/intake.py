"""Takes in folders and archives that a stranger may have made.

Threat: an archive that unpacks to a thousand times its size or needs gigabytes to be read, headers
that lie about sizes, members that lie on top of each other, `../x`, absolute names, two names for
one file, a symbolic link and then a file through it, hard links, devices, names that show as
something else; and a workspace in which a task swaps a file for a link while it is being checked.
So members are written one by one into a fresh folder with `O_EXCL`, every folder is opened
relative to the one before with `O_NOFOLLOW`, bytes are counted as they come and headers are never
trusted. Anything wrong refuses the whole archive and removes what was written. Archives inside an
archive stay files. Permission bits of an archive are ignored.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Protocol, Self, cast

from core.errors import Bug, UserFacing
from core.hygiene import clean, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MB = 1024 * 1024
RATIO = 100
RATIO_FLOOR = MB
_PIECE = 64 * 1024
_EXTENDED_CAP = 8 * 1024  # a tar's extended header is read whole, and searched slowly
_XZ_MEMORY = 128 * MB  # a header of 24 bytes may ask for 4 GB
_INDEX_BYTES = 512  # of a zip's index, for each file
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
    stat.S_IFIFO: "is a pipe",
    stat.S_IFSOCK: "is a socket",
}
_EXTENDED = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
    ValueError, OverflowError, LookupError, TypeError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeBounds:
    """What one tree may hold; sizes in bytes, `name` is one component's length in UTF-8."""

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
class Refused:
    """What was not taken in, as it may be shown, and why."""

    path: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """The files of a folder, in the order of their names, and what was left out."""

    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...] = ()


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_tree(root: Path, bounds: TreeBounds) -> Tree:
    """Lists and hashes the files below `root`; follows no link and opens nothing else.

    Raises OSError if `root` itself is not a folder.
    """
    walk = _Walk(bounds)
    folder = os.open(root, _FOLDER)
    try:
        walk.folder(folder, "", 1)
    finally:
        os.close(folder)
    return Tree(
        entries=tuple(sorted(walk.entries, key=lambda entry: entry.path)),
        refused=tuple(walk.refused),
    )


def unpack(archive: Path, target: Path, bounds: TreeBounds) -> Tree:
    """Unpacks a zip or tar (plain, gz, xz, bz2) into the new folder `target`.

    Raises UserFacing, naming the archive, if anything in it is refused; `target` is gone then.
    """
    shown = clean(archive.name, cap=80)
    try:
        with _opened(archive) as source, _fresh(target):
            size = os.fstat(source.fileno()).st_size
            return _unpacked(source, size, _Writer(target, bounds, max(RATIO_FLOOR, RATIO * size)))
    except UserFacing as error:
        raise UserFacing(f"{shown} was not unpacked: {error.text}.") from error
    except _BROKEN as error:
        raise UserFacing(f"{shown} was not unpacked: it is damaged.") from error


class _Walk:
    """One walk through a folder: what was found, and what is left of the bounds."""

    def __init__(self, bounds: TreeBounds) -> None:
        self.bounds = bounds
        self.entries: list[Entry] = []
        self.refused: list[Refused] = []
        self.seen = self.size = 0
        self.is_full = False

    def folder(self, folder: int, prefix: str, depth: int) -> None:
        """Walks an open folder whose content stands at `depth`."""
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in islice(found, 2 * self.bounds.files + 1))
        for name in names:
            self.seen += 1
            try:
                why = _name_fault(name, self.bounds) or self._one(folder, name, prefix, depth=depth)
            except OSError:
                why = "cannot be read"
            if why:
                self.refused.append(
                    Refused(path=clean(prefix + name, cap=200).replace("\n", " "), why=why)
                )
            if self.is_full:
                return

    def _one(self, folder: int, name: str, prefix: str, *, depth: int) -> str:
        """Takes in one entry; returns why not, or nothing."""
        if self.seen > 2 * self.bounds.files:
            self.is_full = True
            return "too many files"
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISREG(mode):
            return self._file(folder, name, prefix)
        if not stat.S_ISDIR(mode):
            return _KINDS.get(stat.S_IFMT(mode), "is of an unknown kind")
        if depth >= self.bounds.depth:
            return "too deep"
        inner = os.open(name, _FOLDER, dir_fd=folder)
        try:
            self.folder(inner, f"{prefix}{name}/", depth + 1)
        finally:
            os.close(inner)
        return ""

    def _file(self, folder: int, name: str, prefix: str) -> str:
        if len(self.entries) >= self.bounds.files:
            self.is_full = True
            return "too many files"
        room = min(self.bounds.each, self.bounds.total - self.size)
        descriptor = os.open(name, _FILE, dir_fd=folder)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return "cannot be read"
            if found.st_nlink != 1:
                return "is a hard link"
            size, sha256 = _digest(descriptor, room)
        finally:
            os.close(descriptor)
        if size > room:
            return "too large"
        self.size += size
        self.entries.append(Entry(path=prefix + name, size=size, sha256=sha256))
        return ""


def _digest(descriptor: int, room: int) -> tuple[int, str]:
    """Size and hash; stops once the file is larger than `room`, whatever its size said before."""
    digest, size = hashlib.sha256(), os.fstat(descriptor).st_size
    if size > room:
        return size, ""
    size = 0
    while size <= room and (piece := os.read(descriptor, _PIECE)):
        size += len(piece)
        digest.update(piece)
    return size, digest.hexdigest()


def _name_fault(name: str, bounds: TreeBounds) -> str:
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


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    try:
        descriptor = os.open(archive, _FILE)
    except OSError as error:
        raise UserFacing("it cannot be opened") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserFacing("it is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as source:
            yield source
    finally:
        os.close(descriptor)


@contextmanager
def _fresh(target: Path) -> Iterator[None]:
    """A new folder, which only stays if nothing goes wrong."""
    try:
        target.mkdir()
    except FileExistsError as error:
        raise Bug(f"the folder {target} is not a fresh one") from error
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not is_done:
            shutil.rmtree(target, ignore_errors=True)


class _Writer:
    """Writes an archive's members into a fresh folder and counts what they cost."""

    def __init__(self, target: Path, bounds: TreeBounds, allowed: int) -> None:
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

    def file(self, name: str, source: _Source) -> None:
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
            raise UserFacing(f"{_quoted(path)} and {_quoted(known)} differ only in case or accents")
        if not (is_folder and was_folder):
            raise UserFacing(f"{_quoted(path)} is there twice")

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

    def _pour(self, source: _Source, out: IO[bytes], shown: str) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while piece := source.read(_PIECE):
            size += len(piece)
            self._written += len(piece)
            if size > self.bounds.each:
                raise UserFacing(f"{_quoted(shown)} is larger than {_mb(self.bounds.each)}")
            if self._written > self.bounds.total:
                raise UserFacing(f"it unpacks to more than {_mb(self.bounds.total)}")
            if self._written > self.allowed:
                raise UserFacing(f"it unpacks to more than {RATIO} times its size")
            digest.update(piece)
            out.write(piece)
        return size, digest.hexdigest()


def _parts(name: str, bounds: TreeBounds) -> list[str]:
    if name.startswith("/") or name[1:3] in {":", ":/", ":\\"}:
        raise UserFacing(f"{_quoted(name)} is an absolute name")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise UserFacing(f"{_quoted(name)} leads out of the folder")
    if len(parts) > bounds.depth:
        raise UserFacing(f"{_quoted(name)} lies too deep")
    for part in parts:
        fault = "its name holds a backslash" if "\\" in part else _name_fault(part, bounds)
        if fault:
            raise UserFacing(f"{_quoted(name)}: {fault}")
    return parts


def _quoted(name: str) -> str:
    return f"'{clean(name, cap=80)}'"


def _mb(size: int) -> str:
    return f"{size / MB:.3g} MB"


def _unpacked(source: IO[bytes], size: int, writer: _Writer) -> Tree:
    """Chooses by the first bytes, never by the name."""
    if size > writer.bounds.total:
        raise UserFacing(f"it is larger than {_mb(writer.bounds.total)}")
    head = source.read(512)
    source.seek(0)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        _unzip(source, size, writer)
    elif head.startswith(b"\x1f\x8b"):
        _untar(gzip.GzipFile(fileobj=source), writer)
    elif head.startswith(b"BZh"):
        _untar(bz2.BZ2File(source), writer)
    elif head.startswith(b"\xfd7zXZ\0"):
        _untar(_Xz(source), writer)
    elif head[257:262] == b"ustar":
        _untar(source, writer)
    else:
        raise UserFacing("it is neither a zip nor a tar")
    return writer.tree()


def _unzip(source: IO[bytes], size: int, writer: _Writer) -> None:
    _check_index(source, size, writer.bounds)
    with zipfile.ZipFile(source) as opened:
        members = opened.infolist()
        _check_places(members, opened.start_dir)
        for member in members:
            _check_zipped(member)
            if member.is_dir():
                writer.folder(member.orig_filename)
                continue
            with opened.open(member) as content:
                writer.file(member.orig_filename, content)


def _check_index(source: IO[bytes], size: int, bounds: TreeBounds) -> None:
    """Bounds the index before the library reads it whole; finds it the same way."""
    source.seek(max(0, size - (1 << 16) - 42))
    tail = source.read()
    end = len(tail) - 22
    if end < 0 or tail[end : end + 4] != b"PK\5\6" or tail[-2:] != b"\0\0":
        end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        raise UserFacing("it is damaged")
    (length,) = struct.unpack("<L", tail[end + 12 : end + 16])
    if length > _INDEX_BYTES * bounds.files or tail[max(0, end - 20) :].startswith(b"PK\6\7"):
        raise UserFacing(f"its index is too large for {bounds.files} files")
    if length > size - len(tail) + end:
        raise UserFacing("it is damaged")


def _check_places(members: list[zipfile.ZipInfo], index: int) -> None:
    """No member may lie on another, which is how a small zip holds petabytes."""
    starts = sorted((info.header_offset, info.compress_size) for info in members)
    following = [start for start, _ in starts[1:]] + [index]
    for (start, length), after in zip(starts, following, strict=True):
        if start < 0 or start + 30 + length > after:
            raise UserFacing("it holds members that lie on top of each other")


def _check_zipped(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.flag_bits & 0x2041:
        raise UserFacing(f"{_quoted(member.orig_filename)} is encrypted")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        why = _KINDS.get(kind, "is of an unknown kind")
        raise UserFacing(f"{_quoted(member.orig_filename)} {why}")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UserFacing(f"{_quoted(member.orig_filename)} uses a compression that is not known")


def _untar(source: _Source, writer: _Writer) -> None:
    counted = _Counted(source, writer)
    stream = cast("IO[bytes]", counted)  # this mode only ever calls `read`
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as opened:
        while (member := opened.next()) is not None:
            _untar_member(opened, member, writer)
    while counted.read(_PIECE):  # up to the checksum
        pass


def _untar_member(opened: tarfile.TarFile, member: tarfile.TarInfo, writer: _Writer) -> None:
    if member.isdir():
        writer.folder(member.name)
        return
    content = opened.extractfile(member) if member.isreg() and member.size >= 0 else None
    if member.issparse() or content is None:
        raise UserFacing(f"{_quoted(member.name)} {_tar_kind(member)}")
    writer.file(member.name, content)


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "is a symbolic link"
    if member.islnk():
        return "is a hard link"
    if member.isfifo():
        return "is a pipe"
    return "is a device" if member.isdev() else "is of an unknown kind"


class _Header(tarfile.TarInfo):
    """Refuses headers before the library acts on them."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parses one block; a damaged one must not look like the end of the archive."""
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf).strip(b"\0"):
                raise UserFacing("it is damaged") from error
            raise
        if header.type in _EXTENDED and header.size > _EXTENDED_CAP:
            raise UserFacing("it holds a header that is too large")
        if header.size < 0 or header.type == tarfile.GNUTYPE_SPARSE:
            raise UserFacing(f"{_quoted(header.name)} is of an unknown kind")
        return header


class _Counted:
    """Counts what a compressed tar has grown to: headers, padding and all."""

    def __init__(self, source: _Source, writer: _Writer) -> None:
        self._source = source
        self._left = min(writer.allowed, writer.bounds.total + 2048 * writer.bounds.files + MB)

    def read(self, size: int, /) -> bytes:
        """Some bytes, none at the end."""
        try:
            piece = self._source.read(size)
        except OSError as error:
            if error.errno is not None:
                raise
            raise UserFacing("it is damaged") from error
        self._left -= len(piece)
        if self._left < 0:
            raise UserFacing(f"it unpacks to more than {RATIO} times its size, or is too large")
        return piece


class _Xz:
    """Reads xz with a bound on memory, which the standard reader lacks."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._decoder = self._new()

    def read(self, size: int, /) -> bytes:
        """Some bytes, none at the end."""
        while True:
            data = self._source.read(_PIECE) if self._decoder.needs_input else b""
            if self._decoder.eof:
                data = (self._decoder.unused_data or self._source.read(_PIECE)).lstrip(b"\0")
                if not data:
                    return b""
                self._decoder = self._new()
            elif self._decoder.needs_input and not data:
                raise EOFError("the archive ends too early")
            if piece := self._decoder.decompress(data, size):
                return piece

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
