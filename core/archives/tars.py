"""Reads tars, plain or compressed.

Threat: headers of any size that are read whole, sparse files of terabytes, a damaged block that
looks like the end, an xz header of 24 bytes that asks for 4 GB of memory.
"""

from __future__ import annotations

import lzma
import tarfile
from typing import IO, TYPE_CHECKING, Self, cast

from core.archives.types import MB, PIECE, UNKNOWN_KIND, Source, quoted
from core.archives.writer import RATIO
from core.errors import UserFacing

if TYPE_CHECKING:
    from core.archives.writer import Writer

_EXTENDED_CAP = 8 * 1024  # a tar's extended header is read whole, and searched slowly
_XZ_MEMORY = 128 * MB
_EXTENDED = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip


def untar(source: Source, writer: Writer) -> None:
    """Hands every member of an uncompressed stream to the writer, and reads it to its end."""
    counted = _Counted(source, writer)
    stream = cast("IO[bytes]", counted)  # this mode only ever calls `read`
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as opened:
        while (member := opened.next()) is not None:
            _untar_member(opened, member, writer)
    while counted.read(PIECE):  # up to the checksum
        pass


def _untar_member(opened: tarfile.TarFile, member: tarfile.TarInfo, writer: Writer) -> None:
    if member.isdir():
        writer.folder(member.name)
        return
    content = opened.extractfile(member) if member.isreg() and member.size >= 0 else None
    if member.issparse() or content is None:
        raise UserFacing(f"{quoted(member.name)} {_tar_kind(member)}")
    writer.file(member.name, content)


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "is a symbolic link"
    if member.islnk():
        return "is a hard link"
    if member.isfifo():
        return "is a pipe"
    return "is a device" if member.isdev() else UNKNOWN_KIND


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
            raise UserFacing(f"{quoted(header.name)} is of an unknown kind")
        return header


class _Counted:
    """Counts what a compressed tar has grown to: headers, padding and all."""

    def __init__(self, source: Source, writer: Writer) -> None:
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


class Xz:
    """Reads xz with a bound on memory, which the standard reader lacks."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._decoder = self._new()

    def read(self, size: int, /) -> bytes:
        """Some bytes, none at the end."""
        while True:
            data = self._source.read(PIECE) if self._decoder.needs_input else b""
            if self._decoder.eof:
                data = (self._decoder.unused_data or self._source.read(PIECE)).lstrip(b"\0")
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
