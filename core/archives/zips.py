"""Reads zips.

Threat: an index of gigabytes, members that share their bytes, links in a zip's Unix attributes.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from typing import IO, TYPE_CHECKING

from core.archives.types import KINDS, UNKNOWN_KIND, Bounds, quoted
from core.errors import UserFacing

if TYPE_CHECKING:
    from core.archives.writer import Writer

_INDEX_BYTES = 512  # of a zip's index, for each file


def unzip(source: IO[bytes], size: int, writer: Writer) -> None:
    """Hands every member of a zip of `size` bytes to the writer."""
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


def _check_index(source: IO[bytes], size: int, bounds: Bounds) -> None:
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
        raise UserFacing(f"{quoted(member.orig_filename)} is encrypted")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        why = KINDS.get(kind, UNKNOWN_KIND)
        raise UserFacing(f"{quoted(member.orig_filename)} {why}")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UserFacing(f"{quoted(member.orig_filename)} uses a compression that is not known")
