"""Unpacks one archive into a fresh folder, or refuses it whole.

Threat: a path that is a link, a pipe or a device instead of an archive; a name that says one format
while the bytes are another; what was written before a refusal stays behind.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from core.archives.tars import Xz, untar
from core.archives.types import MB, Bounds, NotUnpacked, Tree, in_mb
from core.archives.writer import RATIO, Writer
from core.archives.zips import unzip
from core.errors import Bug, UserFacing
from core.hygiene import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RATIO_FLOOR = MB
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
    ValueError, OverflowError, LookupError, TypeError, struct.error,
)  # fmt: skip


def unpack(archive: Path, target: Path, bounds: Bounds) -> Tree:
    """Unpacks a zip or tar (plain, gz, xz, bz2) into the new folder `target`.

    Raises NotUnpacked, naming the archive, if anything in it is refused; `target` is gone then.
    """
    shown = clean(archive.name, cap=80)
    try:
        with _opened(archive) as source, _fresh(target):
            size = os.fstat(source.fileno()).st_size
            return _unpacked(source, size, Writer(target, bounds, max(RATIO_FLOOR, RATIO * size)))
    except UserFacing as error:
        raise NotUnpacked(shown, error.text) from error
    except _BROKEN as error:
        raise NotUnpacked(shown, "it is damaged") from error


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


def _unpacked(source: IO[bytes], size: int, writer: Writer) -> Tree:
    """Chooses by the first bytes, never by the name."""
    if size > writer.bounds.total:
        raise UserFacing(f"it is larger than {in_mb(writer.bounds.total)}")
    head = source.read(512)
    source.seek(0)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        unzip(source, size, writer)
    elif head.startswith(b"\x1f\x8b"):
        untar(gzip.GzipFile(fileobj=source), writer)
    elif head.startswith(b"BZh"):
        untar(bz2.BZ2File(source), writer)
    elif head.startswith(b"\xfd7zXZ\0"):
        untar(Xz(source), writer)
    elif head[257:262] == b"ustar":
        untar(source, writer)
    else:
        raise UserFacing("it is neither a zip nor a tar")
    return writer.tree()
